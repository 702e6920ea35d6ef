"""A breaker for each lane: after failures in a row the element is asked who it is; silent, its lane waits for it.

It counts what never reached the element. A key that is silent, a refusal, a lost answer are the command's own matter,
and the probe has the last word: a lane is open only while its element does not answer for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

import structlog

from gateway.network import Network
from kernel.database import Database
from kernel.errors import TrunklineError
from kernel.time import Pulse
from oss.orders import lanes
from oss.orders.run import Sent
from oss.orders.settle import Answer, Word

_log = structlog.get_logger(__name__)

AFTER = 10
"""Failures in a row before the element is asked: twice what one command is tried, so that it ends by its own limit."""
FIRST_S, LONGEST_S = 1.0, 30.0
"""The pause between two probes, doubled each time, and the longest."""
PROBE_S = 10.0
"""A probe that takes longer found nobody."""
_HEARD = (Word.DONE, Word.REFUSED, Word.READ)


@dataclass(slots=True)
class _Lane:
    element: str
    failures: int = 0
    open: bool = False
    probing: bool = False
    next_at: float = 0.0
    pause_s: float = FIRST_S


class Breakers:
    """The breakers of one worker's lanes."""

    def __init__(self, database: Database, network: Network, pulse: Pulse) -> None:
        self._database, self._network, self._pulse = database, network, pulse
        self._lanes: dict[str, _Lane] = {}
        self._probes: set[asyncio.Task[None]] = set()

    def closed(self, leased: Collection[str]) -> set[str]:
        """Those lanes on which commands are sent."""
        return {lane for lane in leased if lane not in self._lanes or not self._lanes[lane].open}

    def note(self, sent: Sent, answer: Answer) -> None:
        """Count what came of a command."""
        if answer.word in _HEARD:
            known = self._lanes.get(sent.lane)
            if known is not None and not known.open:
                known.failures = 0
        elif answer.word is Word.UNREACHABLE:
            lane = self._lanes.setdefault(sent.lane, _Lane(sent.command.element))
            lane.failures, lane.element = lane.failures + 1, sent.command.element

    def look(self, leased: Collection[str]) -> None:
        """Ask the elements whose time has come; forget the lanes that somebody else has now."""
        for name in [name for name in self._lanes if name not in leased]:
            del self._lanes[name]
        for name, lane in self._lanes.items():
            ripe = lane.open or lane.failures >= AFTER
            if ripe and not lane.probing and self._pulse.seconds() >= lane.next_at:
                lane.probing = True
                probe = asyncio.get_running_loop().create_task(self._probe(name, lane))
                self._probes.add(probe)
                probe.add_done_callback(self._probes.discard)

    async def settled(self) -> None:
        """Wait for the probes under way."""
        await asyncio.gather(*self._probes)

    async def _probe(self, name: str, lane: _Lane) -> None:
        try:
            error = await self._asked(lane.element)
            if error is None:
                await self._close(name, lane)
            else:
                await self._open(name, lane, error)
        except TrunklineError as problem:
            _log.warning("breaker not told", lane=name, error=str(problem))
        finally:
            lane.probing = False

    async def _asked(self, element: str) -> str | None:
        """What is wrong with an element; None when it answers for itself."""
        try:
            async with asyncio.timeout(PROBE_S):
                health = await (await self._network.element(element)).probe()
        except (TrunklineError, TimeoutError) as error:
            return str(error) or "no answer to the probe"
        return None if health.reachable else health.error or "no answer to the probe"

    async def _open(self, name: str, lane: _Lane, error: str) -> None:
        lane.next_at, lane.pause_s = self._pulse.seconds() + lane.pause_s, min(lane.pause_s * 2, LONGEST_S)
        if not lane.open:
            lane.open = True
            _log.warning("breaker open", lane=name, element=lane.element, error=error)
            element = lane.element
            await asyncio.wrap_future(
                self._database.submit_system(lambda work: lanes.break_off(work, name, element=element, error=error))
            )

    async def _close(self, name: str, lane: _Lane) -> None:
        was_open, lane.open, lane.failures = lane.open, False, 0
        lane.next_at, lane.pause_s = 0.0, FIRST_S
        if was_open:
            _log.info("breaker closed", lane=name, element=lane.element)
            await asyncio.wrap_future(self._database.submit_system(lambda work: lanes.resume(work, [name])))
