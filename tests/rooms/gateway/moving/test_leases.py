"""A worker that lost sight of a commit, or of its lease, finds its way back without being started again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.lease import Lease
from gateway.network import Network
from gateway.worker import Worker
from kernel import database as databases
from kernel.database import Database
from kernel.time import FakePulse
from oss.orders import lanes, leases, views
from oss.orders.machine import OrderState, TaskState
from oss.orders.model import ServiceOrder, Task
from oss.orders.model import Worker as Leased
from oss.orders.settle import Policy
from oss.port import ElementSpec
from tests.rooms.gateway.moving.waiting import moving, until, until_asked
from tests.rooms.oss.orders.town import Town

QUICK = Policy(failures=5, first_s=0.0, longest_s=0.0, horizon_s=0.0)
WORDS = 3
"""Commands of one activation."""


@pytest.fixture
def town(database: Database) -> Town:
    """Three elements, and stock for two lines."""
    return Town(database).build()


def worker_of(town: Town, **more: Any) -> Worker:
    def connect(spec: ElementSpec) -> Any:
        return {"hlr": town.hlr, "olt": town.olt, "broker": town.broker}[spec.name]

    return Worker(town.database, Network(town.database, connect), policy=QUICK, **more)


async def completed(town: Town, count: int) -> bool:
    done = sa.select(sa.func.count()).where(ServiceOrder.state == OrderState.COMPLETED)
    look = town.database.read_system(lambda work: (work.connection.scalar(done), views.busy(work)))
    return await asyncio.wrap_future(look) == (count, False)


@pytest.fixture
def lost_commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The next commit of a turn that sends something lands, and its answer is lost."""
    land, lost = databases._land, ["one"]

    def land_and_say_nothing(transaction: sa.RootTransaction) -> None:
        sent = transaction.connection.scalar(sa.select(sa.func.count()).where(Task.state == TaskState.SENT))
        land(transaction)
        if sent and lost:
            lost.pop()
            raise databases._Unsure("the connection broke") from sa.exc.OperationalError("COMMIT", {}, OSError("gone"))

    monkeypatch.setattr(databases, "_land", land_and_say_nothing)
    return lost


async def test_a_commit_that_landed_unanswered_once_left_its_tasks_sent_until_the_worker_was_started_again(
    town: Town, lost_commits: list[str]
) -> None:
    async with moving(worker_of(town)):
        await asyncio.to_thread(town.line)
        await until_asked(lambda: completed(town, 1))
    assert lost_commits == []
    said = [count for box in (town.hlr, town.olt, town.broker) for count in box.log.values()]
    assert said == [1] * WORDS


async def test_a_worker_whose_lanes_were_taken_over_begins_anew_under_another_name(town: Town) -> None:
    worker = worker_of(town, label="north")
    async with moving(worker):
        await until(lambda: worker.lease.lanes)
        first = worker.lease.name

        def stolen(work: Any) -> None:
            work.connection.execute(sa.update(Leased).where(Leased.name == first).values(until=0))
            lanes.hold(work, "thief")
            lanes.release(work, "thief")

        await asyncio.to_thread(lambda: town.database.run_system(stolen))
        await asyncio.to_thread(town.line)
        await until_asked(lambda: completed(town, 1))
        assert (worker.lease.name != first, worker.lease.name.startswith("north:")) == (True, True)
    listed = await asyncio.wrap_future(town.database.read_system(leases.seen))
    assert [(each.name, each.state) for each in listed] == [(first, "lost")]


async def test_a_worker_that_is_told_to_drain_ends_by_itself(town: Town) -> None:
    worker = worker_of(town)
    running = asyncio.get_running_loop().create_task(worker.run())
    await until(lambda: worker.lease.lanes)
    await asyncio.to_thread(lambda: town.database.run_system(lambda work: leases.drain(work, worker.lease.name)))
    async with asyncio.timeout(5):
        await running
    assert await asyncio.wrap_future(town.database.read_system(leases.seen)) == []


def test_a_lane_is_let_go_only_after_the_loop_was_told_and_nothing_flies_on_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[str]] = []
    shares = [{"a", "b"}, {"a"}, {"a"}, {"a"}]

    def hold(work: object, name: str, *, busy: set[str], **_: object) -> set[str]:
        asked.append(set(busy))
        return shares.pop(0)

    monkeypatch.setattr(lanes, "hold", hold)
    monkeypatch.setattr(leases, "standing", lambda work, name: leases.Standing(False, lanes.RENEW_S))
    lease = Lease(database, FakePulse(), label="w")
    lease.renew()
    assert lease.claimable({}) == {"a", "b"}
    lease.renew()
    assert lease.claimable({"b": 1}) == {"a"}
    lease.renew()
    assert lease.claimable({"b": 0}) == {"a"}
    lease.renew()
    assert asked == [set(), {"a", "b"}, {"a", "b"}, {"a"}]
