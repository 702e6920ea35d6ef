"""A fleet of meters for bulk stories: many lines that are up, their element in memory, a house that may die."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from adapters.elements.memory import Fault, MemoryElement
from bss.catalog import service as catalog
from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Subscription, SubscriptionId
from gateway import dispatch, doctor, seed
from gateway.identity.service import Caller
from gateway.runtime import Runtime
from gateway.settings import Settings
from gateway.verbs import core
from gateway.verbs.core import Desk
from gateway.verbs.table import BY_NAME
from gateway.wiring import Gateway, open_gateway
from kernel.ids import TenantId
from kernel.time import VirtualClock
from kernel.work import Actor, SystemWork, Work
from oss.inventory import elements, supply
from oss.inventory.machine import ServiceState
from oss.inventory.model import Confirmation, Service, ServiceId
from oss.orders.model import OrderId
from oss.orders.settle import Policy
from oss.specs import service as specs
from oss.specs.compose import Intent, compose
from tests.conftest import START

T = TypeVar("T")
OPERATOR = TenantId(1)
ANNA = Actor("noc:anna", frozenset({"admin"}))
BORIS = Actor("noc:boris", frozenset({"admin"}))
BROKER = """
elements:
  - {name: broker-1, protocol: memory, role: devices, address: {timeout_ms: 20}}
