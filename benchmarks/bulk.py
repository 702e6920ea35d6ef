"""How many lines a second a bulk restriction takes: ordered in sets, drained meanwhile over 50 free lanes.

    python benchmarks/bulk.py --lines 100000 --db sqlite|postgresql://... --json
    python benchmarks/bulk.py --paced --db ... --json

The first is the engine's ceiling: the elements answer at once. `--paced` has two lanes that bear 200 commands a second
and take 20 ms for each: `bucket_use` is the share of what bulk may take that it takes, `interactive_p99_ms` what an
order takes meanwhile that somebody waits for on the same lanes. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import yaml

from adapters.elements.memory import MemoryElement
from benchmarks import place
from gateway.network import Network
from gateway.worker import Worker
from kernel import rows
from kernel.database import Database
from kernel.tables import to_micros
from kernel.time import SystemClock
from kernel.work import SystemWork, Work
from oss.inventory import elements, many
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.many import Wish
from oss.inventory.model import ServiceId
from oss.orders import guard
from oss.orders import service as orders
from oss.orders.machine import OPEN_ORDERS, OrderState
from oss.orders.model import OrderId, Priority, ServiceOrder, Verb
from oss.orders.place_many import place_many
from oss.port import Command, ElementSpec, Level, Outcome
from oss.specs import service as specs
from oss.specs.compose import Intent, compose

LANES = 50
CHUNK = 500
"""Lines ordered by one Work, as bulk jobs do."""
AHEAD = 5_000
"""Lines ordered and not yet confirmed at most, as bulk jobs do."""
STEPS = 2
"""Works that order lines and are not committed at most: many would be one long group commit."""
LOOK_S = 0.02
"""How often another connection looks how far it is."""
GLANCE_S = 0.25
"""How often it counts what is confirmed."""
PACED_LANES, PACED_PER_S, PACED_ANSWER_S = 2, 200, 0.02
BULK_SHARE = 0.8
"""Of a lane's rate bulk may take so much."""
PACED_S, PACED_WARM_S = 20.0, 3.0
"""How long it is measured, after so long of getting under way."""
PARENT = "benchmark"
LINE = {
    "name": "bulk-line",
    "characteristics": {"profile": "^[A-Z0-9]{1,16}$"},
    "resources": [{"pool": "port", "as": "port"}],
    "components": [
        {
            "name": "port",
            "on": "port",
            "intent": "port",
            "key": "{port}",
            "state": {"profile": "{profile}", "admin": "up"},
            "hard": {"admin": "down"},
        }
    ],
}
_SERVICE = (
    *("tenant", "id", "spec", "spec_hash", "owner", "state", "protected", "profile", "present", "generation"),
    *("confirmed_generation", "confirmed_intent", "confirmed_at", "created_at", "activated_at", "values", "elements"),
)
_CONFIRMATION = (
    *("tenant", "order_id", "seq", "service_id", "element", "key", "intent", "generation", "wanted", "read_back"),
    *("transcript_digest", "incarnation", "at"),
)


class SlowElement(MemoryElement):
    """One that takes its time."""

    async def apply(self, command: Command) -> Outcome:
        """Bring the key to the state, after a while."""
        await asyncio.sleep(PACED_ANSWER_S)
        return await super().apply(command)


