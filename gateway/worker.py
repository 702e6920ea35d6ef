"""The worker: leases lanes, runs turns, speaks what they sent, and brings every answer to the next turn."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from gateway import collector
from gateway.breaker import Breakers
from gateway.network import Network
from kernel.database import Database
from kernel.errors import TrunklineError
from kernel.time import Pulse, SystemPulse
from oss.orders import lanes
from oss.orders import run as engine
from oss.orders.settle import Answer, Policy, Word
from oss.orders.store import TaskKey

_log = structlog.get_logger(__name__)

SLOTS = 64
"""Commands in flight on one lane at most."""
TURN = 2_000
"""Answers landed in one turn at most."""
TURN_WHILE_WAITED_FOR = 200
"""The same while somebody else's Work waits: on one writer a foreground write waits for the turn."""
SWEEP_S = 0.25
"""How often lanes are looked at though nobody hinted: timers, back-off, other writers."""
HURRY_S = 0.1
"""The pause after a lease, so that hints for lanes of others do not renew without end."""
REST_S = 0.5
"""The pause after a turn the database refused, before the same answers are brought again."""


@dataclass(slots=True)
class Tally:
    """What a worker has done since it started."""

    turns: int = 0
    sent: int = 0
    landed: int = 0
    parked: int = 0


@dataclass(slots=True)
class _Board:
    """What the loop knows between turns."""

    answers: list[Answer] = field(default_factory=list)
    flying: Counter[str] = field(default_factory=Counter)
    lane_of: dict[tuple[TaskKey, int], str] = field(default_factory=dict)
    """By task and attempt: a read-back may be asked again before the one before it has come home."""
    hot: set[str] = field(default_factory=set)
    backlog: set[str] = field(default_factory=set)
    spoken: set[asyncio.Task[None]] = field(default_factory=set)


