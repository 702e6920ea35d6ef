from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.wire.simulators import child


@pytest.fixture(scope="session")
def simulators() -> Iterator[child.Child]:
    """One child for all tests; each test uses subscribers, ports and meters of its own."""
    with child.running("--meters", "6") as running:
        yield running


@pytest.fixture(scope="session")
def embedded() -> Iterator[child.Child]:
    """A child with a broker of its own."""
    with child.running("--broker", "embedded", "--seed", "7", "--ports", "1") as running:
        yield running


@pytest.fixture
def where(simulators: child.Child) -> dict[str, Any]:
    return simulators.where


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def control(where: dict[str, Any], http: aiohttp.ClientSession) -> AsyncIterator[child.Handle]:
    """The shared child's control API; whatever faults a test planned are cleared behind it."""
    handle = child.Handle(http, where["control"]["url"])
    yield handle
    assert await handle.ask("DELETE", "/faults") == (204, None)
