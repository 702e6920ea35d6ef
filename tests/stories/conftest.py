"""A town for a story: simulators, a database of its own, a virtual clock, everything running; on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway import migrate
from gateway.demo.town import Town
from gateway.demo.town import town as built
from tests.conftest import postgres_url

BROKER = ("--broker", "embedded")
"""The story is told the same on a machine with a broker and on one without."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    """The town once for each database; a statement that binds no tenant fails."""
    with ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            url = stack.enter_context(postgres_url())
            await asyncio.to_thread(migrate.upgrade, url)
        async with built(tmp_path, database_url=url, options=BROKER, strict_tenancy=True) as made:
            yield made


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Town]:
    """The same on SQLite alone, for what does not depend on the database."""
    async with built(tmp_path, options=BROKER, strict_tenancy=True) as made:
        yield made