class Worker:
    """One worker of the engine; as many as wanted may share a PostgreSQL, one owns a SQLite file."""

    def __init__(
        self,
        database: Database,
        network: Network,
        *,
        policy: Policy | None = None,
        slots: int = SLOTS,
        pulse: Pulse | None = None,
    ) -> None:
        self.name = f"{os.uname().nodename}:{os.getpid()}:{os.urandom(3).hex()}"
        self.tally = Tally()
        self._database, self._network = database, network
        self._policy, self._slots, self._pulse = policy or Policy(), slots, pulse or SystemPulse()
        self._board = _Board()
        self._breakers = Breakers(database, network, self._pulse)
        self._leased: set[str] = set()
        self._renewed = self._swept = self._pulse.seconds()
        self._stopping = threading.Event()
        self._ended, self._hurry = threading.Event(), threading.Event()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Work until `stop`; what is in flight then is awaited and landed, and the lanes are given back."""
        collector.calm()
        self._loop = asyncio.get_running_loop()
        self._database.on_hints.append(self._hear)
        renewer = threading.Thread(target=self._renew_for_ever, name="lease", daemon=True)
        await asyncio.to_thread(self._renew)
        renewer.start()
        try:
            while not self._stopping.is_set() or self._board.spoken or self._board.answers:
                await self._once()
        finally:
            self._stopping.set()
            self._database.on_hints.remove(self._hear)
            self._ended.set()
            self._hurry.set()
            await asyncio.to_thread(renewer.join)
            await self._breakers.settled()
            await asyncio.wrap_future(self._database.submit_system(lambda work: lanes.release(work, self.name)))

    def stop(self) -> None:
        """Claim nothing more and end when everything in flight has landed."""
        self._stopping.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    def idle(self) -> bool:
        """Whether nothing is in flight or waiting to be landed here."""
        return not (self._board.spoken or self._board.answers or self._board.hot)

    # ---- turns

    async def _once(self) -> None:
        board = self._board
        self._wake.clear()
        if board.spoken and not self._holds():
            await self._network.close()
        cap = TURN_WHILE_WAITED_FOR if self._database.waiting() else TURN
        batch = board.answers[:cap]
        board.hot |= {board.lane_of[a.task, a.attempt] for a in batch} & board.backlog
        room, look = self._room(batch)
        if batch or look:
            await self._turn(batch, room, look)
        if not board.answers and not board.hot and not await self._woken():
            board.hot |= self._leased

    async def _woken(self) -> bool:
        try:
            async with asyncio.timeout(SWEEP_S):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    def _room(self, batch: Sequence[Answer]) -> tuple[dict[str, int], set[str]]:
        """Free slots of every leased lane, and the lanes to be searched: hinted ones and those just landed on."""
        board = self._board
        if self._stopping.is_set() or not self._holds():
            return {}, set()
        landing = Counter(board.lane_of[a.task, a.attempt] for a in batch)
        self._breakers.look(self._leased)
        open_lanes = self._breakers.closed(self._leased)
        if self._pulse.seconds() - self._swept > SWEEP_S:
            self._swept = self._pulse.seconds()
            board.hot |= self._leased
        look, board.hot = (board.hot | set(landing)) & open_lanes, set()
        return {lane: self._slots - board.flying[lane] + landing[lane] for lane in open_lanes}, look

    async def _turn(self, batch: Sequence[Answer], room: dict[str, int], look: set[str]) -> None:
        try:
            await self._land(batch, room, look)
        except Exception as error:  # whatever it is, what did not land stays in hand and is brought again
            _log.warning("turn refused", error=str(error), answers=len(batch))
            await asyncio.sleep(REST_S)

    def _landed(self, batch: Sequence[Answer], turned: engine.Turned, look: set[str]) -> None:
        """What a commit made durable leaves our hands at once, whatever becomes of the rest of a split turn."""
        board = self._board
        gone = {id(answer) for answer in batch}
        board.answers = [answer for answer in board.answers if id(answer) not in gone]
        for answer in batch:
            board.flying[board.lane_of.pop((answer.task, answer.attempt))] -= 1
        self.tally.turns += 1
        self.tally.landed += len(batch)
        board.backlog = (board.backlog - look) | turned.backlog
        for sent in turned.sent:
            self._speak(sent)

    async def _land(self, batch: Sequence[Answer], room: dict[str, int], look: set[str]) -> None:
        """One turn; one that fails on its content is split until the bad order stands alone and is parked."""
        try:
            turned = await asyncio.wrap_future(
                self._database.submit_system(
                    lambda work: engine.turn(work, batch, worker=self.name, room=room, look=look, policy=self._policy)
                )
            )
        except TrunklineError as error:
            if error.code == "unavailable" or not batch:
                raise
            await self._split(batch, room, look, error)
        except Exception as error:  # whatever it is, it is one order's: find it, park it, land the others
            _log.exception("turn failed", answers=len(batch))
            if not batch:
                raise
            await self._split(batch, room, look, error)
        else:
            self._landed(batch, turned, look)

    async def _split(self, batch: Sequence[Answer], room: dict[str, int], look: set[str], error: Exception) -> None:
        orders = sorted({a.task[:2] for a in batch})
        if len(orders) == 1:
            self.tally.parked += 1
            for answer in batch:
                parked = self._database.submit_system(
                    lambda work, a=answer: engine.park(work, a, error=f"{type(error).__name__}: {error}")  # type: ignore[misc]
                )
                await asyncio.wrap_future(parked)
                self._landed([answer], engine.Turned(), set())
            await self._land([], room, look)
            return
        left = set(orders[: len(orders) // 2])
        await self._land([a for a in batch if a.task[:2] in left], {}, set())
        await self._land([a for a in batch if a.task[:2] not in left], room, look)

    # ---- speech

    def _speak(self, sent: engine.Sent) -> None:
        board = self._board
        board.flying[sent.lane] += 1
        board.lane_of[sent.task, sent.attempt] = sent.lane
        self.tally.sent += 1
        spoken = asyncio.get_running_loop().create_task(self._spoken(sent))
        board.spoken.add(spoken)
        spoken.add_done_callback(board.spoken.discard)

    async def _spoken(self, sent: engine.Sent) -> None:
        if self._holds():
            answer = await self._network.speak(sent)
            self._breakers.note(sent, answer)
        else:
            await self._network.close()
            word = Word.UNREADABLE if sent.read_only else Word.UNREACHABLE
            answer = Answer(sent.task, sent.attempt, word, message="not said: the lease was not renewed in time")
        self._board.answers.append(answer)
        self._wake.set()

    # ---- leases

    def _holds(self) -> bool:
        return self._pulse.seconds() - self._renewed < lanes.SILENT_S

    def _renew(self) -> None:
        asked = self._pulse.seconds()  # before the database counts: what it waited must not lengthen the lease
        self._leased = self._database.run_system(lambda work: lanes.hold(work, self.name))
        self._renewed = asked

    def _renew_for_ever(self) -> None:
        while not self._ended.is_set():
            self._hurry.wait(lanes.RENEW_S)
            self._hurry.clear()
            if self._ended.is_set():
                return
            before = self._leased
            try:
                self._renew()
            except Exception as error:  # whatever it is, renewing goes on; not renewed in time, we fall silent
                _log.warning("lease not renewed", error=str(error))
            if self._loop is not None and self._leased - before:
                self._loop.call_soon_threadsafe(self._heed, self._leased - before)
            self._ended.wait(HURRY_S)

    def _hear(self, hints: set[str]) -> None:
        told = {hint.removeprefix("lane:") for hint in hints if hint.startswith("lane:")}
        if told and self._loop is not None:
            self._loop.call_soon_threadsafe(self._heed, told)

    def _heed(self, told: set[str]) -> None:
        if not told <= self._leased:
            self._hurry.set()
        self._board.hot |= told
        self._wake.set()
