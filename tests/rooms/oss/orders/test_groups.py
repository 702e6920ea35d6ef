"""Orders that complete or fail together, and workers that take over from one another."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from adapters.elements.memory import Fault as Wrong
from adapters.elements.memory import MemoryElement
from gateway.network import Network
from gateway.worker import Worker
from kernel.database import Database
from kernel.work import SystemWork, Work
from oss.inventory import service as inventory
from oss.inventory import supply
from oss.inventory.model import ServiceId
from oss.orders import service as orders
from oss.orders import views
from oss.orders.machine import OrderState, TaskState
from oss.orders.model import OrderId, Task, Verb
from oss.orders.model import Worker as LeasedBy
from oss.orders.settle import Answer, Word
from oss.orders.store import Fenced
from oss.port import Command, ElementSpec, Outcome, Reading
from tests.rooms.oss.orders.town import CLERK, OPERATOR, PORT, Town

THIRD = """
pools:
  - {pool: sim, element: hlr, sim_run: {iccid: '899900300000000000', imsi: '001030000000001', count: 1}}
  - {pool: port, element: olt, values: ['9']}
  - {pool: meter, element: broker, values: [meter-9]}
"""


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements and stock for three lines."""
    town = Town(any_database).build()
    town.do(lambda w: supply.apply(w, THIRD, granted_to=OPERATOR))
    return town


def together(town: Town, count: int) -> list[OrderId]:
    """Activations of one atomic group."""

    def fn(work: Work) -> list[OrderId]:
        group = orders.group(work, count)
        placed = []
        for _ in range(count):
            line = inventory.create(work, "line", profile={"profile": "HOME500"}, owner="sub_1")
            wanted = inventory.intent(work, line.id)
            placed.append(orders.place(work, line.id, intent=wanted, verb=Verb.ADD, group=group).order_id)
        return placed

    return town.do(fn)  # type: ignore[return-value]


def states(town: Town, placed: list[OrderId]) -> list[OrderState]:
    def fn(work: Work) -> list[OrderState]:
        return [views.get(work, order).state for order in placed]

    return town.database.read(fn, tenant=OPERATOR, actor=CLERK).result()


def tasks(town: Town, order: OrderId) -> list[tuple[int, TaskState, int]]:
    def fn(work: Work) -> list[tuple[int, TaskState, int]]:
        query = sa.select(Task.seq, Task.state, Task.attempt).where(Task.tenant == OPERATOR, Task.order_id == order)
        return [(row[0], row[1], row[2]) for row in work.connection.execute(query.order_by(Task.seq))]

    return town.database.read(fn, tenant=OPERATOR, actor=CLERK).result()


def test_none_of_a_group_completes_before_all_are_confirmed(town: Town) -> None:
    town.broker.faults.plan("meter-9", Wrong.UNREACHABLE, count=2)
    placed = together(town, 3)
    answers: list[Answer] = []
    seen: set[tuple[OrderState, ...]] = set()
    for _ in range(12):
        answers = town.speak(town.turn(answers))
        seen.add(tuple(states(town, placed)))
    assert seen == {(OrderState.IN_PROGRESS,) * 3, (OrderState.COMPLETED,) * 3}


def test_one_refusal_takes_a_whole_group_back_last_confirmed_first(town: Town) -> None:
    town.broker.faults.plan("meter-9", Wrong.REFUSE, count=1)
    placed = together(town, 3)
    town.settle()
    assert states(town, placed) == [OrderState.FAILED] * 3
    assert (town.hlr.states, town.olt.states, town.broker.states) == ({}, {}, {})
    undone = [s.split(":")[0] for s in town.spoken if "False" in s]
    assert undone == ["broker"] * 3 + ["olt"] * 3 + ["hlr"] * 3


def bury(town: Town) -> None:
    """The worker that holds the lanes is gone and its leases have lapsed."""
    town.database.run_system(lambda w: w.connection.execute(sa.update(LeasedBy).values(until=0)))


def line(town: Town) -> tuple[ServiceId, OrderId]:
    service = town.line()
    order = town.database.read(lambda w: views.of_service(w, service)[0].id, tenant=OPERATOR, actor=CLERK).result()
    return service, order


