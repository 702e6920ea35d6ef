"""Everything that moves by itself in one process: worker, delivery, errands, ticker; and the virtual clock's hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from gateway import delivery, dispatch, outside
from gateway.delivery import Delivery
from gateway.due import Ticker
from gateway.errands import Errands
from gateway.intake import Intake
from gateway.network import Network
from gateway.watch import Watch
from gateway.wiring import Gateway
from gateway.worker import Worker
from kernel.errors import Conflict, TrunklineError
from kernel.time import VirtualClock
from kernel.work import SystemWork
from oss.orders import views
from oss.orders.settle import Policy

QUIET_S = 60.0
"""A virtual clock waits so long, in real time, for orders and errands to come to rest before it gives up."""
ROUNDS = 1_000
"""Rounds at one instant of the virtual clock at most: what is still due then comes back for ever."""
LOOK_S = 0.005
"""How often it looks whether they have."""


class Runtime:
    """One process's moving parts, to be started and stopped together."""

    def __init__(self, gateway: Gateway, *, policy: Policy | None = None) -> None:
        self.gateway = gateway
        self.network = Network(gateway.database, gateway.connect)
        self.worker = Worker(
            gateway.database,
            self.network,
            policy=policy,
            slots=gateway.settings.worker_slots,
            label=gateway.settings.worker_label,
        )
        self.delivery = Delivery(gateway.database, dispatch.HANDLERS)
        self.watch = Watch(gateway.database)
        self.errands = Errands(gateway.database, outside.kinds(gateway), poll_s=gateway.settings.poll_s)
        self.ticker = Ticker(gateway.database, dispatch.TIMERS)
        self.intake = Intake(gateway.database, self.network)
        self.delivery.after = self.errands.wake
        self._poll_s = gateway.settings.poll_s
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._broken: BaseException | None = None

    async def run(self) -> None:
        """Move until `stop`."""
        self._loop = asyncio.get_running_loop()
        self.gateway.database.on_hints.append(self._hear)
        parts: Sequence[Coroutine[Any, Any, None]] = (
            self._work(),
            self.delivery.run(),
            self.watch.run(),
            self.errands.run(),
            self._tick_for_ever(),
            self.intake.listen(),
        )
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part)
            await self.intake.finish()
        except BaseException as error:
            self._broken = error
            raise
        finally:
            self.gateway.database.on_hints.remove(self._hear)
            await self.network.close()

    def stop(self) -> None:
        """End each part when what it has in hand has landed."""
        for part in (self.worker, self.delivery, self.errands, self.watch):
            part.stop()
        self._stopping.set()

    async def _work(self) -> None:
        """The worker; one that was told to drain takes the rest of the process along."""
        await self.worker.run()
        self.stop()

    async def _tick_for_ever(self) -> None:
        while not self._stopping.is_set():
            if not isinstance(self.gateway.clock, VirtualClock) and await self.ticker.tick():
                continue  # what was done may be due again at once: the next rows of a bulk job
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def _hear(self, hints: set[str]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.errands.wake)

    # ---- the virtual clock

    async def settled(self, *, within_s: float = QUIET_S) -> None:
        """Wait until nothing is ready, sent, unknown, owed to a handler or under way outside. Raises Conflict."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        quiet = 0
        while quiet < 2:
            if self._broken is not None:
                raise Conflict(f"the moving parts ended: {self._broken!r}", field="clock") from self._broken
            quiet = quiet + 1 if await self._quiet() else 0
            if loop.time() > deadline:
                raise Conflict(f"not at rest after {within_s} s", field="clock", fix="see trunkline fallout list")
            await asyncio.sleep(LOOK_S)

    async def advance(self, to: datetime) -> None:
        """Move the virtual clock, stopping at everything that falls due on the way and letting it come to rest."""
        clock = self.gateway.clock
        if not isinstance(clock, VirtualClock):
            raise Conflict("only a virtual clock can be moved", field="clock", fix="run the demo or a test")
        rounds = 0
        while True:
            await self.settled()
            due = await self.ticker.next_due()
            if due is None or due > to:
                break
            rounds += 1
            if due > clock.now():
                clock.move_to(due)
                rounds = 0
            if rounds > ROUNDS:
                raise _stuck(self.ticker, due)
            if not await self.ticker.tick():
                raise _stuck(self.ticker, due)
        clock.move_to(max(to, clock.now()))
        await self.settled()

    async def _quiet(self) -> bool:
        if not all(part.idle() for part in (self.worker, self.delivery, self.errands, self.intake)):
            return False
        return await asyncio.wrap_future(self.gateway.database.read_system(_at_rest)) and not await self.errands.look()


def _at_rest(work: SystemWork) -> bool:
    return not views.busy(work) and delivery.owed(work) == 0 and not outside.money_moving(work)


def _stuck(ticker: Ticker, due: datetime) -> TrunklineError:
    told = "; ".join(f"{name}: {error}" for (name, _), (_, error) in ticker.failures.items())
    return Conflict(f"what was due at {due} cannot be done: {told or 'it stays due'}", field="clock")


@asynccontextmanager
async def running(gateway: Gateway, *, policy: Policy | None = None) -> AsyncIterator[Runtime]:
    """The moving parts of a gateway for the length of a block."""
    runtime = Runtime(gateway, policy=policy)
    moving = asyncio.get_running_loop().create_task(runtime.run())
    try:
        yield runtime
    finally:
        runtime.stop()
        await moving
