"""Whose turn it is: class before class, tenant after tenant, and bulk leaves something of a lane to whoever waits."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.database import Database
from kernel.work import SystemWork
from oss.orders import lanes
from oss.orders import run as engine
from oss.orders.machine import OrderState, TaskState
from oss.orders.model import OnError, OrderId, Phase, Priority, ServiceOrder, Task, Verb
from oss.orders.plan import text_of
from oss.orders.settle import Answer, Word
from tests.rooms.oss.orders.town import PATIENT, Town

NUMBERS = count(1)
CROWD, FEW, OTHER = 1, 2, 3
QUEUE = 10_000


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements."""
    built = Town(any_database).build()
    built.database.run_system(lambda work: lanes.hold(work, "w1"))
    return built


def queue(town: Town, tenant: int, size: int, *, priority: Priority = Priority.NORMAL, at: int = 1) -> None:
    """So many ready tasks of one tenant on the register's lane, each of an order of its own that nothing completes."""
    said = text_of(["step", "hlr", "subscriber", {"present": True}, None, "read", "", 60.0, False])
    found = [next(NUMBERS) for _ in range(size)]
    order = {"service_id": 1, "verb": Verb.ADD, "state": OrderState.IN_PROGRESS, "phase": Phase.DO, "generation": 1}
    order |= {"priority": priority, "on_error": OnError.HOLD, "done": 0, "whole": 3, "intent": {}, "tenant": tenant}
    task = {"lane": "hlr", "state": TaskState.READY, "priority": priority, "attempt": 0, "failures": 0, "seq": 0}
    task |= {"generation": 1, "cut": False, "command": said, "tenant": tenant}

    def fn(work: SystemWork) -> None:
        rows = [{**order, "id": OrderId(n), "placed_at": work.now} for n in found]
        work.connection.execute(sa.insert(ServiceOrder), rows)
        tasks = [{**task, "order_id": OrderId(n), "key": f"k{n}", "run_at": at + n} for n in found]
        work.connection.execute(sa.insert(Task), tasks)

    town.database.run_system(fn)


def claim(town: Town, free: int, answers: list[Answer] | None = None, **more: Any) -> engine.Turned:
    return town.database.run_system(
        lambda work: engine.turn(work, answers or [], worker="w1", room={"hlr": free}, policy=PATIENT, **more)
    )


def tenants(turned: engine.Turned) -> list[int]:
    return [sent.task[0] for sent in turned.sent]


@pytest.mark.slow
def test_a_tenant_with_ten_thousand_orders_in_the_queue_does_not_starve_another(town: Town) -> None:
    queue(town, CROWD, QUEUE)
    queue(town, FEW, 3, at=1_000_000)
    assert tenants(claim(town, 6)) == [CROWD, FEW, CROWD, FEW, CROWD, FEW]


def test_with_one_slot_tenants_take_turns_though_one_has_always_the_oldest(town: Town) -> None:
    queue(town, CROWD, 9)
    queue(town, FEW, 2, at=1_000_000)
    queue(town, OTHER, 2, at=2_000_000)
    served: dict[str, int] = {}
    order = []
    for _ in range(8):
        turned = claim(town, 1, after=served)
        served |= turned.served
        order += tenants(turned)
    assert order == [CROWD, FEW, OTHER, CROWD, FEW, OTHER, CROWD, CROWD]


def test_a_better_class_goes_before_anybodys_turn(town: Town) -> None:
    queue(town, CROWD, 3)
    queue(town, FEW, 2, priority=Priority.BULK)
    queue(town, FEW, 1, priority=Priority.INTERACTIVE, at=5_000_000)
    queue(town, OTHER, 1, priority=Priority.RESTORE, at=6_000_000)
    assert tenants(claim(town, 5)) == [OTHER, FEW, CROWD, CROWD, CROWD]


def test_bulk_leaves_a_slot_and_what_it_is_told_to_spare(town: Town) -> None:
    queue(town, CROWD, 9, priority=Priority.BULK)
    assert len(claim(town, 3).sent) == 2
    assert len(claim(town, 5, spare={"hlr": 4}).sent) == 1
    assert claim(town, 4, spare={"hlr": 4}).sent == []
    queue(town, FEW, 9)
    sent = claim(town, 4, spare={"hlr": 4}).sent
    assert Counter(s.bulk for s in sent) == {False: 4}


def test_what_is_in_the_air_keeps_its_key_whoever_comes(town: Town) -> None:
    queue(town, CROWD, 1)
    (sent,) = claim(town, 1).sent
    late = Answer(sent.task, sent.attempt, Word.UNREACHABLE)
    again = claim(town, 1, [late])
    assert [s.attempt for s in again.sent] == [2]
