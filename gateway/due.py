"""What falls due by the business clock: every noun's timers in one table, each row done in a Work of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from kernel.database import Database, Unavailable
from kernel.ids import Id, TenantId
from kernel.work import PLATFORM, SystemWork, Work

_log = structlog.get_logger(__name__)

BATCH = 200
"""Rows of one noun taken up at a time."""
TRIES = 5
"""A row that fails so often rests until the process starts again; it is logged each time and doctor sees it unpaid."""


@dataclass(frozen=True, slots=True)
class Timer:
    """A noun's timers: which rows are due, when the next will be, and the verb that does one."""

    name: str
    due: Callable[[SystemWork, datetime, int], Sequence[tuple[TenantId, Any]]]
    next_due: Callable[[SystemWork], datetime | None]
    do: Callable[[Work, Any], object]


class Ticker:
    """Does what is due."""

    def __init__(self, database: Database, timers: Sequence[Timer]) -> None:
        self._database, self._timers = database, timers
        self.failures: dict[tuple[str, int], tuple[int, str]] = {}

    async def tick(self) -> int:
        """Do everything that is due now; how many rows were done."""
        done = 0
        for timer in self._timers:
            for tenant, subject in await self._due(timer):
                done += await self._do(timer, tenant, subject)
        return done

    async def next_due(self) -> datetime | None:
        """The earliest instant at which something was or will be due, a row that rests after TRIES included."""
        instants = [await asyncio.wrap_future(self._database.read_system(timer.next_due)) for timer in self._timers]
        return min((i for i in instants if i is not None), default=None)

    async def _due(self, timer: Timer) -> Sequence[tuple[TenantId, Any]]:
        now, place = self._database.clock.now(), (timer.name, 0)
        resting = sum(tries >= TRIES for (name, _), (tries, _) in self.failures.items() if name == timer.name)
        try:
            rows = await asyncio.wrap_future(
                self._database.read_system(lambda work: timer.due(work, now, BATCH + resting))
            )
        except Exception as error:  # one noun's broken question must not stop the clock for the others
            self.failures[place] = (1, f"{type(error).__name__}: {error}")
            _log.exception("due rows not found", timer=timer.name)
            return ()
        self.failures.pop(place, None)
        return rows

    async def _do(self, timer: Timer, tenant: TenantId, subject: Id) -> int:
        place = (timer.name, int(subject))
        tries, _ = self.failures.get(place, (0, ""))
        if tries >= TRIES:
            return 0
        try:
            await asyncio.wrap_future(
                self._database.submit(lambda work: timer.do(work, subject), tenant=tenant, actor=PLATFORM)
            )
        except Unavailable as error:  # no fault of the row's: not counted, and tried at the next tick
            self.failures[place] = (tries, str(error))
            _log.warning("due row not done", timer=timer.name, subject=str(subject), error=str(error))
            return 0
        except Exception as error:  # one row's fault must not stop the clock for the others
            self.failures[place] = (tries + 1, f"{type(error).__name__}: {error}")
            _log.exception("due row failed", timer=timer.name, subject=str(subject))
            return 0
        self.failures.pop(place, None)
        return 1
