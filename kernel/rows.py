"""Rows by the raw driver, for the hot paths alone: SQLAlchemy adds 60-100 us to a statement that costs 5-50.

Text is code, never input; values are always bound, as `?`. Rows may be appended: they are then inserted together by
the next statement that goes through SQLAlchemy, by `settle`, or at the latest with the commit, and a whole group of
Works shares one COPY.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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


def together(unit: Unit, asked: Sequence[tuple[str, Sequence[object]]]) -> list[list[tuple[Any, ...]]]:
    """The rows of several statements, each of which sees what the one before it did, in one round trip."""
    if unit.dialect == "sqlite":
        return [driver(unit.connection).execute(text, values).fetchall() for text, values in asked]
    raw = driver(unit.connection)
    with raw.pipeline():
        cursors = [raw.execute(_percent(text), values) for text, values in asked]
    return [cursor.fetchall() if cursor.description is not None else [] for cursor in cursors]


def array(values: Iterable[int | str | None]) -> str:
    """A column as PostgreSQL reads an array; the driver's own way takes five times as long for thousands of rows."""
    return (
        f"{{{','.join(['NULL' if v is None else _quoted(v) if isinstance(v, str) else repr(int(v)) for v in values])}}}"
    )


def _quoted(text: str) -> str:
    return f'"{text}"' if text.isalnum() else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def insert(connection: sa.Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert driver-ready rows by the cheapest way the database has."""
    if not rows:
        return
    raw = driver(connection)
    if connection.dialect.name == "sqlite":
        raw.executemany(_insertion(table, tuple(columns), 1, "?"), rows)
    elif len(rows) >= COPY_FROM:
        names = ", ".join(f'"{column}"' for column in columns)
        with raw.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as out:
            for row in rows:
                out.write_row(row)
    else:
        raw.execute(_insertion(table, tuple(columns), len(rows), "%s"), [value for row in rows for value in row])


@lru_cache(maxsize=1024)
def _insertion(table: str, columns: tuple[str, ...], count: int, mark: str) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    marks = f"({', '.join([mark] * len(columns))})"
    return f"INSERT INTO {table} ({names}) VALUES {', '.join([marks] * count)}"


@dataclass(slots=True)
class Pending:
    """What waits on a connection: statements, then rows by table, and whom a later reader would ask for."""

    statements: list[tuple[str, Sequence[object]]] = field(default_factory=list)
    rows: dict[tuple[str, tuple[str, ...]], list[Row]] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    subjects: set[int] = field(default_factory=set)


def append(unit: Unit, table: str, columns: Sequence[str], rows: Sequence[Row], *, about: int = 0) -> None:
    """Let rows be inserted with others; `about` is whom a later reader of this transaction would ask for."""
    put(unit.connection, table, columns, rows)
    unit.connection.info[PENDING].subjects.add(about)


def put(connection: sa.Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """The same of a connection, for rows nobody reads in this transaction."""
    waiting: Pending = connection.info.setdefault(PENDING, Pending())
    waiting.rows.setdefault((table, tuple(columns)), []).extend(rows)
    waiting.tables.add(table)


def later(unit: Unit, table: str, text: str, values: Sequence[object], *, about: Iterable[int] = ()) -> None:
    """Let a statement that returns nothing run with the rows that wait, before them; never before older rows of it."""
    waiting: Pending = unit.connection.info.setdefault(PENDING, Pending())
    if table in waiting.tables:
        flush(unit.connection)
        waiting = unit.connection.info.setdefault(PENDING, Pending())
    waiting.statements.append((text, values))
    waiting.subjects.update(about)


def settle(unit: Unit, *, about: int | None = None) -> None:
    """Write what waits, or only if some of it is about that one."""
    waiting: Pending | None = unit.connection.info.get(PENDING)
    if waiting and (about is None or about in waiting.subjects):
        flush(unit.connection)


def flush(connection: sa.Connection) -> None:
    """Write what waits on a connection: on PostgreSQL in one round trip, but for what is long enough for a COPY."""
    waiting: Pending | None = connection.info.pop(PENDING, None)
    if waiting is None:
        return
    if connection.dialect.name == "sqlite":
        _write(connection, waiting.statements, waiting.rows.items())
        return
    short = [each for each in waiting.rows.items() if len(each[1]) < COPY_FROM]
    if len(short) + len(waiting.statements) > 1:
        with driver(connection).pipeline():
            _write(connection, waiting.statements, short)
    else:
        _write(connection, waiting.statements, short)
    _write(connection, (), [each for each in waiting.rows.items() if len(each[1]) >= COPY_FROM])


def _write(
    connection: sa.Connection,
    statements: Iterable[tuple[str, Sequence[object]]],
    tables: Iterable[tuple[tuple[str, tuple[str, ...]], Sequence[Row]]],
) -> None:
    raw = driver(connection)
    for text, values in statements:
        raw.execute(text, values)
    for (table, columns), rows in tables:
        insert(connection, table, columns, rows)


def drop(connection: sa.Connection) -> None:
    """Forget what was appended: its transaction was rolled back."""
    connection.info.pop(PENDING, None)