@dataclass
class Street:
    """Elements, each a lane of its own, and the lines that are up on them."""

    elements: dict[str, MemoryElement]
    per_s: int | None = None

    def connect(self, spec: ElementSpec) -> MemoryElement:
        """The element of that name."""
        return self.elements[spec.name]

    def build(self, database: Database, count: int) -> list[ServiceId]:
        """Apply them, and let so many lines be up without an order for each."""
        database.run(self._apply, tenant=place.OPERATOR, actor=place.CLERK)
        made: list[ServiceId] = []
        for start in range(0, count, CHUNK * 4):
            part = range(start, min(start + CHUNK * 4, count))
            made += database.run(lambda work, p=part: self._lines(work, p), tenant=place.OPERATOR, actor=place.CLERK)  # type: ignore[misc]
        return made

    def _apply(self, work: Work) -> None:
        paced = {} if self.per_s is None else {"per_s": self.per_s}
        listed = [{"name": name, "protocol": "memory", "role": "olt", **paced} for name in self.elements]
        for document in elements.load(yaml.safe_dump({"elements": listed})):
            elements.apply(work, document)
        specs.apply(work, yaml.safe_dump(LINE))
        guard.approve_parent(work, PARENT, requested_by="somebody else")

    def _lines(self, work: Work, part: range) -> list[ServiceId]:
        spec, spec_hash = specs.pinned(work, "bulk-line")
        intent, names, sqlite = Intent(profile={"profile": "HOME500"}), list(self.elements), work.dialect == "sqlite"
        yes, no, now = (1, 0, to_micros(work.now)) if sqlite else (True, False, to_micros(work.now))
        services, confirmed, made = [], [], []
        shown = json.dumps(intent.document())
        for number in part:
            service, element = ServiceId.new(), names[number % len(names)]
            values = {"service": str(service), "port": str(number + 1)}
            (target,) = compose(spec, intent, values, {"port": element})
            self.elements[element].states[target.intent, target.key] = dict(target.state)
            profile, state = json.dumps(dict(intent.profile)), json.dumps(dict(target.state))
            start = (int(work.tenant), int(service), spec.name, spec_hash, f"owner_{number}", str(ServiceState.ACTIVE))
            services.append(
                (
                    *start,
                    no,
                    profile,
                    yes,
                    1,
                    1,
                    shown,
                    now,
                    now,
                    now,
                    json.dumps(values),
                    json.dumps({"port": element}),
                )
            )
            place_of = (int(service), element, target.key, target.intent, 1, state, state, "", "", now)
            confirmed.append((int(work.tenant), int(OrderId.new()), 0, *place_of))
            made.append(service)
        rows.insert(work.connection, "service", _SERVICE, services)
        rows.insert(work.connection, "confirmation", _CONFIRMATION, confirmed)
        return made


def restrict(work: Work, part: list[ServiceId]) -> None:
    """A chunk of lines stopped wholly, as a bulk job does it below its commercial side."""
    many.restrict(work, {one: Wish("customer", Level.HARD) for one in part}, placed_by=place.CLERK.name)
    place_many(work, part, verb=Verb.RESTRICT, parent=PARENT)


def confirmed(work: SystemWork) -> int:
    """How many restrictions the network has confirmed, seen by a reader's connection."""
    mine = (ServiceOrder.tenant == place.OPERATOR, ServiceOrder.state == OrderState.COMPLETED)
    query = sa.select(sa.func.count()).select_from(ServiceOrder)
    return int(work.connection.execute(query.where(*mine, ServiceOrder.verb == Verb.RESTRICT)).scalar_one())


def drained(database: Database, services: list[ServiceId]) -> tuple[float, float]:
    """Restrict all of them and wait until each is confirmed; seconds, and the most confirmed in one second."""
    begun = time.perf_counter()
    seen: deque[tuple[float, int]] = deque([(begun, 0)])
    waiting = deque(services[start : start + CHUNK] for start in range(0, len(services), CHUNK))
    ordered, peak = 0, 0.0
    flying: deque[Future[None]] = deque()
    while seen[-1][1] < len(services):
        while waiting and ordered - seen[-1][1] < AHEAD and len(flying) < STEPS:
            part = waiting.popleft()
            ordered += len(part)
            flying.append(
                database.submit(lambda work, p=part: restrict(work, p), tenant=place.OPERATOR, actor=place.CLERK)
            )  # type: ignore[misc]
        while flying and flying[0].done():
            flying.popleft().result()
        time.sleep(LOOK_S)
        if time.perf_counter() - seen[-1][0] < GLANCE_S:
            continue
        seen.append((time.perf_counter(), database.read_system(confirmed).result()))
        while seen[-1][0] - seen[0][0] > 1.0 and len(seen) > 2:
            seen.popleft()
        peak = max(peak, (seen[-1][1] - seen[0][1]) / max(seen[-1][0] - seen[0][0], 1.0))
    return time.perf_counter() - begun, peak


