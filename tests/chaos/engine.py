"""The process that is killed: a database, a worker, and somebody who places orders at random."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
import yaml

from gateway import doctor
from gateway.network import Network
from gateway.worker import Worker
from kernel.database import Database, Unavailable
from kernel.errors import Conflict, TrunklineError
from kernel.ids import TenantId
from kernel.time import SystemClock
from kernel.work import Actor, SystemWork, Work
from oss.inventory import elements, pools
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.model import Service, ServiceId
from oss.inventory.pools import Piece
from oss.orders import guard, views
from oss.orders import service as orders
from oss.orders.machine import OPEN_ORDERS
from oss.orders.model import ServiceOrder, Verb
from oss.orders.model import Worker as Leased
from oss.orders.settle import Policy
from oss.port import Level
from oss.specs import service as specs
from tests.chaos.elements import SocketElement

OPERATOR = TenantId(1)
CLERK = Actor("chaos:clerk", frozenset({"admin"}))
PAUSE_S = 0.002
"""Between two orders."""
AWAY_S = 0.05
"""The same while the database does not answer."""
DRAIN_S = 90.0
"""What is under way when the killing stops must have ended by then."""
EVERYTHING = "chaos"
"""What every order is placed under, approved beforehand: no blast radius stops the chaos."""
LAST = 0.01
"""The share of changes that end a line."""
NOT_HERE = {"I5"}
"""There are no customers here, so no line has a subscription."""
SPEC = """
name: line
characteristics: {profile: '^[A-Z0-9]{1,16}$'}
resources: [{pool: port, as: port}, {pool: meter, as: meter}]
components:
  - {name: port, on: port, intent: port, key: '{port}', state: {profile: '{profile}', admin: up}, hard: {admin: down}}
  - {name: shape, on: port, intent: shape, key: '{port}s', requires: [port], state: {rate: '{profile}'}}
  - {name: meter, on: meter, intent: meter, key: '{meter}', requires: [port], state: {bar: none},
     soft: {bar: outgoing}, hard: {bar: all}}
"""


@dataclass(frozen=True)
class World:
    """How long a command may take and how late it may arrive; nothing is ever given up, so each order must end well.

    What is held back in the network is always shorter than deadline and horizon together: that is what they are for.
    """

    timeout_ms: int = 60
    horizon_s: float = 0.3
    late_s: float = 0.0

    @property
    def policy(self) -> Policy:
        """Patience without end."""
        return Policy(failures=1_000_000, first_s=0.02, longest_s=0.2, horizon_s=self.horizon_s)


QUICK = World()
"""Fifteen times what the slowest element takes, so that a late command never meets its own read-back."""
FAR = World(timeout_ms=15_000, horizon_s=1.0, late_s=14.0)
"""A network that delivers after the takeover what a dead worker said: the shipped horizon, and a deadline above it."""


def opened(url: str) -> Database:
    """The database of this process; SQLite's file must be free, so whoever had it is dead."""
    return Database(url, clock=SystemClock())


def prepare(url: str, lines: int, world: World = QUICK) -> None:
    """Elements, stock, a specification, and reserved lines."""
    database = opened(url)

    def build(work: Work) -> None:
        guard.approve_parent(work, EVERYTHING, requested_by="somebody else")
        listed = [
            {"name": name, "protocol": "memory", "role": name, "address": {"timeout_ms": world.timeout_ms}}
            for name in ("olt-1", "olt-2", "broker")
        ]
        for document in elements.load(yaml.safe_dump({"elements": listed})):
            elements.apply(work, document)
        pools.stock(work, "port", [Piece(str(i + 1), f"olt-{i % 2 + 1}") for i in range(lines)], granted_to=OPERATOR)
        pools.stock(work, "meter", [Piece(f"meter-{i}", "broker") for i in range(lines)], granted_to=OPERATOR)
        specs.apply(work, SPEC)
        for _ in range(lines):
            inventory.create(work, "line", profile={"profile": "P100"}, owner=None)

    database.run(build, tenant=OPERATOR, actor=CLERK)
    database.close()


