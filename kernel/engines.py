"""How a database is opened: its address, the lock on a SQLite file, each connection's settings, the tenancy guard."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy import event

from kernel.errors import Conflict, Invalid
from kernel.tables import tenant_tables


def normal(url: str) -> str:
    """The address as SQLAlchemy wants it; Invalid for any other kind of database."""
    if url.startswith("sqlite:///"):
        path = url.removeprefix("sqlite:///")
        if path and path != ":memory:" and "?" not in path:  # one in memory would be another one on each connection
            return url
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    if url.startswith("postgresql+psycopg://"):
        return url
    raise Invalid(
        f"cannot use {url!r}",
        field="TRUNKLINE_DATABASE_URL",
        fix="sqlite:///path/to/file.db or postgresql://user@host/db",
    )


def lock_file(url: str) -> IO[str]:
    """Hold a SQLite file for this process; Conflict names the process that has it."""
    path = Path(url.removeprefix("sqlite:///")).resolve()  # one file, one lock, by whatever name it is opened
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = Path(f"{path}.lock").open("a+", encoding="utf-8")  # noqa: SIM115  (held for the database's life)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip() or "another process"
        handle.close()
        raise Conflict(
            f"{path} is in use by process {holder}",
            field="TRUNKLINE_DATABASE_URL",
            fix="set TRUNKLINE_URL to talk to the running gateway, or stop it first",
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


FROZEN_MS = 60_000
"""A transaction in which nothing happens for so long belongs to a process that stands still: its rows are let go."""
KEEPALIVE = {"idle": 10, "interval": 3, "count": 3}
"""Seconds, seconds and tries after which the server notices that the machine of a session is gone."""


def open_engine(url: str, *, size: int, readonly: bool, session: str = "") -> sa.Engine:
    """An engine that commits durably, and on SQLite writes from one connection at a time."""
    if url.startswith("sqlite"):
        return _sqlite(url, size=size, readonly=readonly)
    return _postgres(url, size=size, readonly=readonly, session=session)


def _postgres(url: str, *, size: int, readonly: bool, session: str) -> sa.Engine:
    limits = {"idle_in_transaction_session_timeout": FROZEN_MS} | {
        f"tcp_keepalives_{k}": v for k, v in KEEPALIVE.items()
    }
    settings = {"plan_cache_mode": "force_generic_plan", "jit": "off", **limits}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    engine = sa.create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
        connect_args={
            "options": options,
            "application_name": session or "trunkline",
            "connect_timeout": 5,
            "prepare_threshold": 1,
        },
    )
    if readonly:
        return engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
    return engine


def _sqlite(url: str, *, size: int, readonly: bool) -> sa.Engine:
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
        connect_args={
            "isolation_level": None,
            "timeout": 5,
            "check_same_thread": False,
            "cached_statements": 512,
        },
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, record: Any) -> None:
        pragmas = [
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            "cache_size=-32768",
        ]
        for pragma in [*pragmas, "query_only=ON"] if readonly else pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


_WORD = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+\"?(\w+)\"?", re.IGNORECASE)
_CONDITION = re.compile(r"\bWHERE\b(.*)", re.IGNORECASE | re.DOTALL)
_BOUND = re.compile(r"\btenant\"?\s*(?:=|IN\b|,[^()]*\)\s*(?:=|IN\b))", re.IGNORECASE)
"""`tenant = ?`, `tenant IN (...)` or `(tenant, id) IN (...)`; to sort by it or to return it binds nothing."""
_NAMED = re.compile(r"\btenant\b", re.IGNORECASE)


def guard(engine: sa.Engine) -> None:
    """Fail any statement of a tenant's Work that touches a tenant's table and does not bind its tenant."""

    @event.listens_for(engine, "before_cursor_execute")
    def _check(
        connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if connection.info.get("platform", True):
            return
        touched = tenant_tables().intersection(_WORD.findall(statement))
        if touched and not _binds(statement):
            raise AssertionError(f"no tenant bound on {', '.join(sorted(touched))}: {statement}")


def _binds(statement: str) -> bool:
    if statement.lstrip()[:6].upper() == "INSERT":
        return _NAMED.search(statement) is not None
    condition = _CONDITION.search(statement)
    return condition is not None and _BOUND.search(condition[1]) is not None
