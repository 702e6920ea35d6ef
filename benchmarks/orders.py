"""How many orders a second the engine carries: placed one Work each, drained meanwhile by one worker, read by another.

    python benchmarks/orders.py --db sqlite|postgresql://... --orders 5000 --steps 5 --json

The last line is JSON. `floor_per_s` is what the raw driver needs to write the same rows in as many commits, `ratio`
the share of it that is reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import psycopg
import sqlalchemy as sa

from benchmarks import floor, place, products
from gateway import collector
from gateway.network import Network
from gateway.worker import Worker
from kernel.database import Database
from kernel.ids import TenantId
from kernel.time import SystemClock
from kernel.work import SystemWork, Work
from oss.inventory import service as inventory
from oss.inventory.model import ServiceId
from oss.orders import service as orders
from oss.orders.machine import OPEN_ORDERS, OrderState
from oss.orders.model import ServiceOrder, Verb
from oss.orders.service import Placed

IN_FLIGHT = 1_000
"""Placements submitted and not yet committed: a busy morning's clients."""
IDLE = 100
"""Orders placed one by one when nothing else is going on."""
PRODUCT_ORDERS = 100
"""Product orders of which the rate is told beside it: customer, line, number, SIM, gate and all."""
LOOK_S = 0.02
"""How often another connection looks whether all is done."""
GLANCE_S = 0.0005
"""The same for one idle order."""


def place_one(work: Work, service: ServiceId) -> Placed:
    """One activation, as every product order places it."""
    return orders.place(work, service, intent=inventory.intent(work, service), verb=Verb.ADD)


def place_all(database: Database, services: list[ServiceId]) -> None:
    """Each order in a Work of its own, many in flight."""
    flying: deque[Future[Placed]] = deque()
    for service in services:
        if len(flying) >= IN_FLIGHT:
            flying.popleft().result()
        flying.append(
            database.submit(lambda work, s=service: place_one(work, s), tenant=place.OPERATOR, actor=place.CLERK)  # type: ignore[misc]
        )
    for future in flying:
        future.result()


class Onlooker:
    """Another connection, by the raw driver: what it sees is committed, and looking costs the engine little."""

    def __init__(self, url: str) -> None:
        self._connection: Any = (
            sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
            if url.startswith("sqlite")
            else psycopg.connect(url, autocommit=True)
        )

    def open(self) -> bool:
        """Whether an order is still under way."""
        states = ", ".join(f"'{state}'" for state in OPEN_ORDERS)
        query = f"SELECT 1 FROM service_order WHERE tenant = {int(place.OPERATOR)} AND state IN ({states}) LIMIT 1"
        return self._connection.execute(query).fetchone() is not None

    def close(self) -> None:
        """Look no more."""
        self._connection.close()


def completed(work: SystemWork) -> int:
    """How many orders are completed."""
    query = sa.select(sa.func.count()).select_from(ServiceOrder)
    mine = query.where(ServiceOrder.tenant == TenantId(1), ServiceOrder.state == OrderState.COMPLETED)
    return int(work.connection.execute(mine).scalar_one())


def drained(database: Database, onlooker: Onlooker, services: list[ServiceId]) -> float:
    """Place and wait for the last completion to be visible to another connection; seconds."""
    begun = time.perf_counter()
    place_all(database, services)
    while onlooker.open():
        time.sleep(LOOK_S)
    return time.perf_counter() - begun


def one_by_one(database: Database, onlooker: Onlooker, services: list[ServiceId]) -> list[float]:
    """The seconds each order takes when nothing else is going on, in rising order."""
    taken = []
    for service in services:
        begun = time.perf_counter()
        database.run(lambda work, s=service: place_one(work, s), tenant=place.OPERATOR, actor=place.CLERK)  # type: ignore[misc]
        while onlooker.open():
            time.sleep(GLANCE_S)
        taken.append(time.perf_counter() - begun)
    return sorted(taken)


async def measured(url: str, *, count: int, steps: int, prepared: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """The engine's figures; `prepared` is called when the lines are reserved and nothing is ordered yet."""
    database = Database(url, clock=SystemClock())
    town = place.Town()
    services = await asyncio.to_thread(town.build, database, steps=steps, services=count + IDLE)
    await asyncio.to_thread(prepared)
    before = floor.rows(url)
    collector.calm()  # as every process does when it starts
    worker = Worker(database, Network(database, town.connect))
    running = asyncio.create_task(worker.run())
    commits, onlooker = floor.count_commits(database), Onlooker(url)
    cpu = time.process_time()
    draining = asyncio.create_task(asyncio.to_thread(drained, database, onlooker, services[:count]))
    await asyncio.wait((draining, running), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()  # the worker gave up: say why, instead of waiting for it
    seconds = await draining
    cpu = time.process_time() - cpu
    turns, batches = worker.tally.turns, commits()
    if (done := await asyncio.to_thread(lambda: database.read_system(completed).result())) != count:
        raise SystemExit(f"{done} of {count} orders completed")
    after = floor.rows(url)
    idle = await asyncio.to_thread(one_by_one, database, onlooker, services[count:])
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    worker.stop()
    await running
    onlooker.close()
    await asyncio.to_thread(database.close)
    return {
        "orders": count,
        "steps": steps,
        "orders_per_s": round(count / seconds),
        "rows_per_order": {t: round((n - before.get(t, 0)) / count, 2) for t, n in after.items() if n != before.get(t)},
        "cpu_us_per_order": round(cpu / count * 1e6),
        "turns": turns,
        "commits": batches,
        "p50_ms": round(idle[len(idle) // 2] * 1000, 1),
        "p99_ms": round(idle[int(len(idle) * 0.99) - 1] * 1000, 1),
        "rss_mb": round(rss),
    }


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", required=True, help="sqlite, or the address of a PostgreSQL server's database")
    parser.add_argument("--orders", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    given = parser.parse_args(arguments)
    with place.fresh_url(given.db) as url:
        figures = asyncio.run(measured(url, count=given.orders, steps=given.steps))
        with place.fresh_url(given.db) as other:
            figures["floor_per_s"] = floor.measured(url, other, figures, depth=place.depth(given.steps))
    with place.fresh_url(given.db) as url:
        figures["product_orders_per_s"] = asyncio.run(products.measured(url, orders=PRODUCT_ORDERS))
    figures["ratio"] = round(figures["orders_per_s"] / figures["floor_per_s"], 2)
    if not given.json:
        for name, value in figures.items():
            sys.stdout.write(f"{name:16} {value}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
