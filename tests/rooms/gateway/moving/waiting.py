"""How a test waits for what another thread or task does: it looks, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

DEADLINE_S = 10.0


class Moving(Protocol):
    """A part that runs until it is stopped."""

    async def run(self) -> None:
        """Move."""

    def stop(self) -> None:
        """End."""


async def until(seen: Callable[[], Any]) -> None:
    """Wait until something can be seen."""
    async with asyncio.timeout(DEADLINE_S):
        while not seen():  # noqa: ASYNC110  (another thread's doing sets no event)
            await asyncio.sleep(0.001)


async def until_asked(seen: Callable[[], Awaitable[Any]]) -> None:
    """The same where looking takes its time."""
    async with asyncio.timeout(DEADLINE_S):
        while not await seen():  # noqa: ASYNC110  (nor does a row)
            await asyncio.sleep(0.001)


@asynccontextmanager
async def moving(*parts: Moving) -> AsyncIterator[None]:
    """Parts that move for the length of a block."""
    tasks = [asyncio.get_running_loop().create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for part in parts:
            part.stop()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*tasks)
