"""The floor: the same rows in the same number of commits by the raw driver, with nobody thinking in between."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import event

from kernel.database import Database

PLACED = ("service_order", "order_plan")
"""Tables whose rows a placement inserts; events and audit records are shared by placement and turn."""
SKIPPED = ("lane", "version", "element", "service", "resource", "sim_card", "sim_profile", "sim_imsi")
"""Tables that are only prepared, not written to by orders."""

SETTLED = 1
"""What every update of the floor writes; the raw driver does not think about it."""

Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]
"""{table: (columns, rows)}"""


def rows(url: str) -> dict[str, int]:
    """How many rows each table has."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        counted = {
            name: int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one())
            for name in sa.inspect(connection).get_table_names()
        }
    engine.dispose()
    return counted


def count_commits(database: Database) -> Callable[[], int]:
    """Count the writers' commits from now on; the function tells how many there were."""
    seen = [0]
    event.listen(database.engine, "commit", lambda connection: seen.__setitem__(0, seen[0] + 1))
    return lambda: seen[0]


def measured(url: str, other: str, figures: dict[str, Any], *, depth: int) -> int:
    """Orders a second when the rows of one database are written into another in as many commits."""
    driver: _Sqlite | _Postgres = _Sqlite(other) if url.startswith("sqlite") else _Postgres(other)
    source = _Sqlite(url) if url.startswith("sqlite") else _Postgres(url)
    prepared = {name: source.all(name) for name in ("service", "resource")}
    written = {name: source.all(name) for name in figures["rows_per_order"] if name not in SKIPPED}
    for name, (columns, found) in prepared.items():
        driver.insert(name, columns, found)
    driver.commit()
    count = len(written["service_order"][1])
    turns = figures["turns"]
    placements = max(figures["commits"] - turns, 1)
    begun = time.perf_counter()
    for nth in range(placements):
        _placement(driver, written, nth, placements)
    for nth in range(turns):
        _turn(driver, written, prepared, nth, turns, depth=depth)
    seconds = time.perf_counter() - begun
    driver.close()
    source.close()
    return round(count / seconds)


def _part(found: Sequence[tuple[Any, ...]], nth: int, of: int) -> list[tuple[Any, ...]]:
    return list(found[len(found) * nth // of : len(found) * (nth + 1) // of])


def _placement(driver: _Sqlite | _Postgres, written: Rows, nth: int, of: int) -> None:
    """A group commit of placements: orders, plans, the first steps, their facts and records; a service row each."""
    share = len(written["task"][1]) // max(len(written["service_order"][1]), 1)
    for name in PLACED:
        columns, found = written[name]
        driver.insert(name, columns, _part(found, nth, of))
    first = {"task": share, "event": _per_order(written, "event"), "audit": _per_order(written, "audit")}
    for name, every in first.items():
        columns, found = written[name]
        driver.insert(name, columns, _part(found[::every], nth, of))
    columns, found = written["service_order"]
    keys = [(row[columns.index("tenant")], row[columns.index("service_id")]) for row in _part(found, nth, of)]
    driver.update("service", "generation", ("tenant", "id"), keys)
    driver.commit()


def _per_order(written: Rows, name: str) -> int:
    return max(len(written[name][1]) // max(len(written["service_order"][1]), 1), 1)


def _turn(driver: _Sqlite | _Postgres, written: Rows, prepared: Rows, nth: int, of: int, *, depth: int) -> None:
    """A turn: the other steps, evidence, facts, records, bindings; each task, order, service and resource moved on."""
    for name, (columns, found) in written.items():
        if name in PLACED:
            continue
        every = _per_order(written, name) if name in ("task", "event", "audit") else 0
        left = [row for i, row in enumerate(found) if not every or i % every] if every else found
        driver.insert(name, columns, _part(left, nth, of))
    _move(driver, "task", "state", ("tenant", "order_id", "seq"), written["task"], nth, of)
    for _ in range(depth):
        _move(driver, "service_order", "done", ("tenant", "id"), written["service_order"], nth, of)
    _move(driver, "service", "state", ("tenant", "id"), prepared["service"], nth, of)
    _move(driver, "resource", "state", ("id",), prepared["resource"], nth, of)
    driver.commit()


def _move(
    driver: _Sqlite | _Postgres,
    table: str,
    column: str,
    key: Sequence[str],
    source: tuple[list[str], list[tuple[Any, ...]]],
    nth: int,
    of: int,
) -> None:
    columns, found = source
    at = [columns.index(name) for name in key]
    driver.update(table, column, key, [tuple(row[i] for i in at) for row in _part(found, nth, of)])


class _Sqlite:
    """sqlite3 with the house's durability."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32768"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("BEGIN")

    def all(self, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        cursor = self._connection.execute(f"SELECT * FROM {table}")
        return [d[0] for d in cursor.description], cursor.fetchall()

    def insert(self, table: str, columns: Sequence[str], found: Sequence[tuple[Any, ...]]) -> None:
        names = ", ".join(f'"{c}"' for c in columns)
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", found)

    def update(self, table: str, column: str, key: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> None:
        where = " AND ".join(f"{name} = ?" for name in key)
        self._connection.executemany(f"UPDATE {table} SET {column} = {SETTLED} WHERE {where}", keys)

    def commit(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")

    def close(self) -> None:
        self._connection.close()


class _Postgres:
    """psycopg: COPY for inserts, one statement for a set of updates."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, options="-c plan_cache_mode=force_generic_plan -c jit=off")

    def all(self, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        cursor = self._connection.execute(f"SELECT * FROM {table}")
        return [d.name for d in cursor.description or ()], cursor.fetchall()

    def insert(self, table: str, columns: Sequence[str], found: Sequence[tuple[Any, ...]]) -> None:
        if not found:
            return
        names = ", ".join(f'"{c}"' for c in columns)
        with self._connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as out:
            for row in found:
                out.write_row(row)

    def update(self, table: str, column: str, key: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> None:
        if not keys:
            return
        given = ", ".join(["%s::bigint[]"] * len(key))
        where = " AND ".join(f"t.{name} = k.{name}" for name in key)
        text = f"UPDATE {table} t SET {column} = {SETTLED} FROM unnest({given}) k({', '.join(key)}) WHERE {where}"
        self._connection.execute(text, [[row[i] for row in keys] for i in range(len(key))])

    def commit(self) -> None:
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()
