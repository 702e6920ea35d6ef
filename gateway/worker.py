"""The worker: leases lanes, runs turns, speaks what they sent, and brings every answer to the next turn."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from gateway import collector
from gateway.breaker import Breakers
from gateway.lease import Lease, default_label
from gateway.network import Network
from gateway.pace import Paces
from kernel.bell import EVERYTHING
from kernel.database import Database
from kernel.errors import TrunklineError
from kernel.time import Pulse, SystemPulse
from oss.orders import lanes, leases
from oss.orders import run as engine
from oss.orders.settle import Answer, Policy, Word
from oss.orders.store import Fenced, TaskKey

_log = structlog.get_logger(__name__)

SLOTS = 64
"""Commands in flight on one lane at most."""
TURN = 2_000
"""Answers landed in one turn at most."""
TURN_WHILE_WAITED_FOR = 200
"""The same while somebody else's Work waits: on one writer a foreground write waits for the turn."""
SWEEP_S = 0.25
"""How often lanes are looked at though nobody hinted: timers, back-off, other writers."""
WATCH_S = 0.05
"""The least time between two looks at the lease."""
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
    doubt: bool = False
    """A commit was not answered: what it wrote as sent may have landed, and nobody has spoken it."""
    hot: set[str] = field(default_factory=set)
    backlog: set[str] = field(default_factory=set)
    spare: dict[str, int] = field(default_factory=dict)
    """What bulk leaves of each lane's room in the next turn."""
    served: dict[str, int] = field(default_factory=dict)
    """The tenant that each lane served last."""
    unsaid: deque[engine.Sent] = field(default_factory=deque)
    speakers: set[asyncio.Task[None]] = field(default_factory=set)
    relief: bool = False
    """Whether a speaker is about to start who finds out what is still unsaid."""


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
        label: str | None = None,
    ) -> None:
        self.tally = Tally()
        self._database, self._network = database, network
        self._policy, self._pulse = policy, pulse or SystemPulse()
        self._paces = Paces(self._pulse, slots=slots)
        self._board = _Board()
        self._breakers = Breakers(database, network, self._pulse)
        self.lease = Lease(database, self._pulse, label=label or default_label())
        self.lease.heed = self._taken
        self._swept = self._pulse.seconds()
        self._stopping = threading.Event()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Work until `stop` or a drain; what is in flight then is awaited and landed, and the lanes are given back."""
        collector.calm()
        self._loop = asyncio.get_running_loop()
        self._database.on_hints.append(self._hear)
        self._database.bell.at_home = self._at_home
        await asyncio.to_thread(self.lease.begin)
        self._database.bell.listen(self._database.on_hints)
        self._watch()
        try:
            while not self._ending() or self._board.speakers or self._board.answers or self._board.doubt:
                await self._once()
        finally:
            self._stopping.set()
            if self._watching is not None:
                self._watching.cancel()
            self._database.on_hints.remove(self._hear)
            await asyncio.to_thread(self.lease.end)
            await self._breakers.settled()
            name = self.lease.name
            await asyncio.wrap_future(self._database.submit_system(lambda work: lanes.release(work, name)))

    def stop(self) -> None:
        """Drain: claim nothing more and end when everything in flight has landed."""
        self._stopping.set()
        self.lease.leave()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    def idle(self) -> bool:
        """Whether nothing is in flight or waiting to be landed here."""
        return not (self._board.speakers or self._board.answers or self._board.hot)

    # ---- turns

    async def _once(self) -> None:
        self._wake.clear()
        if self.lease.fenced:
            await self._begin_anew()
        board = self._board
        if board.doubt and not await self._reclaimed():
            return
        cap = TURN_WHILE_WAITED_FOR if self._database.waiting() else TURN
        batch = board.answers[:cap]
        board.hot |= {board.lane_of[a.task, a.attempt] for a in batch} & board.backlog
        room, look = self._room(batch)
        if batch or look:
            await self._turn(batch, room, look)
        if not board.answers and not board.hot:
            board.hot |= await self._woken()

    async def _woken(self) -> set[str]:
        """The lanes to be looked at when nobody woke us: all at the sweep, before that those with tokens again."""
        backlog = self._board.backlog
        paced_s = self._paces.empty_s(backlog) or SWEEP_S
        try:
            async with asyncio.timeout(min(paced_s, SWEEP_S)):
                await self._wake.wait()
        except TimeoutError:
            return set(backlog) if paced_s < SWEEP_S else set(self.lease.lanes)
        return set()

    def _room(self, batch: Sequence[Answer]) -> tuple[dict[str, int], set[str]]:
        """Free slots of every leased lane, and the lanes to be searched: hinted ones and those just landed on."""
        board = self._board
        leased = self.lease.claimable(board.flying)
        if self._ending() or not self.lease.holds():
            return {}, set()
        landing = Counter(board.lane_of[a.task, a.attempt] for a in batch)
        self._breakers.look(leased)
        open_lanes = self._breakers.closed(leased)
        if self._pulse.seconds() - self._swept > SWEEP_S:
            self._swept = self._pulse.seconds()
            board.hot |= leased
        look, board.hot = (board.hot | set(landing)) & open_lanes, set()
        self._paces.told(self.lease.paces, leased)
        self._network.wary = self.lease.wary
        room = {lane: self._paces.room(lane, board.flying[lane] - landing[lane]) for lane in open_lanes}
        board.spare = {lane: spare for lane, (_, spare) in room.items()}
        return {lane: free for lane, (free, _) in room.items()}, look

    async def _turn(self, batch: Sequence[Answer], room: dict[str, int], look: set[str]) -> None:
        try:
            await self._land(batch, room, look)
        except Fenced:
            self.lease.fenced = True
        except Exception as error:  # whatever it is, what did not land stays in hand and is brought again
            _log.warning("turn refused", error=str(error), answers=len(batch))
            self._board.doubt = True
            await asyncio.sleep(REST_S)

    async def _reclaimed(self) -> bool:
        """What a commit that was not answered may have written as sent is read back before anything else is done."""
        board, name = self._board, self.lease.name
        try:
            lost = await asyncio.wrap_future(
                self._database.submit_system(lambda work: engine.reclaim(work, worker=name, known=board.lane_of.keys()))
            )
        except Fenced:
            self.lease.fenced = True
            return False
        except Exception as error:  # the database is away still: nothing is claimed before it has told
            _log.warning("not reclaimed", error=str(error))
            await asyncio.sleep(REST_S)
            return False
        board.doubt = False
        if lost:
            _log.warning("sent but not told of", tasks=lost)
        return True

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
        board.served |= turned.served
        for sent in turned.sent:
            self._speak(sent)

    async def _land(self, batch: Sequence[Answer], room: dict[str, int], look: set[str]) -> None:
        """One turn; one that fails on its content is split until the bad order stands alone and is parked."""
        name, board = self.lease.name, self._board
        try:
            turned = await asyncio.wrap_future(
                self._database.submit_system(
                    lambda work: engine.turn(
                        work,
                        batch,
                        worker=name,
                        room=room,
                        look=look,
                        policy=self._policy or self.lease.policy,
                        spare=board.spare,
                        after=board.served,
                    )
                )
            )
        except Fenced:
            raise
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
        self._paces.spend(sent.lane, bulk=sent.bulk)
        board.unsaid.append(sent)
        if not board.relief:
            self._call_speaker()

    def _call_speaker(self) -> None:
        board = self._board
        board.relief = True
        speaker = asyncio.get_running_loop().create_task(self._speaks())
        board.speakers.add(speaker)
        speaker.add_done_callback(board.speakers.discard)

    async def _speaks(self) -> None:
        """Say one after the other; as soon as one has to be waited for, the next speaker goes on with the rest.

        Each command is waited for by a speaker of its own, and one that needs no waiting costs no task of its own.
        """
        board = self._board
        board.relief = False
        while board.unsaid:
            sent = board.unsaid.popleft()
            if board.unsaid and not board.relief:
                self._call_speaker()
            await self._spoken(board, sent)

    async def _spoken(self, board: _Board, sent: engine.Sent) -> None:
        if self.lease.holds():
            answer = await self._network.speak(sent)
            self._breakers.note(sent, answer)
        else:
            await self._network.silence()
            word = Word.UNREADABLE if sent.read_only else Word.UNREACHABLE
            answer = Answer(sent.task, sent.attempt, word, message="not said: the lease was not renewed in time")
        board.answers.append(answer)
        self._wake.set()

    # ---- leases

    def _ending(self) -> bool:
        return self._stopping.is_set() or self.lease.draining

    def _watch(self) -> None:
        """Not renewed in time, whatever is being said is broken off before its next byte: this runs before any talk."""
        if self._loop is None:
            return
        if self._board.speakers and not self.lease.holds():
            self._network.break_off()
        self._watching = self._loop.call_later(max(min(self.lease.left_s(), lanes.RENEW_S), WATCH_S), self._watch)

    async def _begin_anew(self) -> None:
        """Others have our lanes: what we had in hand is read back by them, and we are nobody they know."""
        self._board.unsaid.clear()
        self._board = _Board()
        await self._network.silence()
        self.lease.begin_anew()

    def _taken(self, lanes: set[str]) -> None:
        if self._loop is not None and (lanes or self.lease.fenced or self.lease.draining):
            self._loop.call_soon_threadsafe(self._heed, lanes)

    def _at_home(self, hint: str) -> bool:
        kind, _, name = hint.partition(":")
        return kind != "worker" and (kind != "lane" or name in self.lease.lanes)

    def _hear(self, hints: set[str]) -> None:
        told = {hint.removeprefix("lane:") for hint in hints if hint.startswith("lane:")}
        if EVERYTHING in hints:
            told |= self.lease.lanes
        if EVERYTHING in hints or any(hint.startswith(leases.HINT) for hint in hints):
            self.lease.hurry()
        if told and self._loop is not None:
            self._loop.call_soon_threadsafe(self._heed, told)

    def _heed(self, told: set[str]) -> None:
        if not told <= self.lease.lanes:
            self.lease.hurry()
        self._board.hot |= told
        self._wake.set()
