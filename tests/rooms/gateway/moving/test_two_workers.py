"""Two workers beside each other: what a lane bears holds for both together, because one of them owns it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from gateway.worker import Worker
from kernel.database import Database
from kernel.time import FakePulse
from oss.inventory import elements
from oss.orders import run as engine
from oss.orders.model import Priority
from oss.orders.settle import Answer, Word
from tests.rooms.gateway.moving.waiting import moving, until
from tests.rooms.oss.orders.test_turns import queue
from tests.rooms.oss.orders.town import Town

SLOTS, PER_S = 3, 20


class Wire:
    """What both workers speak through: it knows who speaks on which lane, and how many at once."""

    def __init__(self) -> None:
        self.said: Counter[str] = Counter()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.speakers: dict[str, set[str]] = {}
        self.gate = asyncio.Event()

    def mouth(self, name: str) -> Any:
        """The wire as one worker has it."""
        wire = self

        class Mouth:
            async def speak(self, sent: engine.Sent) -> Answer:
                lane = sent.lane
                wire.said[lane] += 1
                wire.now[lane] += 1
                wire.most[lane] = max(wire.most[lane], wire.now[lane])
                wire.speakers.setdefault(lane, set()).add(name)
                await wire.gate.wait()
                wire.now[lane] -= 1
                return Answer(sent.task, sent.attempt, Word.DONE)

            async def silence(self) -> None: ...

            def break_off(self) -> None: ...

        return Mouth()


@pytest.fixture
def town(database: Database) -> Town:
    """Three elements, of which the register says what it bears."""
    town = Town(database).build()
    text = f"elements: [{{name: hlr, protocol: memory, role: hlr, slots: {SLOTS}, per_s: {PER_S}}}]"
    town.do(lambda work: elements.apply(work, elements.load(text)[0]))
    return town


async def test_the_rate_and_the_slots_of_a_lane_hold_for_both_workers_together(town: Town) -> None:
    pulse, wire = FakePulse(), Wire()
    wire.gate.set()
    pair = [Worker(town.database, wire.mouth(name), pulse=pulse, label=name) for name in ("north", "south")]
    async with moving(*pair):
        await until(lambda: all(worker.lease.lanes for worker in pair))
        await until(lambda: sum(len(worker.lease.lanes) for worker in pair) == 3)
        await asyncio.to_thread(queue, town, 1, 12)
        await asyncio.to_thread(queue, town, 2, 9, priority=Priority.BULK)
        for said in (0, 2, 4, 6):
            await until(lambda said=said: wire.said["hlr"] == said)
            await asyncio.sleep(0)
            pulse.beat(2 / PER_S)
        await until(lambda: wire.said["hlr"] == 8)
        wire.gate.clear()
        pulse.beat(1.0)
        await until(lambda: wire.now["hlr"] == SLOTS)
        wire.gate.set()
    assert wire.most["hlr"] <= SLOTS
    assert len(wire.speakers["hlr"]) == 1
