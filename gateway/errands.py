"""What must be asked outside the house between two Works: money of a bank, a quote of a tax source, a letter sent.

A noun writes what it wants as a row; here the edge finds it, asks without holding a transaction, and settles the
answer in the next Work. Nothing is asked twice at once by one process, and each noun limits its own attempts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from kernel.database import Database, Unavailable
from kernel.ids import TenantId
from kernel.work import PLATFORM, SystemWork, Work

_log = structlog.get_logger(__name__)

AT_ONCE = 32
"""Errands of one kind under way at once."""
REST_S = 0.5
"""The pause of an errand after the database did not answer, which is not counted against it."""
BROKEN = 5
"""An errand whose asking or settling fails so often for a reason of ours rests until the process starts again."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of errand: how they are found, asked and settled; `key` tells two of them apart.

    A kind that writes what it hands out as sent, before it is asked, is found in a writing Work: `wanted` says, by
    reading only, whether that is worth it.
    """

    name: str
    find: Callable[[SystemWork, int], Sequence[Any]]
    key: Callable[[Any], tuple[TenantId, int]]
    ask: Callable[[Any], Awaitable[Any]]
    settle: Callable[[Work, Any, Any], object]
    wanted: Callable[[SystemWork], bool] | None = None


class Errands:
    """The runner of one process."""

    def __init__(self, database: Database, kinds: Sequence[Kind], *, poll_s: float) -> None:
        self._database, self._kinds, self._poll_s = database, kinds, poll_s
        self._flying: set[tuple[str, int]] = set()
        self._broken: dict[tuple[str, int], int] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Look, ask and settle until `stop`; what is under way then is awaited."""
        while not self._stopping:
            self._wake.clear()
            try:
                taken = await self.look()
            except Exception as error:  # the others were looked at all the same, and this one is after the pause
                _log.exception("errands not found", error=str(error))
                taken = 0
            if not taken:
                try:
                    async with asyncio.timeout(self._poll_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        await asyncio.gather(*self._tasks)

    def wake(self) -> None:
        """Something may be wanted."""
        self._wake.set()

    def stop(self) -> None:
        """Take up nothing more."""
        self._stopping = True
        self._wake.set()

    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._flying

    async def look(self) -> int:
        """Take up what is wanted now; how many. A kind that cannot be looked for fails after the others were."""
        taken, failed = 0, list[Exception]()
        async with self._looking:
            for kind in self._kinds:
                try:
                    taken += await self._take_up(kind)
                except Exception as error:  # raised below
                    failed.append(error)
        if failed:
            raise failed[0]
        return taken

    async def _take_up(self, kind: Kind) -> int:
        """What was under way when the look began may have been settled since: the look may be older than that."""
        before = {place for place in self._flying if place[0] == kind.name}
        room, taken = AT_ONCE - len(before), 0
        for errand in await self._found(kind, room) if room > 0 else ():
            place = (kind.name, int(kind.key(errand)[1]))
            stale = kind.wanted is None and place in before
            if stale or place in self._flying or self._resting(place) or taken == room:
                continue
            self._flying.add(place)
            taken += 1
            task = asyncio.get_running_loop().create_task(self._do(kind, errand, place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return taken

    def _resting(self, place: tuple[str, int]) -> bool:
        return self._broken.get(place, 0) >= BROKEN

    async def _found(self, kind: Kind, room: int) -> Sequence[Any]:
        resting = sum(self._resting(place) for place in self._broken if place[0] == kind.name)
        limit = AT_ONCE + resting if kind.wanted is None else room  # only what is claimed is not found a second time

        def find(work: SystemWork) -> Sequence[Any]:
            return kind.find(work, limit)

        if kind.wanted is None:
            return await asyncio.wrap_future(self._database.read_system(find))
        if not await asyncio.wrap_future(self._database.read_system(kind.wanted)):
            return ()
        return await asyncio.wrap_future(self._database.submit_system(find, alone=False))

    async def _do(self, kind: Kind, errand: Any, place: tuple[str, int]) -> None:
        tenant = kind.key(errand)[0]
        try:
            answer = await kind.ask(errand)
            settled = self._database.submit(
                lambda work: kind.settle(work, errand, answer), tenant=tenant, actor=PLATFORM
            )
            await asyncio.wrap_future(settled)
        except Unavailable as error:
            _log.warning("errand not settled", kind=kind.name, tenant=str(tenant), error=str(error))
            await asyncio.sleep(REST_S)
        except Exception as error:  # a fault of ours: the row stays as it is, is counted, logged and looked at again
            self._broken[place] = self._broken.get(place, 0) + 1
            _log.exception("errand failed", kind=kind.name, tenant=str(tenant), error=str(error))
        else:
            self._broken.pop(place, None)
        finally:
            self._flying.discard(place)
            self._wake.set()