def lines_of(work: Work) -> list[ServiceId]:
    """Every line there is."""
    return list(work.session.scalars(sa.select(Service.id).where(Service.tenant == OPERATOR).order_by(Service.id)))


class Engine:
    """A worker over the elements' socket."""

    def __init__(
        self, url: str, socket: Path, *, world: World = QUICK, label: str = "chaos", alone: bool = True
    ) -> None:
        self.database = opened(url)
        self.network = Network(self.database, lambda spec: SocketElement(spec.name, socket, label))
        if alone:
            self.database.run_system(_bury)
        self.worker = Worker(self.database, self.network, policy=world.policy, label=label)

    def live(self, seed: int) -> None:
        """Work and place orders until killed."""
        threading.Thread(target=_place_for_ever, args=(self.database, seed), daemon=True).start()
        asyncio.run(self.worker.run())

    async def drain(self) -> list[str]:
        """Work until nothing is under way; what the doctor finds then."""
        running = asyncio.create_task(self.worker.run())
        until = time.monotonic() + DRAIN_S
        while time.monotonic() < until and not running.done() and await self._look(_under_way):  # noqa: ASYNC110  (rows)
            await asyncio.sleep(0.05)
        self.worker.stop()
        await running
        verdicts = await doctor.examine(self.database, network=self.network)
        left = await self._look(_under_way)
        await asyncio.to_thread(self.database.close)
        broken = [v for v in verdicts if v.finding is doctor.Finding.VIOLATED and v.name not in NOT_HERE]
        found = [f"{v.name}: {said}" for v in broken for said in v.violations]
        return found + ([f"{left} orders are still under way"] if left else [])

    async def _look(self, fn: object) -> int:
        return await asyncio.wrap_future(self.database.read_system(fn))  # type: ignore[arg-type]


def _bury(work: SystemWork) -> None:
    """The worker before is dead, its parent has waited for it: nobody need wait for its leases."""
    work.connection.execute(sa.update(Leased).values(until=0))


def _under_way(work: SystemWork) -> int:
    query = sa.select(sa.func.count()).select_from(ServiceOrder).where(ServiceOrder.state.in_(OPEN_ORDERS))
    return int(work.connection.execute(query).scalar_one()) or int(views.busy(work))


def _place_for_ever(database: Database, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  (repeatable dice, no secret)
    lines = database.read(lines_of, tenant=OPERATOR, actor=CLERK).result()
    while True:
        line = dice.choice(lines)
        try:
            database.run(lambda work, s=line: act(work, s, dice), tenant=OPERATOR, actor=CLERK)  # type: ignore[misc]
        except Conflict:
            pass  # an order that is under way did not let this one in: that is an answer, too
        except Unavailable:
            time.sleep(AWAY_S)  # it is away, or going down with us: nothing is known to have changed
        except TrunklineError:
            return
        time.sleep(PAUSE_S)


def act(work: Work, line: ServiceId, dice: random.Random) -> None:
    """Ask for something that can be asked of this line now."""
    service = inventory.get(work, line)
    if service.state is ServiceState.TERMINATED or not service.present:
        return
    if service.generation == 0:
        _order(work, line, Verb.ADD)
    elif service.state is ServiceState.ACTIVE or dice.random() < 0.3:
        _change(work, line, dice)


def _change(work: Work, line: ServiceId, dice: random.Random) -> None:
    drawn = dice.random()
    if drawn < LAST:
        inventory.retire(work, line)
        _order(work, line, Verb.TERMINATE)
    elif drawn < 0.4:
        inventory.reshape(work, line, profile={"profile": f"P{dice.randrange(10)}"})
        _order(work, line, Verb.MODIFY)
    elif inventory.open_restrictions(work, line):
        inventory.lift(work, line, cause="customer")
        _order(work, line, Verb.LIFT)
    else:
        inventory.restrict(work, line, cause="customer", level=dice.choice((Level.SOFT, Level.HARD)))
        _order(work, line, Verb.RESTRICT)


def _order(work: Work, line: ServiceId, verb: Verb) -> None:
    orders.place(work, line, intent=inventory.intent(work, line), verb=verb, parent=EVERYTHING)