def test_what_a_dead_worker_said_is_read_back_and_not_said_again(town: Town) -> None:
    _, order = line(town)
    late = town.speak(town.turn([], worker="dead"))
    bury(town)
    town.settle(worker="heir")
    assert tasks(town, order)[0][1:] == (TaskState.DONE, 2)
    assert max(town.hlr.log.values()) == 1
    assert [s.split(":")[0] for s in town.spoken] == ["hlr", "olt", "broker"]
    before = tasks(town, order)
    with pytest.raises(Fenced):
        town.turn(late, worker="dead")
    assert tasks(town, order) == before


def test_what_a_dead_worker_never_said_is_said_by_its_heir(town: Town) -> None:
    _, order = line(town)
    town.turn([], worker="dead")
    bury(town)
    town.settle(worker="heir")
    assert states(town, [order]) == [OrderState.COMPLETED]
    assert tasks(town, order)[0][1:] == (TaskState.DONE, 3)


def test_an_answer_that_comes_twice_or_too_late_changes_nothing(town: Town) -> None:
    _, order = line(town)
    answers = town.speak(town.turn([]))
    sent = town.turn(answers)
    before = tasks(town, order)
    refused = [Answer(a.task, a.attempt, Word.REFUSED, message="no") for a in answers]
    older = [Answer(s.task, s.attempt - 1, Word.DONE, Reading({"present": True}, "")) for s in sent]
    assert town.turn([*answers, *refused, *older]) == []
    assert tasks(town, order) == before


class Poisoned(MemoryElement):
    """Answers for one port what no database can keep."""

    async def apply(self, command: Command) -> Outcome:
        """As ever, but for that port."""
        outcome = await super().apply(command)
        if command.key != PORT:
            return outcome
        return Outcome(outcome.verdict, Reading({"present": True, "admin": object()}, ""), "")  # type: ignore[dict-item]


@pytest.mark.slow
async def test_an_answer_that_cannot_land_parks_its_order_alone(town: Town) -> None:
    town.olt = Poisoned("olt")
    bad, good = line(town)[1], line(town)[1]
    named = {"hlr": town.hlr, "olt": town.olt, "broker": town.broker}

    def connect(spec: ElementSpec) -> MemoryElement:
        return named[spec.name]

    worker = Worker(town.database, Network(town.database, connect))
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(20):
        while await asyncio.to_thread(states, town, [bad, good]) != [OrderState.HELD, OrderState.COMPLETED]:  # noqa: ASYNC110  (rows)
            await asyncio.sleep(0.02)
    worker.stop()
    await running
    assert worker.tally.parked == 1
    [fallout] = town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
    assert (fallout.order_id, fallout.cause, fallout.key) == (bad, "internal", PORT)


def test_the_claim_and_the_open_orders_are_served_by_their_partial_indexes(database: Database) -> None:
    from oss.orders import store_sqlite as store

    def plans(work: SystemWork) -> list[str]:
        asked = (
            (store._READY, ("hlr", 20, 1, 0, 5)),
            (store._LOST, ("hlr", 0, 5)),
            (store._IS_FLYING, ("hlr", "1")),
            (store._OPEN_OF, (1, 1)),
            (store._ORPHANS, ("hlr", "w1")),
        )
        found = []
        for text, values in asked:
            rows = work.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
            found.append(" | ".join(row[3] for row in rows))
        return found

    ready, lost, flying, open_orders, orphans = database.run_system(plans)
    assert "USING INDEX ix_task_ready (lane=?" in ready
    assert "ix_task_flying (lane=? AND key=?)" in ready
    assert "USING INDEX ix_task_unknown (lane=? AND run_at<?)" in lost
    assert "ix_task_flying (lane=? AND key=?)" in flying
    assert "USING INDEX ix_service_order_open (tenant=? AND service_id=?)" in open_orders
    assert "ix_task_flying (lane=?)" in orphans
    assert "SCAN" not in " ".join((ready, lost, flying, open_orders, orphans))
