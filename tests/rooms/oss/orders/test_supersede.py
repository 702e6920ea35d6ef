"""What a new order does to the open ones of its service, as the network sees it; every cell: test_every_cell.py."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from adapters.elements.memory import Fault as Wrong
from kernel.database import Database
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.model import Service, ServiceId
from oss.orders import service as orders
from oss.orders import views
from oss.orders.machine import OrderState
from oss.orders.model import OnError, OrderId, Priority, Task, Verb
from oss.port import Level
from oss.specs.compose import Intent
from tests.rooms.oss.orders.town import CLERK, IMSI, OPERATOR, PORT, Town

# ---- what the network sees of it


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements and stock for two lines."""
    return Town(any_database).build()


def restrict(town: Town, service: ServiceId, *, priority: Priority = Priority.NORMAL) -> OrderId:
    def fn(work: Work) -> OrderId:
        inventory.restrict(work, service, cause="nonPayment", level=Level.HARD)
        wanted = inventory.intent(work, service)
        return orders.place(work, service, intent=wanted, verb=Verb.RESTRICT, priority=priority).order_id

    return town.do(fn)  # type: ignore[return-value]


def lift(town: Town, service: ServiceId) -> OrderId:
    def fn(work: Work) -> OrderId:
        inventory.lift(work, service, cause="nonPayment")
        return orders.place(work, service, intent=inventory.intent(work, service), verb=Verb.LIFT).order_id

    return town.do(fn)  # type: ignore[return-value]


def modify(
    town: Town,
    service: ServiceId,
    profile: str,
    *,
    on_error: OnError | None = None,
    priority: Priority = Priority.NORMAL,
) -> OrderId:
    def fn(work: Work) -> OrderId:
        inventory.reshape(work, service, profile={"profile": profile})
        wanted = inventory.intent(work, service)
        placed = orders.place(work, service, intent=wanted, verb=Verb.MODIFY, on_error=on_error, priority=priority)
        return placed.order_id

    return town.do(fn)  # type: ignore[return-value]


def state(town: Town, order: OrderId) -> OrderState:
    return town.database.read(lambda w: views.get(w, order).state, tenant=OPERATOR, actor=CLERK).result()


def test_a_line_restricted_while_it_is_built_never_comes_up_open(town: Town) -> None:
    service = town.line()
    order = restrict(town, service)
    town.settle()
    assert [s for s in town.spoken if "'bar': 'none'" in s or "'admin': 'up'" in s] == []
    assert town.hlr.states["subscriber", IMSI]["bar"] == "all"
    assert town.olt.states["port", PORT]["admin"] == "down"
    assert state(town, order) is OrderState.COMPLETED
    lift(town, service)
    town.settle()
    assert town.hlr.states["subscriber", IMSI]["bar"] == "none"
    assert town.olt.states["port", PORT]["admin"] == "up"


def test_a_restriction_lifted_before_it_was_sent_says_nothing_to_the_network(town: Town) -> None:
    service = town.line()
    town.settle()
    modify(town, service, "HOME1000")
    overtaken = restrict(town, service)
    last = lift(town, service)
    town.spoken.clear()
    town.settle()
    assert [s for s in town.spoken if "all" in s or "down" in s or "False" in s] == []
    assert (state(town, overtaken), state(town, last)) == (OrderState.CANCELLED, OrderState.COMPLETED)


def test_a_lift_that_waited_for_its_restriction_takes_all_of_it_back(town: Town) -> None:
    """The lift's plan is made in the very turn in which the last element confirms the restriction."""
    service = town.line()
    town.settle()
    restrict(town, service)
    sent = town.turn([])
    last = lift(town, service)
    assert state(town, last) is OrderState.PENDING
    town.settle(answers=town.speak(sent))
    assert town.hlr.states["subscriber", IMSI]["bar"] == "none"
    assert town.olt.states["port", PORT]["admin"] == "up"
    assert town.broker.states["meter", "meter-1"]["enabled"] is True
    assert state(town, last) is OrderState.COMPLETED


def test_a_termination_absorbs_what_is_held_and_what_waits(town: Town) -> None:
    service = town.line()
    town.settle()
    town.olt.faults.plan(PORT, Wrong.REFUSE, count=1)
    held = modify(town, service, "HOME1000", on_error=OnError.HOLD)
    town.settle()
    waiting = modify(town, service, "HOME2000")
    assert (state(town, held), state(town, waiting)) == (OrderState.HELD, OrderState.PENDING)

    def end(work: Work) -> None:
        inventory.retire(work, service)
        orders.place(work, service, intent=inventory.intent(work, service), verb=Verb.TERMINATE)

    town.do(end)
    town.settle()
    assert (state(town, held), state(town, waiting)) == (OrderState.CANCELLED, OrderState.CANCELLED)
    assert (town.hlr.states, town.olt.states, town.broker.states) == ({}, {}, {})
    assert town.do(lambda w: inventory.get(w, service).state) is ServiceState.TERMINATED


