"""What every test stands on: a fresh database with the strict tenancy hook, a clock that only tests move."""

from __future__ import annotations

import atexit
import importlib
import os
import pkgutil
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import sqlalchemy as sa

import bss
import kernel
import oss
from kernel.database import Database
from kernel.ids import TenantId
from kernel.tables import Base
from kernel.time import VirtualClock
from kernel.work import Actor, Work

T = TypeVar("T")
Do = Callable[[Callable[[Work], T]], T]
POSTGRES = os.environ.get("TRUNKLINE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)

for _room in (kernel, oss, bss):  # every table of the house; those of oss and bss stand in model.py
    for _module in pkgutil.walk_packages(_room.__path__, f"{_room.__name__}."):
        if _room is kernel or _module.name.endswith(".model"):
            importlib.import_module(_module.name)


@pytest.fixture
def clock() -> VirtualClock:
    """Business time, standing at 1 June 2026, 08:00 UTC."""
    return VirtualClock(START)


@pytest.fixture
def database(tmp_path: Path, clock: VirtualClock) -> Iterator[Database]:
    """A fresh SQLite database that fails a statement which binds no tenant."""
    yield from _opened(f"sqlite:///{tmp_path}/test.db", clock)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def any_database(request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClock) -> Iterator[Database]:
    """The test once for each database the house runs on; PostgreSQL's is made for the test and dropped after it."""
    if request.param == "sqlite":
        yield from _opened(f"sqlite:///{tmp_path}/test.db", clock)
    else:
        with postgres_url() as url:
            yield from _opened(url, clock)


def _opened(url: str, clock: VirtualClock) -> Iterator[Database]:
    if url.startswith("sqlite"):
        shutil.copyfile(_tables(frozenset(Base.metadata.tables)), url.removeprefix("sqlite:///"))
    opened = Database(url, clock=clock, strict_tenancy=True)
    if not url.startswith("sqlite"):
        Base.metadata.create_all(opened.engine)
    yield opened
    opened.close()


@cache
def _tables(names: frozenset[str]) -> Path:
    """A file with empty tables, to be copied: making a hundred of them takes longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="trunkline-tables-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    engine = sa.create_engine(f"sqlite:///{folder}/tables.db")
    Base.metadata.create_all(engine)
    engine.dispose()
    return folder / "tables.db"


@contextmanager
def postgres_url() -> Iterator[str]:
    """The URL of a fresh database on a running PostgreSQL; none running skips the test, or fails it if it must run."""
    try:
        admin = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        if os.environ.get("TRUNKLINE_REQUIRE_REAL") == "1":
            pytest.fail(f"no PostgreSQL answers: {error}")
        pytest.skip(f"no PostgreSQL answers: {error}")
    name = f"trunkline_test_{os.urandom(8).hex()}"
    with admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield POSTGRES.rpartition("/")[0] + f"/{name}"
        finally:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def tenant() -> TenantId:
    """The tenant most tests act for."""
    return TenantId(1)


@pytest.fixture
def actor() -> Actor:
    """A clerk with every role."""
    return Actor("test:clerk", frozenset({"admin"}))


@pytest.fixture
def do(database: Database, tenant: TenantId, actor: Actor) -> Callable[[Callable[[Work], T]], T]:
    """Run a function in one committed Work of the tenant."""

    def run(fn: Callable[[Work], T]) -> T:
        return database.run(fn, tenant=tenant, actor=actor)

    return run
