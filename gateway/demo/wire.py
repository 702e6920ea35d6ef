"""What the demo looks at while it happens: the words on the wire, the letters sent, how long a payment's lift took."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bss.customers.model import AccountId
from bss.notices import service as notices
from gateway import dispatch
from gateway.demo.telling import Surprise, Telling
from gateway.demo.town import Town
from kernel.database import Posted
from kernel.time import SystemPulse
from oss.orders import views

WAIT_S = 10.0
"""A device's own report arrives within so long."""
LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Took:
    """How long lifts took, from the payment's commit to the commit that read back the last element."""

    lines: int
    longest_s: float


@dataclass
class Watch:
    """Notes, in the writer's thread and by the pulse, when a payment and the lifts that follow it were committed."""

    town: Town
    pulse: SystemPulse = field(default_factory=SystemPulse)
    paid_s: float | None = None
    lifted_s: list[float] = field(default_factory=list)

    def hear(self, posted: list[Posted]) -> None:
        """What was just committed."""
        handlers = {handler for _, handler, _ in posted}
        if self.paid_s is None and dispatch.PAID in handlers:
            self.paid_s = self.pulse.seconds()
        lifted = sum(1 for _, handler, _ in posted if handler == dispatch.DELIVERED)
        self.lifted_s += [self.pulse.seconds()] * lifted if self.paid_s is not None else []

    async def seconds(self) -> Took:
        """Stop watching."""
        self.town.gateway.database.on_posted.remove(self.hear)
        if self.paid_s is None or not self.lifted_s:
            raise Surprise("no payment was followed by a lift")
        return Took(len(self.lifted_s), max(self.lifted_s) - self.paid_s)


class Wire:
    """Shows each word once."""

    def __init__(self, town: Town, tell: Telling) -> None:
        self._town, self._tell = town, tell
        self._seen: set[tuple[int, int, int]] = set()

    async def show(self) -> None:
        """The words exchanged since the last look, element by element."""
        for said in await self._town.see(views.spoken):
            if said.key not in self._seen:
                self._seen.add(said.key)
                self._tell.wire(said.element, said.text.splitlines())

    async def watch_lifts(self) -> Watch:
        """From now on, note when a payment lands and when its lifts are confirmed."""
        watch = Watch(self._town)
        self._town.gateway.database.on_posted.append(watch.hear)
        return watch

    async def until(self, read: Callable[[], Awaitable[Any]], wanted: Any) -> None:
        """Wait for what a device reports by itself; the expectation that follows says if it never came."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_S
        while await read() != wanted and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)  # a device reports when it likes: nothing here could be awaited instead
        await self._town.settled()

    async def letters(self, account_id: AccountId) -> list[str]:
        """The templates of the letters sent so far, oldest first."""
        sent = await self._town.see(lambda work: notices.of_account(work, account_id))
        return [notice.template for notice in reversed(sent) if notice.sent_at is not None]
