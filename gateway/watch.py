"""Looks after the lanes: ready work that nobody takes up is an alarm, and none any more when somebody does."""

from __future__ import annotations

import asyncio

import structlog

from kernel.database import Database
from kernel.errors import TrunklineError
from oss.orders import lanes

_log = structlog.get_logger(__name__)

LOOK_S = 5.0
"""How often it is looked, in real time."""


class Watch:
    """One for each process that moves; an alarm raised by two is one."""

    def __init__(self, database: Database, *, look_s: float = LOOK_S, older_s: float = lanes.STALLED_S) -> None:
        self._database, self._look_s, self._older_s = database, look_s, older_s
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Look until `stop`."""
        while not self._stopping.is_set():
            try:
                await self.look()
            except TrunklineError as error:
                _log.warning("lanes not looked after", error=str(error))
            try:
                async with asyncio.timeout(self._look_s):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def look(self) -> bool:
        """Raise and clear what has changed; whether anything had."""
        older_s = self._older_s
        changed = await asyncio.wrap_future(
            self._database.read_system(lambda work: lanes.stalls(work, older_s=older_s).changed)
        )
        if changed:
            await asyncio.wrap_future(
                self._database.submit_system(lambda work: lanes.announce(work, older_s=older_s), alone=False)
            )
        return changed

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
