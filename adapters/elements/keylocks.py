"""One conversation at a time per key, where an element can carry on several with different keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class KeyLocks:
    """Locks by key that vanish when nobody holds or awaits them."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, intent: str, key: str) -> AsyncIterator[None]:
        """Hold one key."""
        where = (intent, key)
        lock, users = self._held.get(where, (asyncio.Lock(), 0))
        self._held[where] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._held.pop(where)
            if users > 1:
                self._held[where] = (lock, users - 1)
