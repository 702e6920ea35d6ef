"""Handing facts to their handlers after the commit: at once in this process, with a sweep as the safety net.

A handler runs in a Work of its own, in which its debt is deleted: whatever dies when, it acts once. One that keeps
failing stays in the outbox after DISPATCH_ATTEMPTS with its error, and doctor names it (I11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
import structlog

from kernel import bell, events
from kernel.database import Database, Posted, Unavailable
from kernel.errors import TrunklineError
from kernel.events import DISPATCH_ATTEMPTS, EventRow, OutboxRow
from kernel.ids import EventId, TenantId
from kernel.work import PLATFORM, SystemWork, Work

_log = structlog.get_logger(__name__)

Handler = Callable[[Work, Any], None]

SWEEP_S = 1.0
"""How often the outbox is looked through for what another process, or a crash, left."""
HASTE_S = 0.02
"""The same after another process said that it left some."""
BATCH = 200
"""Debts taken up in one sweep at most."""
FIRST_BACKOFF_S = 0.2
"""The pause before a failed handler runs again, doubled each time."""


class Delivery:
    """The outbox's postman: one per process."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler]) -> None:
        self._database, self._handlers = database, handlers
        self._kinds = events.catalogue()
        self._order = {name: place for place, name in enumerate(handlers)}
        self._waiting: asyncio.Queue[Posted | None] = asyncio.Queue()
        self._known: set[tuple[int, str]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._swept = float("-inf")
        self.after: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Deliver until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._database.on_posted.append(self._hear)
        self._database.on_hints.append(self._hear_far)
        self._database.bell.listen(self._database.on_hints)
        try:
            while not self._stopping:
                if self._loop.time() - self._swept >= SWEEP_S:  # however busy: others' debts must not wait for a lull
                    await self._sweep()
                posted = await self._next()
                if posted:
                    await self._deliver(posted)
        finally:
            self._database.on_posted.remove(self._hear)
            self._database.on_hints.remove(self._hear_far)

    def stop(self) -> None:
        """Take nothing more up; what stays in the outbox is delivered by whoever runs next."""
        self._stopping = True
        self._waiting.put_nowait(None)

    def idle(self) -> bool:
        """Whether nothing is in hand."""
        return not self._known and self._waiting.empty()

    # ---- one round

    async def _next(self) -> list[Posted]:
        try:
            async with asyncio.timeout_at(self._swept + SWEEP_S):
                taken = [await self._waiting.get()]
        except TimeoutError:
            return []
        while len(taken) < BATCH and not self._waiting.empty():
            taken.append(self._waiting.get_nowait())
        return [item for item in taken if item is not None]

    async def _deliver(self, posted: list[Posted]) -> None:
        """Facts side by side, so that they share group commits; the handlers of one fact in the table's order."""
        by_fact: dict[int, list[Posted]] = {}
        for item in posted:
            by_fact.setdefault(item[0], []).append(item)
        await asyncio.gather(*(self._tell(items) for items in by_fact.values()))
        self.after()

    async def _tell(self, items: list[Posted]) -> None:
        for item in items:
            event, handler, tenant = item
            act = self._act(EventId(event), handler)
            try:
                await asyncio.wrap_future(self._database.submit(act, tenant=TenantId(tenant), actor=PLATFORM))
            except Unavailable as error:  # no fault of the handler's: not counted, and found again by the sweep
                _log.warning("not delivered", handler=handler, event_id=str(EventId(event)), error=str(error))
                self._known.discard(item[:2])
            except Exception as error:  # a handler's fault is its own: it is noted, tried again, and shown in the end
                await self._failed(item, error)
            else:
                self._known.discard(item[:2])

    def _act(self, event_id: EventId, handler: str) -> Callable[[Work], None]:
        def act(work: Work) -> None:
            mine = work.connection.execute(
                sa.delete(OutboxRow)
                .where(OutboxRow.event_id == event_id, OutboxRow.handler == handler)
                .returning(OutboxRow.event_id)
            ).first()
            if mine is None:
                return
            row = work.connection.execute(
                sa.select(EventRow.kind, EventRow.body).where(EventRow.tenant == work.tenant, EventRow.id == event_id)
            ).one()
            self._handlers[handler](work, events.load(self._kinds, row.kind, row.body))

        return act

    async def _failed(self, item: Posted, error: Exception) -> None:
        event, handler, _ = item
        _log.warning("handler failed", handler=handler, event_id=str(EventId(event)), error=str(error), exc_info=error)
        try:
            noted = self._database.submit_system(lambda work: _note(work, EventId(event), handler, error), alone=False)
            attempts = await asyncio.wrap_future(noted)
        except TrunklineError as lost:  # the debt stands as it was; the sweep finds it again
            _log.warning("failure not noted", handler=handler, event_id=str(EventId(event)), error=str(lost))
            attempts = None
        if attempts is None or attempts >= DISPATCH_ATTEMPTS or self._loop is None:
            self._known.discard((event, handler))
            return
        self._loop.call_later(FIRST_BACKOFF_S * 2 ** (attempts - 1), self._waiting.put_nowait, item)

    # ---- where debts come from

    def _hear(self, posted: list[Posted]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._take, posted)

    def _hear_far(self, hints: set[str]) -> None:
        if self._loop is not None and hints & {bell.OUTBOX, bell.EVERYTHING}:
            self._loop.call_soon_threadsafe(self._hasten)

    def _hasten(self) -> None:
        """Another process has left facts: sweep soon, however often it says so."""
        if self._loop is not None:
            self._swept = min(self._swept, self._loop.time() - SWEEP_S + HASTE_S)
            self._loop.call_later(HASTE_S, self._waiting.put_nowait, None)

    def _take(self, posted: list[Posted]) -> None:
        for item in posted:
            if item[:2] not in self._known:
                self._known.add(item[:2])
                self._waiting.put_nowait(item)

    async def _sweep(self) -> None:
        self._swept = asyncio.get_running_loop().time()
        try:
            found = await asyncio.wrap_future(self._database.read_system(_owed))
        except TrunklineError as error:  # the next sweep looks again
            _log.warning("outbox not swept", error=str(error))
            return
        self._take(sorted(found, key=lambda item: (item[0], self._order.get(item[1], 0))))


def owed(work: SystemWork) -> int:
    """How many debts are open and not given up."""
    query = sa.select(sa.func.count()).select_from(OutboxRow).where(OutboxRow.attempts < DISPATCH_ATTEMPTS)
    return int(work.connection.execute(query).scalar_one())


def _owed(work: SystemWork) -> list[Posted]:
    query = sa.select(OutboxRow.event_id, OutboxRow.handler, OutboxRow.tenant)
    rows = work.connection.execute(
        query.where(OutboxRow.attempts < DISPATCH_ATTEMPTS).order_by(OutboxRow.event_id).limit(BATCH)
    )
    return [(int(e), h, int(t)) for e, h, t in rows]


def _note(work: SystemWork, event_id: EventId, handler: str, error: Exception) -> int | None:
    row = work.connection.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.event_id == event_id, OutboxRow.handler == handler)
        .values(attempts=OutboxRow.attempts + 1, error=f"{type(error).__name__}: {error}")
        .returning(OutboxRow.attempts)
    ).first()
    return None if row is None else int(row.attempts)
