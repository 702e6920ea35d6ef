"""A line's life through the engine, read back from the elements after every order."""

from __future__ import annotations

import pytest

from adapters.elements.memory import Fault as Wrong
from kernel.database import Database
from kernel.errors import Conflict
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.model import ServiceId
from oss.orders import service as orders
from oss.orders import views
from oss.orders.machine import OrderState
from oss.orders.model import Fallout, ServiceOrder, Verb
from oss.port import Level
from tests.rooms.oss.orders.town import CLERK, IMSI, OPERATOR, PORT, Town

UP = {"present": True, "profile": "HOME500", "bar": "none", "rate": "full"}


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements and stock for two lines."""
    return Town(any_database).build()


def _state(town: Town, service_id: object) -> ServiceState:
    return town.do(lambda w: inventory.get(w, service_id).state)  # type: ignore[arg-type,return-value]


def _order(town: Town, service: ServiceId) -> ServiceOrder:
    return town.database.read(lambda w: views.of_service(w, service)[0], tenant=OPERATOR, actor=CLERK).result()


def _fallout(town: Town) -> list[Fallout]:
    return town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()


def test_an_activation_goes_down_the_graph_and_makes_the_service_active(town: Town) -> None:
    service = town.line()
    town.settle()
    assert [s.split(":")[0] for s in town.spoken] == ["hlr", "olt", "broker"]
    assert town.hlr.states["subscriber", IMSI] == UP
    assert town.olt.states["port", PORT] == {"present": True, "profile": "HOME500", "admin": "up"}
    assert _state(town, service) is ServiceState.ACTIVE


def test_a_refusal_half_way_takes_everything_back_in_reverse(town: Town) -> None:
    town.broker.faults.plan("meter-1", Wrong.REFUSE, count=1)
    service = town.line()
    town.settle()
    gone = "{'present': False}"
    assert town.spoken[3:] == [f"broker:{gone}", f"olt:{gone}", f"hlr:{gone}"]
    assert (town.hlr.states, town.olt.states) == ({}, {})
    assert _state(town, service) is ServiceState.TERMINATED
    order = _order(town, service)
    assert (order.state, order.reason) == (OrderState.FAILED, "meter on broker: the element refused")


def test_a_restriction_and_its_lift_reach_every_enforcing_element(town: Town) -> None:
    service = town.line()
    town.settle()

    def restrict(work):  # type: ignore[no-untyped-def]
        inventory.restrict(work, service, cause="nonPayment", level=Level.HARD)
        orders.place(work, service, intent=inventory.intent(work, service), verb=Verb.RESTRICT)

    town.do(restrict)
    town.settle()
    assert town.hlr.states["subscriber", IMSI]["bar"] == "all"
    assert town.olt.states["port", PORT]["admin"] == "down"

    def lift(work):  # type: ignore[no-untyped-def]
        inventory.lift(work, service, cause="nonPayment")
        orders.place(work, service, intent=inventory.intent(work, service), verb=Verb.LIFT)

    town.do(lift)
    town.settle()
    assert town.hlr.states["subscriber", IMSI] == UP
    assert town.olt.states["port", PORT]["admin"] == "up"


def test_unknown_outcomes_are_read_back_before_anything_is_resent(town: Town) -> None:
    town.olt.faults.plan(PORT, Wrong.DONE, count=1)
    town.hlr.faults.plan(IMSI, Wrong.LOST, count=1)
    town.line()
    town.settle()
    assert town.olt.states["port", PORT]["admin"] == "up"
    assert [s.split(":")[0] for s in town.spoken] == ["hlr", "hlr", "olt", "broker"]
    assert max(town.olt.log.values()) == 1


def test_unreachable_is_tried_to_the_named_limit_and_then_taken_back(town: Town) -> None:
    town.olt.faults.plan(PORT, Wrong.UNREACHABLE, count=3)
    service = town.line()
    town.settle()
    assert [s.split(":")[0] for s in town.spoken] == ["hlr", "olt", "olt", "olt", "hlr"]
    assert _order(town, service).state is OrderState.FAILED
    assert town.hlr.states == {}


def test_an_undo_that_fails_is_held_and_says_what_stays_on(town: Town) -> None:
    service = town.line()
    first = town.speak(town.turn([]))
    town.hlr.faults.plan(IMSI, Wrong.UNREACHABLE)
    town.olt.faults.plan(PORT, Wrong.REFUSE, count=1)
    town.settle(answers=first)
    assert _order(town, service).state is OrderState.HELD
    [row] = _fallout(town)
    assert row.message == f"undo of subscriber on hlr failed and {IMSI} stays on there: the element cannot be reached"
    town.hlr.faults.clear()
    town.do(lambda w: orders.retry(w, _order(town, service).id))
    town.settle()
    assert (_order(town, service).state, town.hlr.states, _fallout(town)) == (OrderState.FAILED, {}, [])


def test_terminate_removes_in_reverse_and_ends_the_service(town: Town) -> None:
    service = town.line()
    town.settle()
    town.spoken.clear()

    def end(work):  # type: ignore[no-untyped-def]
        inventory.retire(work, service)
        orders.place(work, service, intent=inventory.intent(work, service), verb=Verb.TERMINATE)

    town.do(end)
    town.settle()
    assert [s.split(":")[0] for s in town.spoken] == ["broker", "olt", "hlr"]
    assert town.hlr.states == {}
    assert _state(town, service) is ServiceState.TERMINATED
    with pytest.raises(Conflict):
        town.do(lambda w: inventory.retire(w, service))
