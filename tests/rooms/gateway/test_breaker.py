"""The breaker of a lane: opened by failures in a row and a probe that finds nobody, closed by one that does."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from adapters.elements.memory import Fault, MemoryElement
from gateway.breaker import AFTER, FIRST_S, Breakers
from gateway.network import Network
from gateway.watch import Watch
from kernel.database import Database
from kernel.ids import TenantId
from kernel.time import FakePulse
from kernel.versions import PLATFORM_TENANT
from kernel.work import Actor, SystemWork
from oss.inventory import alarms, elements
from oss.orders import lanes
from oss.orders.run import Sent
from oss.orders.settle import Answer, Word
from oss.port import Command

LANE = "olt"
TASK = (1, 1, 0)
SENT = Sent(TASK, 1, LANE, Command(LANE, "1", "port", {"present": True}, 1, "k"), read_only=False)


class Post:
    """A lane with an element in memory, and the breaker between."""

    def __init__(self, database: Database) -> None:
        self.database, self.olt, self.pulse = database, MemoryElement(LANE), FakePulse()
        self.breakers = Breakers(database, Network(database, lambda spec: self.olt), self.pulse)

    def heard(self, word: Word, *, times: int = 1) -> None:
        """So many commands came to that."""
        for _ in range(times):
            self.breakers.note(SENT, Answer(TASK, 1, word))

    async def looked(self, *, after_s: float = 0.0) -> bool:
        """Whether the lane is open for commands after a look at it."""
        self.pulse.beat(after_s)
        self.breakers.look({LANE})
        await self.breakers.settled()
        return LANE in self.breakers.closed({LANE})

    def told(self) -> tuple[str | None, list[tuple[str, str]]]:
        """What the lane's row says, and the alarms that stand."""

        def fn(work: SystemWork) -> tuple[str | None, list[tuple[str, str]]]:
            rows = alarms.listed(work.of(PLATFORM_TENANT))
            return lanes.states(work)[LANE].broken_by, [(str(row.kind), row.element) for row in rows]

        return self.database.read_system(fn).result()


@pytest.fixture
def post(database: Database) -> Post:
    """An element whose lane is leased."""

    def furnish(work: SystemWork) -> None:
        for document in elements.load("elements: [{name: olt, protocol: memory, role: olt}]"):
            elements.apply(work, document)
        lanes.hold(work, "w1")

    database.run_system(furnish)
    return Post(database)


async def test_a_lane_opens_after_failures_in_a_row_and_closes_when_its_element_answers(post: Post) -> None:
    post.olt.faults.plan("*", Fault.UNREACHABLE)
    post.heard(Word.UNREACHABLE, times=AFTER - 1)
    assert await post.looked()
    post.heard(Word.UNREACHABLE)
    assert not await post.looked()
    assert post.told() == ("the element cannot be reached", [("probeFailing", "olt")])
    post.olt.faults.clear()
    assert not await post.looked(after_s=FIRST_S / 2)
    assert await post.looked(after_s=FIRST_S / 2)
    assert post.told() == (None, [])


async def test_probes_come_at_longer_and_longer_intervals(post: Post) -> None:
    post.olt.faults.plan("*", Fault.UNREACHABLE)
    post.heard(Word.UNREACHABLE, times=AFTER)
    assert not await post.looked()
    assert not await post.looked(after_s=1.0)
    post.olt.faults.clear()
    assert not await post.looked(after_s=1.9)
    assert await post.looked(after_s=0.2)


@pytest.mark.parametrize("word", [Word.UNANSWERED, Word.REFUSED, Word.UNREADABLE, Word.DONE])
async def test_what_reached_the_element_or_a_silent_key_opens_nothing(post: Post, word: Word) -> None:
    post.olt.faults.plan("*", Fault.UNREACHABLE)
    post.heard(word, times=5 * AFTER)
    assert await post.looked()


async def test_a_device_that_cannot_be_reached_behind_a_lane_that_can_opens_nothing(post: Post) -> None:
    post.olt.faults.plan("1", Fault.UNREACHABLE)
    post.heard(Word.UNREACHABLE, times=5 * AFTER)
    assert await post.looked()
    assert post.told() == (None, [])


async def test_a_worker_that_takes_a_lane_over_finds_out_for_itself(post: Post) -> None:
    post.olt.faults.plan("*", Fault.UNREACHABLE)
    post.heard(Word.UNREACHABLE, times=AFTER)
    assert not await post.looked()

    def takeover(work: SystemWork) -> None:
        lanes.release(work, "w1")
        lanes.hold(work, "w2")

    post.database.run_system(takeover)
    assert post.told() == (None, [])


async def test_the_watch_raises_and_clears_the_alarm_of_a_stalled_lane(post: Post) -> None:
    watch = Watch(post.database, older_s=0.0)
    assert not await watch.look()

    def stall(work: SystemWork) -> None:
        lanes.release(work, "w1")
        _ready_task(work)

    post.database.run_system(stall)
    assert await watch.look()
    assert post.told()[1] == [("laneStalled", "olt")]
    assert not await watch.look()
    post.database.run_system(lambda work: lanes.hold(work, "w1"))
    assert await watch.look()
    assert post.told()[1] == []


def _ready_task(work: SystemWork) -> None:
    from oss.orders.machine import TaskState
    from oss.orders.model import OrderId, Task

    row = {"lane": LANE, "key": "1", "state": TaskState.READY, "priority": 20, "run_at": 0, "attempt": 0, "failures": 0}
    more = {"generation": 1, "cut": False, "command": "[]", "tenant": TenantId(1), "order_id": OrderId(1), "seq": 0}
    work.connection.execute(sa.insert(Task).values(**row, **more))


def test_alarms_of_the_platform_are_seen_by_every_tenant(post: Post) -> None:
    post.database.run_system(lambda work: lanes.break_off(work, LANE, element=LANE, error="silent"))
    clerk = Actor("test:clerk", frozenset({"admin"}))
    seen = post.database.read(lambda work: len(alarms.listed(work)), tenant=TenantId(1), actor=clerk).result()
    assert seen == 1
