"""Where the benchmarks run: a database of their own, elements in memory, and services with their resources."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

import psycopg
import yaml
from stdnum import luhn

from adapters.elements.memory import MemoryElement
from gateway import migrate
from kernel.database import Database
from kernel.ids import TenantId
from kernel.work import Actor, Work
from oss.inventory import elements, pools
from oss.inventory import service as inventory
from oss.inventory.model import ServiceId
from oss.inventory.pools import Piece
from oss.port import ElementSpec
from oss.specs import service as specs

OPERATOR = TenantId(1)
CLERK = Actor("benchmark:clerk", frozenset({"admin"}))
ROLES = (("sim", "hlr", "{imsi}", 8), ("port", "olt", "{port}", 50), ("meter", "broker", "{meter}", 4))
"""pool, element role, key, how many elements: a town of 62 lanes."""
SPEC = "benchmark-line"
CHUNK = 50
"""Services made by one Work of the preparation."""


@contextmanager
def fresh_url(db: str) -> Iterator[str]:
    """The address of a migrated database of the benchmark's own, gone afterwards; `db` is `sqlite` or a URL."""
    if db == "sqlite":
        folder = tempfile.mkdtemp(prefix="trunkline-bench-")
        try:
            url = f"sqlite:///{folder}/bench.db"
            migrate.upgrade(url)
            yield url
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    name = f"trunkline_bench_{token_hex(6)}"
    with psycopg.connect(db, autocommit=True, connect_timeout=5) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            url = f"{db.rpartition('/')[0]}/{name}"
            migrate.upgrade(url)
            yield url
        finally:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def requires(step: int) -> list[int]:
    """The steps one step waits for: a chain with one fork, 0 - 1 - (2, 3) - 4 - 5 ..."""
    return {0: [], 3: [1], 4: [2, 3]}.get(step, [step - 1])


def depth(steps: int) -> int:
    """The steps on the longest way through."""
    longest: list[int] = []
    for step in range(steps):
        longest.append(1 + max((longest[r] for r in requires(step)), default=0))
    return max(longest)


def specification(steps: int) -> str:
    """A service of so many components, spread over a SIM, a port and a meter."""
    components = []
    for step in range(steps):
        pool, _, key, _ = ROLES[step % len(ROLES)]
        components.append(
            {
                "name": f"step{step}",
                "on": pool,
                "intent": f"step{step}",
                "key": key if step < len(ROLES) else f"{key}.{step}",
                "requires": [f"step{r}" for r in requires(step)],
                "state": {"profile": "{profile}", "admin": "up"},
                "hard": {"admin": "down"},
            }
        )
    needs = [{"pool": pool, "as": pool} for pool, *_ in ROLES]
    document = {"name": SPEC, "characteristics": {"profile": "^[A-Z0-9]{1,16}$"}, "resources": needs}
    return yaml.safe_dump({**document, "components": components})


class Town:
    """The elements of the benchmark, each a lane of its own."""

    def __init__(self) -> None:
        names = [f"{role}-{i}" for _, role, _, count in ROLES for i in range(count)]
        self.elements = {name: MemoryElement(name) for name in names}

    def connect(self, spec: ElementSpec) -> MemoryElement:
        """The element of that name."""
        return self.elements[spec.name]

    def build(self, database: Database, *, steps: int, services: int) -> list[ServiceId]:
        """Apply elements, stock and specification, and reserve so many services."""
        database.run(lambda work: self._apply(work, steps), tenant=OPERATOR, actor=CLERK)
        for start in range(0, services, pools.BATCH):
            rows = range(start, min(start + pools.BATCH, services))
            database.run(lambda work, rows=rows: _stock(work, rows), tenant=OPERATOR, actor=CLERK)  # type: ignore[misc]
        made: list[Future[list[ServiceId]]] = []
        for start in range(0, services, CHUNK):
            count = min(CHUNK, services - start)
            made.append(
                database.submit(lambda work, count=count: _reserve(work, count), tenant=OPERATOR, actor=CLERK)  # type: ignore[misc]
            )
        return [service for future in made for service in future.result()]

    def _apply(self, work: Work, steps: int) -> None:
        listed: list[dict[str, Any]] = [
            {"name": name, "protocol": "memory", "role": name.partition("-")[0]} for name in self.elements
        ]
        for document in elements.load(yaml.safe_dump({"elements": listed})):
            elements.apply(work, document)
        specs.apply(work, specification(steps))


def _stock(work: Work, rows: range) -> None:
    made = {"sim": _sim, "port": lambda i: Piece(str(i + 1), f"olt-{i % 50}"), "meter": _meter}
    for pool, make in made.items():
        pools.stock(work, pool, [make(i) for i in rows], granted_to=OPERATOR)


def _sim(i: int) -> Piece:
    number = f"8999001{i:011d}"
    return Piece(number + luhn.calc_check_digit(number), f"hlr-{i % 8}", (f"00101{i:010d}",))


def _meter(i: int) -> Piece:
    return Piece(f"meter-{i}", f"broker-{i % 4}")


def _reserve(work: Work, count: int) -> list[ServiceId]:
    return [inventory.create(work, SPEC, profile={"profile": "HOME500"}, owner=f"owner_{i}").id for i in range(count)]