async def ceiling(url: str, count: int) -> dict[str, Any]:
    """The engine's ceiling."""
    database = Database(url, clock=SystemClock())
    street = Street({f"olt-{i}": MemoryElement(f"olt-{i}") for i in range(LANES)})
    services = await asyncio.to_thread(street.build, database, count)
    worker = Worker(database, Network(database, street.connect))
    running = asyncio.create_task(worker.run())
    draining = asyncio.create_task(asyncio.to_thread(drained, database, services))
    await asyncio.wait((draining, running), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()  # the worker gave up: say why, instead of waiting for it
    seconds, peak = await draining
    worker.stop()
    await running
    await asyncio.to_thread(database.close)
    down = sum(state.get("admin") == "down" for each in street.elements.values() for state in each.states.values())
    if down != count:
        raise SystemExit(f"{down} of {count} lines are down")
    return {"lines": count, "lines_per_s": round(count / seconds), "peak": round(peak), "rss_mb": rss_mb()}


def rss_mb() -> int:
    """The most memory this process has had."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


# ---- paced lanes


async def paced(url: str) -> dict[str, Any]:
    """How much of two slow lanes' rate bulk makes use of, and what somebody in person waits for meanwhile."""
    database = Database(url, clock=SystemClock())
    street = Street({f"olt-{i}": SlowElement(f"olt-{i}") for i in range(PACED_LANES)}, per_s=PACED_PER_S)
    enough = int(PACED_LANES * PACED_PER_S * (PACED_S + PACED_WARM_S) * 1.2)
    services = await asyncio.to_thread(street.build, database, enough + 200)
    worker = Worker(database, Network(database, street.connect))
    running = asyncio.create_task(worker.run())
    for start in range(0, enough, CHUNK):
        part = services[start : start + CHUNK]
        await asyncio.to_thread(
            database.run, lambda work, p=part: restrict(work, p), tenant=place.OPERATOR, actor=place.CLERK
        )
    await asyncio.sleep(PACED_WARM_S)
    before, begun = database.read_system(confirmed).result(), time.perf_counter()
    waited = await asyncio.to_thread(in_person, database, services[enough:], PACED_S)
    seconds = time.perf_counter() - begun
    done = database.read_system(confirmed).result() - before
    worker.stop()
    await running
    await asyncio.to_thread(database.close)
    return {
        "seconds": round(seconds, 1),
        "bucket_use": round(done / (PACED_LANES * PACED_PER_S * BULK_SHARE * seconds), 3),
        "interactive_orders": len(waited),
        "interactive_p50_ms": round(waited[len(waited) // 2] * 1000),
        "interactive_p99_ms": round(waited[int(len(waited) * 0.99)] * 1000),
        "rss_mb": rss_mb(),
    }


def in_person(database: Database, services: list[ServiceId], seconds: float) -> list[float]:
    """Orders placed one after the other for whoever waits, on the same lanes; what each took, in rising order."""
    taken, ends = [], time.perf_counter() + seconds
    for number, service in enumerate(services * 100):
        if time.perf_counter() >= ends:
            break
        begun = time.perf_counter()
        profile = {"profile": f"P{number}"}
        order = database.run(
            lambda work, s=service, p=profile: modify(work, s, p), tenant=place.OPERATOR, actor=place.CLERK
        )  # type: ignore[misc]
        while database.read_system(lambda work, o=order: is_open(work, o)).result():  # type: ignore[misc]
            time.sleep(0.002)
        taken.append(time.perf_counter() - begun)
    return sorted(taken)


def modify(work: Work, service: ServiceId, profile: dict[str, str]) -> OrderId:
    """Another profile for one line."""
    inventory.reshape(work, service, profile=profile)
    intent = inventory.intent(work, service)
    return orders.place(work, service, intent=intent, verb=Verb.MODIFY, priority=Priority.INTERACTIVE).order_id


def is_open(work: SystemWork, order: OrderId) -> bool:
    """Whether an order is under way."""
    mine = (ServiceOrder.tenant == place.OPERATOR, ServiceOrder.id == order)
    return work.connection.execute(sa.select(ServiceOrder.state).where(*mine)).scalar_one() in OPEN_ORDERS


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", required=True, help="sqlite, or the address of a PostgreSQL server's database")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--paced", action="store_true", help="two lanes of 200 commands/s that take 20 ms for each")
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    given = parser.parse_args(arguments)
    with place.fresh_url(given.db) as url:
        figures = asyncio.run(paced(url) if given.paced else ceiling(url, given.lines))
    if not given.json:
        for name, value in figures.items():
            sys.stdout.write(f"{name:20} {value}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
