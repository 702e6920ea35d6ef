"""The kernel's own tables on both databases: a hundred others would only cost each test its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kernel.audit import AuditLink, AuditRow
from kernel.database import Database
from kernel.events import EventRow, OutboxRow
from kernel.secrets import SecretRow
from kernel.tables import Base
from kernel.time import VirtualClock
from tests.conftest import postgres_url

KERNEL = [row.__table__ for row in (AuditLink, AuditRow, EventRow, OutboxRow, SecretRow)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def any_database(request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClock) -> Iterator[Database]:
    """The test once for each database the house runs on."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/test.db" if request.param == "sqlite" else stack.enter_context(postgres_url())
        opened = Database(url, clock=clock, strict_tenancy=True)
        stack.callback(opened.close)
        Base.metadata.create_all(opened.engine, tables=KERNEL)  # type: ignore[arg-type]
        yield opened


@pytest.fixture
def database(tmp_path: Path, clock: VirtualClock) -> Iterator[Database]:
    """The same on SQLite alone."""
    opened = Database(f"sqlite:///{tmp_path}/test.db", clock=clock, strict_tenancy=True)
    Base.metadata.create_all(opened.engine, tables=KERNEL)  # type: ignore[arg-type]
    yield opened
    opened.close()
