"""The kernel's tables and one bell: what moves by itself is proved on facts and rows of no noun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from kernel.database import Database
from kernel.tables import Base
from kernel.time import VirtualClock
from tests.conftest import postgres_url
from tests.rooms.kernel.bell import BELL
from tests.rooms.kernel.conftest import KERNEL


@pytest.fixture
def tower(tmp_path: Path, clock: VirtualClock) -> Iterator[Database]:
    """A database with a bell; who hears it ring, a test says."""
    yield from _opened(f"sqlite:///{tmp_path}/tower.db", clock)


@pytest.fixture
def far_tower(clock: VirtualClock) -> Iterator[Database]:
    """The same on PostgreSQL, where four writers work at once."""
    with postgres_url() as url:
        yield from _opened(url, clock)


def _opened(url: str, clock: VirtualClock) -> Iterator[Database]:
    opened = Database(url, clock=clock, strict_tenancy=True)
    Base.metadata.create_all(opened.engine, tables=KERNEL)  # type: ignore[arg-type]
    BELL.create(opened.engine)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """What is logged is kept and not drawn: a traceback on a page costs more than the test."""
    with capture_logs() as kept:
        yield kept