"""
BRISK = Policy(failures=5, first_s=0.01, longest_s=0.05, horizon_s=0.01)


@dataclass
class Fleet:
    """A house over a file, and the element that outlives it."""

    folder: Path
    url: str | None = None
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))
    element: MemoryElement = field(default_factory=lambda: MemoryElement("broker-1"))
    lines: list[SubscriptionId] = field(default_factory=list)
    account: str = ""
    killed: bool = False
    _open: list[tuple[Gateway, Runtime]] = field(default_factory=list)

    @property
    def gateway(self) -> Gateway:
        """The house that lives now."""
        return self._open[-1][0]

    @property
    def runtime(self) -> Runtime:
        """What moves in it."""
        return self._open[-1][1]

    # ---- what people do

    async def do(self, name: str, actor: Actor = ANNA, **fields: object) -> dict[str, Any]:
        """One verb at a desk; what it gives, as JSON."""
        verb = BY_NAME[name]
        given = await Desk(self.gateway, Caller(OPERATOR, actor)).do(verb, core.asked(verb, fields))
        document: dict[str, Any] = json.loads(given.model_dump_json())
        return document

    async def submit(self, verb: str, rows: Iterable[Mapping[str, str]], **over: Any) -> dict[str, Any]:
        """A job of those rows, started."""
        job = await self.do("bulk.submit", verb=verb, file="rows.csv", **over)
        asked = [{"line": number, "columns": dict(row)} for number, row in enumerate(rows, 2)]
        for start in range(0, len(asked), 2_000):
            await self.do("bulk.load", job_id=job["id"], rows=asked[start : start + 2_000])
        return await self.do("bulk.start", job_id=job["id"])

    def rows(self, count: int | None = None, **columns: str) -> list[dict[str, str]]:
        """A row for each of the first lines."""
        return [{"subscription_id": str(line), **columns} for line in self.lines[:count]]

    async def job(self, job_id: str) -> dict[str, Any]:
        """A job as it stands."""
        return await self.do("bulk.show", job_id=job_id)

    async def ended(self, job_id: str, *, minutes: int = 10) -> dict[str, Any]:
        """The job once some business minutes have passed."""
        await self.runtime.advance(self.clock.now() + timedelta(minutes=minutes))
        return await self.job(job_id)

    async def over(self, job_id: str, *, rounds: int = 200) -> dict[str, Any]:
        """A large job once nothing of it moves: each round has the time that thousands of lines take."""
        for _ in range(rounds):
            await self.runtime.settled(within_s=300)
            told = await self.job(job_id)
            if told["state"] != "inProgress":
                return told
            await self.runtime.ticker.tick()
            self.clock.move_to(self.clock.now() + timedelta(seconds=1))
        raise AssertionError(f"{job_id} never ended")

    # ---- what there is

    def see(self, fn: Callable[[Work], T]) -> T:
        """One Work that only reads."""
        return self.gateway.database.read(fn, tenant=OPERATOR, actor=ANNA).result()

    def off(self) -> int:
        """How many meters the element has switched off."""
        return sum(1 for state in self.element.states.values() if state.get("enabled") is False)

    async def found(self, *names: str) -> dict[str, str]:
        """What doctor finds for some invariants."""
        verdicts = await doctor.examine(self.gateway.database)
        return {v.name: str(v.finding) for v in verdicts if v.name in names}

    def trouble(self, share: int, *faults: Fault) -> None:
        """Let one in so many meters fail, each once, in turn by one of the faults."""
        for number in range(0, len(self.lines), share):
            self.element.faults.plan(meter(number), faults[number // share % len(faults)], count=1)

    def refuse(self, share: int) -> None:
        """Let one in so many meters refuse for good."""
        for number in range(0, len(self.lines), share):
            self.element.faults.plan(meter(number), Fault.REFUSE)

    # ---- lives

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[Runtime]:
        """The house for the length of a block, in a process of its own as far as its memory goes."""
        settings = Settings(
            database_url=self.url or f"sqlite:///{self.folder}/fleet.db",
            secret_key_file=self.folder / "secret.key",
            notices_dir=self.folder / "notices",
            poll_s=0.05,
        )
        gateway = open_gateway(settings, subscriptions=dispatch.SUBSCRIPTIONS, clock=self.clock, strict_tenancy=True)
        gateway.connect = lambda spec: self.element  # type: ignore[method-assign]
        runtime = Runtime(gateway, policy=BRISK)
        moving = asyncio.get_running_loop().create_task(runtime.run())
        self._open.append((gateway, runtime))
        try:
            yield runtime
        finally:
            self._open.pop()
            if self.killed:
                moving.cancel()  # nothing is awaited or landed: what was sent and not answered stays so
            else:
                runtime.stop()
            with suppress(asyncio.CancelledError):
                await moving
            await gateway.close()

    async def furnish(self, count: int) -> None:
        """Catalogue, element, stock, and so many lines that are up."""
        database = self.gateway.database
        await asyncio.to_thread(database.run_system, _network)
        await asyncio.to_thread(database.run, self._market, tenant=OPERATOR, actor=ANNA)
        for start in range(0, count, 1_000):
            part = range(start, min(count, start + 1_000))
            await asyncio.to_thread(
                database.run, lambda work, p=part: self._build(work, p), tenant=OPERATOR, actor=ANNA
            )

    def _market(self, work: Work) -> None:
        seed.commercial(work)
        _, account = customers.create(work, name="Ada", email="ada@example.org", currency="EUR", zone="Europe/Berlin")
        work.flush()
        self.account = str(account.id)

    def _build(self, work: Work, part: range) -> None:
        spec, spec_hash = specs.pinned(work, "meter")
        offering = catalog.offering(work, "meter")
        intent = Intent(profile=dict(offering.characteristics))
        made: dict[type[Any], list[dict[str, Any]]] = {Service: [], Subscription: [], Confirmation: []}
        for number in part:
            service, line, order = ServiceId.new(), SubscriptionId.new(), OrderId.new()
            values = {"service": str(service), "meter": meter(number)}
            (target,) = compose(spec, intent, values, {"meter": "broker-1"})
            self.element.states[target.intent, target.key] = dict(target.state)
            self.lines.append(line)
            common = {"tenant": OPERATOR}
            made[Service].append(
                {
                    **common,
                    "id": service,
                    "spec": spec.name,
                    "spec_hash": spec_hash,
                    "owner": str(line),
                    "state": ServiceState.ACTIVE,
                    "protected": False,
                    "profile": dict(intent.profile),
                    "generation": 1,
                    "confirmed_generation": 1,
                    "confirmed_intent": intent.document(),
                    "confirmed_at": work.now,
                    "created_at": work.now,
                    "activated_at": work.now,
                    "values": values,
                    "elements": {"meter": "broker-1"},
                }
            )
            made[Subscription].append(
                {
                    **common,
                    "id": line,
                    "account_id": AccountId.parse(self.account),
                    "offering": offering.code,
                    "offering_hash": offering.hash,
                    "service_id": service,
                    "order_ref": "por_0000000000000",
                    "state": SubscriptionState.ACTIVE,
                    "zone": "Europe/Berlin",
                    "currency": "EUR",
                    "quantity": 1,
                    "ordered_at": work.now,
                    "activated_at": work.now,
                }
            )
            made[Confirmation].append(
                {
                    **common,
                    "order_id": int(order),
                    "seq": 0,
                    "service_id": service,
                    "element": "broker-1",
                    "key": target.key,
                    "intent": target.intent,
                    "generation": 1,
                    "wanted": dict(target.state),
                    "read_back": dict(target.state),
                    "transcript_digest": "",
                    "incarnation": "",
                    "at": work.now,
                }
            )
        for kind, rows in made.items():
            work.connection.execute(sa.insert(kind), rows)


def meter(number: int) -> str:
    """The name of a meter."""
    return f"meter-{number:05d}"


def _network(work: SystemWork) -> None:
    for path in sorted((seed.CONFIG / "specs").glob("*.yaml")):
        specs.apply(work, path)
    for document in elements.load(BROKER):
        elements.apply(work, document)
    stock = "pools:\n  - {pool: meter, element: broker-1, values: [fresh-1, fresh-2, fresh-3]}\n"
    supply.apply(work, stock, granted_to=OPERATOR)


@asynccontextmanager
async def fleet(folder: Path, count: int, *, url: str | None = None) -> AsyncIterator[Fleet]:
    """A furnished fleet whose house lives for the length of the block."""
    made = Fleet(folder, url)
    async with made.alive():
        await made.furnish(count)
        yield made
