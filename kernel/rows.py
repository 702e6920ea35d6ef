"""Rows by the raw driver, for the hot paths alone: SQLAlchemy adds 60-100 us to a statement that costs 5-50.

Text is code, never input; values are always bound, as `?`. Rows may be appended: they are then inserted together by
the next statement that goes through SQLAlchemy, by `settle`, or at the latest with the commit, and a whole group of
Works shares one COPY.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from kernel.work import Unit

COPY_FROM = 20
"""From so many rows on, PostgreSQL's COPY is cheaper than an INSERT."""
PENDING = "pending"
"""Where a connection keeps the rows that wait to be inserted."""

Row = Sequence[object]


def driver(connection: sa.Connection) -> Any:
    """The driver's own connection: sqlite3 or psycopg, both of which execute."""
    return connection.connection.driver_connection


def fetch(unit: Unit, text: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """The rows a statement returns."""
    if unit.dialect != "sqlite":
        text = _percent(text)
    found: list[tuple[Any, ...]] = driver(unit.connection).execute(text, values).fetchall()
    return found


@lru_cache(maxsize=512)
def _percent(text: str) -> str:
    return text.replace("?", "%s")


def insert(connection: sa.Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert driver-ready rows by the cheapest way the database has."""
    if not rows:
        return
    names = ", ".join(f'"{column}"' for column in columns)
    raw = driver(connection)
    if connection.dialect.name == "sqlite":
        raw.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)
    elif len(rows) >= COPY_FROM:
        with raw.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as out:
            for row in rows:
                out.write_row(row)
    else:
        marks = f"({', '.join(['%s'] * len(columns))})"
        values = [value for row in rows for value in row]
        raw.execute(f"INSERT INTO {table} ({names}) VALUES {', '.join([marks] * len(rows))}", values)


def append(unit: Unit, table: str, columns: Sequence[str], rows: Sequence[Row], *, about: int = 0) -> None:
    """Let rows be inserted with others; `about` is whom a later reader of this transaction would ask for."""
    waiting, subjects = unit.connection.info.setdefault(PENDING, ({}, set()))
    waiting.setdefault((table, tuple(columns)), []).extend(rows)
    subjects.add(about)


def settle(unit: Unit, *, about: int | None = None) -> None:
    """Insert what was appended, or only if some of it is about that one."""
    pending = unit.connection.info.get(PENDING)
    if pending and (about is None or about in pending[1]):
        flush(unit.connection)


def flush(connection: sa.Connection) -> None:
    """Insert what was appended on a connection."""
    waiting, _ = connection.info.pop(PENDING, ({}, ()))
    for (table, columns), rows in waiting.items():
        insert(connection, table, columns, rows)


def drop(connection: sa.Connection) -> None:
    """Forget what was appended: its transaction was rolled back."""
    connection.info.pop(PENDING, None)