def test_a_restriction_passes_a_held_change_and_keeps_the_confirmed_profile(town: Town) -> None:
    service = town.line()
    town.settle()
    town.hlr.faults.plan(IMSI, Wrong.REFUSE, count=1)
    held = modify(town, service, "HOME1000", on_error=OnError.HOLD)
    town.settle()
    assert state(town, held) is OrderState.HELD
    order = restrict(town, service)
    town.settle()
    assert (state(town, held), state(town, order)) == (OrderState.HELD, OrderState.COMPLETED)
    assert town.hlr.states["subscriber", IMSI] == {"present": True, "profile": "HOME500", "bar": "all", "rate": "full"}
    assert town.olt.states["port", PORT] == {"present": True, "profile": "HOME500", "admin": "down"}


def test_a_change_waits_behind_a_held_one(town: Town) -> None:
    service = town.line()
    town.settle()
    town.hlr.faults.plan(IMSI, Wrong.REFUSE, count=1)
    held = modify(town, service, "HOME1000", on_error=OnError.HOLD)
    town.settle()
    waiting = modify(town, service, "HOME2000")
    town.settle()
    assert state(town, waiting) is OrderState.PENDING
    town.do(lambda w: orders.retry(w, held))
    town.settle()
    assert (state(town, held), state(town, waiting)) == (OrderState.COMPLETED, OrderState.COMPLETED)
    assert town.hlr.states["subscriber", IMSI]["profile"] == "HOME2000"


def test_a_held_change_that_was_passed_is_placed_anew_under_todays_restrictions(town: Town) -> None:
    service = town.line()
    town.settle()
    town.hlr.faults.plan(IMSI, Wrong.REFUSE, count=1)
    held = modify(town, service, "HOME1000", on_error=OnError.HOLD)
    town.settle()
    restrict(town, service)
    town.settle()
    anew = town.do(lambda w: orders.retry(w, held).order_id)
    town.settle()
    assert isinstance(anew, OrderId)
    assert (state(town, held), state(town, anew)) == (OrderState.CANCELLED, OrderState.COMPLETED)
    assert town.hlr.states["subscriber", IMSI] == {"present": True, "profile": "HOME1000", "bar": "all", "rate": "full"}


def test_a_held_change_that_was_passed_gives_way_to_the_change_that_waits(town: Town) -> None:
    service = town.line()
    town.settle()
    town.hlr.faults.plan(IMSI, Wrong.REFUSE, count=1)
    held = modify(town, service, "HOME1000", on_error=OnError.HOLD)
    town.settle()
    waiting = modify(town, service, "HOME2000")
    restrict(town, service)
    town.settle()
    town.do(lambda w: orders.retry(w, held))
    town.settle()
    assert (state(town, held), state(town, waiting)) == (OrderState.CANCELLED, OrderState.COMPLETED)
    assert town.hlr.states["subscriber", IMSI]["profile"] == "HOME2000"


def test_what_waited_for_an_activation_that_failed_is_called_off(town: Town) -> None:
    """Else a change that waited would build, on the network, a line that nobody has."""
    town.broker.faults.plan("meter-1", Wrong.REFUSE, count=1)
    service = town.line()
    waiting = modify(town, service, "HOME1000")
    town.settle()
    assert state(town, waiting) is OrderState.CANCELLED
    assert (town.hlr.states, town.olt.states, town.broker.states) == ({}, {}, {})


def test_what_an_urgent_order_waits_for_goes_at_its_pace(town: Town) -> None:
    service = town.line()
    town.settle()
    slow = modify(town, service, "HOME1000", priority=Priority.BULK)
    restrict(town, service, priority=Priority.RESTORE)

    def lent(work: Work) -> tuple[int, list[int]]:
        mine = sa.select(Task.priority).where(Task.tenant == OPERATOR, Task.order_id == slow)
        return views.get(work, slow).priority, list(work.session.scalars(mine))

    assert town.database.read(lent, tenant=OPERATOR, actor=CLERK).result() == (0, [0])


def test_a_line_is_locked_before_its_orders_are_looked_at(town: Town) -> None:
    """Two restrictions at once: one generation each, the second one waits or overtakes, none is lost."""
    service = town.line()
    town.settle()
    barred, changed = Intent({"profile": "HOME500"}, level=Level.HARD), Intent({"profile": "HOME1000"})
    asks = {Verb.RESTRICT: barred, Verb.MODIFY: changed}
    futures = [
        town.database.submit(
            lambda w: orders.place(w, service, intent=asks[verb], verb=verb).generation,  # noqa: B023
            tenant=OPERATOR,
            actor=CLERK,
        )
        for verb in (Verb.RESTRICT, Verb.MODIFY)
    ]
    assert sorted(f.result() for f in futures) == [2, 3]
    town.settle()
    assert town.do(lambda w: w.session.get(Service, (w.tenant, service)).generation) == 3  # type: ignore[union-attr]
