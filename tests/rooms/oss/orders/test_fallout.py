"""What people do about an order that waits for them, on both databases, each step of the engine in sight."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from adapters.elements.memory import Fault
from kernel.database import Database
from kernel.errors import Conflict, Invalid, NotFound
from kernel.time import VirtualClock
from kernel.work import Actor, Work
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.model import Service, ServiceId
from oss.orders import mending, people, views
from oss.orders import service as orders
from oss.orders.machine import OrderState
from oss.orders.model import Fallout, FalloutId, OnError, OrderId, Phase, ServiceOrder, Verb
from oss.port import Level
from tests.rooms.oss.orders.town import IMSI, METER, OPERATOR, PORT, Town

T = TypeVar("T")
ANNA, BORIS = Actor("noc:anna", frozenset({"operator"})), Actor("noc:boris", frozenset({"operator"}))
UP = {"present": True, "profile": "HOME500", "admin": "up"}


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements and stock for two lines."""
    return Town(any_database).build()


def by(town: Town, actor: Actor, fn: Callable[[Work], T]) -> T:
    """One committed Work of a person."""
    return town.database.run(fn, tenant=OPERATOR, actor=actor)


def place(town: Town, *, profile: str = "HOME500", verb: Verb = Verb.ADD, service: ServiceId | None = None) -> OrderId:
    """An order that stops for a person when a step fails."""

    def fn(work: Work) -> OrderId:
        made = service or inventory.create(work, "line", profile={"profile": profile}, owner="sub_1").id
        intent = inventory.intent(work, made)
        return orders.place(work, made, intent=intent, verb=verb, on_error=OnError.HOLD).order_id

    return by(town, ANNA, fn)


def held(town: Town, *, key: str = PORT) -> tuple[OrderId, FalloutId]:
    """An activation that the OLT refused once, and its fallout."""
    {IMSI: town.hlr, PORT: town.olt, METER: town.broker}[key].faults.plan(key, Fault.REFUSE, count=1)
    order_id = place(town)
    town.settle()
    (row,) = fallout(town)
    return order_id, row.id


def fallout(town: Town) -> list[Fallout]:
    return town.database.read(views.fallout, tenant=OPERATOR, actor=ANNA).result()


def order(town: Town, order_id: OrderId) -> ServiceOrder:
    return town.database.read(lambda w: views.get(w, order_id), tenant=OPERATOR, actor=ANNA).result()


def service(town: Town, order_id: OrderId) -> Service:
    return by(town, ANNA, lambda w: inventory.get(w, views.get(w, order_id).service_id))


def facts(town: Town, order_id: OrderId) -> list[str]:
    return [m.what for m in by(town, ANNA, lambda w: views.timeline(w, order_id)) if m.what != "TaskSettled"]


# ---- in hand


def test_what_somebody_has_in_hand_nobody_else_acts_on(town: Town) -> None:
    _, row = held(town)
    by(town, ANNA, lambda w: people.take(w, row, note="calling the vendor"))
    for act in (
        lambda w: people.take(w, row),
        lambda w: people.retry(w, row),
        lambda w: people.skip(w, row, reason="no"),
        lambda w: people.release(w, row),
    ):
        with pytest.raises(Conflict, match=f"noc:anna has {row} in hand until 08:30 UTC"):
            by(town, BORIS, act)
    by(town, ANNA, lambda w: people.release(w, row, note="vendor replaces the card"))
    assert by(town, BORIS, lambda w: people.take(w, row)).note == "vendor replaces the card"


def test_a_hold_ends_by_itself(town: Town, clock: VirtualClock) -> None:
    order_id, row = held(town)
    by(town, ANNA, lambda w: people.take(w, row))
    clock.move_to(clock.now() + timedelta(minutes=29, seconds=59))
    with pytest.raises(Conflict):
        by(town, BORIS, lambda w: people.take(w, row))
    clock.move_to(clock.now() + timedelta(seconds=1))
    by(town, BORIS, lambda w: people.retry(w, row))
    town.settle()
    assert order(town, order_id).state is OrderState.COMPLETED


def test_what_was_dealt_with_or_never_was_is_named(town: Town) -> None:
    _, row = held(town)
    by(town, ANNA, lambda w: people.retry(w, row))
    with pytest.raises(Conflict, match="was dealt with by noc:anna: retried"):
        by(town, BORIS, lambda w: people.take(w, row))
    with pytest.raises(NotFound, match="no fallout flt_"):
        by(town, BORIS, lambda w: people.take(w, FalloutId(7)))


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "a\x00b"])
def test_a_reason_is_a_sentence(town: Town, reason: str) -> None:
    _, row = held(town)
    with pytest.raises(Invalid, match="reason has 1 to 200 printable characters"):
        by(town, ANNA, lambda w: people.skip(w, row, reason=reason))


# ---- mended


def test_a_skipped_step_is_gone_on_without_and_the_order_ends_partial(town: Town) -> None:
    order_id, row = held(town)
    by(town, ANNA, lambda w: people.skip(w, row, reason="port is dark fibre"))
    town.settle()
    assert (order(town, order_id).state, order(town, order_id).reason) == (OrderState.PARTIAL, "without port")
    assert town.broker.states["meter", METER] == {"present": True, "enabled": True}
    assert (town.olt.states, service(town, order_id).state) == ({}, ServiceState.ACTIVE)
    assert facts(town, order_id) == [
        "ServiceOrderAcknowledged",
        "ServiceOrderHeld",
        "ServiceOrderReleased",
        "ServiceOrderPartial",
    ]
    assert fallout(town) == []


def test_the_last_step_skipped_ends_the_order_at_once(town: Town) -> None:
    order_id, row = held(town, key=METER)
    by(town, ANNA, lambda w: people.skip(w, row, reason="the meter is read by hand"))
    assert order(town, order_id).state is OrderState.PARTIAL


def test_a_corrected_value_goes_on_from_where_it_stood(town: Town) -> None:
    order_id, row = held(town)
    spoken = len(town.spoken)
    by(town, ANNA, lambda w: people.correct(w, row, profile={"profile": "HOME250"}))
    town.settle()
    assert order(town, order_id).state is OrderState.COMPLETED
    assert town.olt.states["port", PORT] == {**UP, "profile": "HOME250"}
    assert town.hlr.states["subscriber", IMSI]["profile"] == "HOME250"
    assert len(town.spoken) - spoken == 3
    assert service(town, order_id).confirmed_intent["profile"] == {"profile": "HOME250"}  # type: ignore[index]
    assert len(town.olt.log) == 1


@pytest.mark.parametrize(
    ("profile", "field"), [({"profile": "home 250"}, "profile"), ({"colour": "red"}, "colour"), ({}, "profile")]
)
def test_a_correction_outside_the_grammar_changes_nothing(town: Town, profile: dict[str, str], field: str) -> None:
    order_id, row = held(town)
    with pytest.raises(Invalid) as caught:
        by(town, ANNA, lambda w: people.correct(w, row, profile=profile))
    assert caught.value.field == field
    assert (order(town, order_id).state, service(town, order_id).profile) == (OrderState.HELD, {"profile": "HOME500"})


def test_another_port_takes_the_place_of_one_that_was_never_reached(town: Town) -> None:
    order_id, row = held(town, key=IMSI)
    by(town, ANNA, lambda w: people.correct(w, row, profile={}, resources={"port": "2"}))
    town.settle()
    assert order(town, order_id).state is OrderState.COMPLETED
    assert town.olt.states == {("port", "2"): UP}


def test_a_port_that_was_reached_is_not_left_behind(town: Town) -> None:
    order_id, row = held(town)
    with pytest.raises(Conflict, match="1 on olt was reached already and would be left behind"):
        by(town, ANNA, lambda w: people.correct(w, row, profile={}, resources={"port": "2"}))
    assert service(town, order_id).values["port"] == "1"


def test_an_undo_by_hand_takes_everything_back(town: Town) -> None:
    order_id, row = held(town, key=METER)
    by(town, ANNA, lambda w: people.undo(w, row, reason="the customer gave up"))
    town.settle()
    assert (order(town, order_id).state, order(town, order_id).phase) == (OrderState.FAILED, Phase.UNDO)
    assert (town.hlr.states, town.olt.states, town.broker.states) == ({}, {}, {})


def test_a_corrected_order_that_is_taken_back_leaves_nothing(town: Town) -> None:
    order_id, row = held(town)
    town.broker.faults.plan(METER, Fault.REFUSE, count=1)
    by(town, ANNA, lambda w: people.correct(w, row, profile={"profile": "HOME250"}))
    town.settle()
    (again,) = fallout(town)
    by(town, ANNA, lambda w: people.cancel(w, again.id, reason="not worth it"))
    town.settle()
    assert order(town, order_id).state is OrderState.CANCELLED
    assert (town.hlr.states, town.olt.states, town.broker.states) == ({}, {}, {})


def test_a_failed_undo_that_is_skipped_leaves_on_what_it_names(town: Town) -> None:
    order_id, row = held(town)
    town.hlr.faults.plan(IMSI, Fault.REFUSE)
    by(town, ANNA, lambda w: people.undo(w, row, reason="wrong line"))
    town.settle()
    (stuck,) = fallout(town)
    with pytest.raises(Conflict, match="is being taken back already"):
        by(town, ANNA, lambda w: orders.cancel(w, order_id, reason="again"))
    by(town, ANNA, lambda w: people.skip(w, stuck.id, reason="the register is scrapped"))
    town.settle()
    assert (order(town, order_id).state, list(town.hlr.states)) == (OrderState.FAILED, [("subscriber", IMSI)])


def test_branches_done_while_an_order_was_held_go_on_when_it_is_released(any_database: Database) -> None:
    town = Town(any_database).build()
    spec = """
name: fork
characteristics: {profile: '^[A-Z0-9]{1,16}$'}
resources: [{pool: sim, as: sim}, {pool: port, as: port}, {pool: meter, as: meter}]
components:
  - {name: subscriber, on: sim, intent: subscriber, key: '{imsi}', state: {profile: '{profile}'}}
  - {name: port, on: port, intent: port, key: '{port}', state: {admin: up}}
  - {name: meter, on: meter, intent: meter, key: '{meter}', requires: [port], state: {enabled: true}}
"""
    from oss.specs import service as specs

    by(town, ANNA, lambda w: specs.apply(w, spec))
    town.hlr.faults.plan(IMSI, Fault.REFUSE, count=1)

    def fn(work: Work) -> OrderId:
        made = inventory.create(work, "fork", profile={"profile": "A"}, owner=None)
        intent = inventory.intent(work, made.id)
        return orders.place(work, made.id, intent=intent, verb=Verb.ADD, on_error=OnError.HOLD).order_id

    order_id = by(town, ANNA, fn)
    sent = town.turn([])
    answers = sorted(town.speak(sent), key=lambda answer: str(answer.word), reverse=True)
    town.settle(answers=answers)
    assert (order(town, order_id).state, town.broker.states) == (OrderState.HELD, {})
    by(town, ANNA, lambda w: orders.retry(w, order_id))
    town.settle()
    assert order(town, order_id).state is OrderState.COMPLETED
    assert town.broker.states["meter", METER] == {"present": True, "enabled": True}


# ---- called off


def test_a_running_order_is_taken_back_and_cancelled(town: Town) -> None:
    order_id = place(town)
    answers = town.speak(town.turn([]))
    by(town, ANNA, lambda w: orders.cancel(w, order_id, reason="wrong customer"))
    assert order(town, order_id).state is OrderState.PENDING_CANCELLATION
    with pytest.raises(Conflict, match=r"is being taken back already \(wrong customer\)"):
        by(town, ANNA, lambda w: orders.cancel(w, order_id, reason="again"))
    town.settle(answers=answers)
    assert (order(town, order_id).state, town.hlr.states) == (OrderState.CANCELLED, {})
    assert service(town, order_id).state is ServiceState.TERMINATED
    with pytest.raises(Conflict, match="is cancelled"):
        by(town, ANNA, lambda w: orders.cancel(w, order_id, reason="again"))


def test_a_waiting_order_is_called_off_and_the_one_before_it_keeps_its_wish(town: Town) -> None:
    first = place(town)
    town.settle()
    line = service(town, first).id

    def reshape(profile: str) -> OrderId:
        by(town, ANNA, lambda w: inventory.reshape(w, line, profile={"profile": profile}))
        return place(town, verb=Verb.MODIFY, service=line)

    running, waiting = reshape("HOME1000"), reshape("HOME2000")
    assert order(town, waiting).state is OrderState.PENDING
    by(town, ANNA, lambda w: orders.cancel(w, waiting, reason="one is enough"))
    assert order(town, waiting).state is OrderState.CANCELLED
    assert service(town, first).profile == {"profile": "HOME1000"}
    town.settle()
    assert (order(town, running).state, service(town, first).profile) == (
        OrderState.COMPLETED,
        {"profile": "HOME1000"},
    )


def test_a_failed_change_does_not_ride_on_with_the_restriction_that_waited(town: Town) -> None:
    first = place(town)
    town.settle()
    line = service(town, first).id
    by(town, ANNA, lambda w: inventory.reshape(w, line, profile={"profile": "HOME1000"}))
    town.olt.faults.plan(PORT, Fault.REFUSE, count=1)

    def change_and_restrict(work: Work) -> None:
        orders.place(work, line, intent=inventory.intent(work, line), verb=Verb.MODIFY)
        inventory.restrict(work, line, cause="customer", level=Level.HARD)
        orders.place(work, line, intent=inventory.intent(work, line), verb=Verb.RESTRICT)

    by(town, ANNA, change_and_restrict)
    town.settle()
    assert town.hlr.states["subscriber", IMSI]["bar"] == "all"
    assert town.hlr.states["subscriber", IMSI]["profile"] == "HOME500"
    assert town.olt.states["port", PORT] == {**UP, "admin": "down"}
    assert service(town, first).profile == {"profile": "HOME500"}


def test_a_restriction_is_lifted_and_not_called_off(town: Town) -> None:
    first = place(town)
    town.settle()
    line = service(town, first).id
    by(town, ANNA, lambda w: inventory.restrict(w, line, cause="customer", level=Level.HARD))
    order_id = place(town, verb=Verb.RESTRICT, service=line)
    with pytest.raises(Conflict, match="carries the restrictions that stand on its line"):
        by(town, ANNA, lambda w: orders.cancel(w, order_id, reason="no"))


def test_a_group_is_called_off_as_a_whole(town: Town) -> None:
    def fn(work: Work) -> list[OrderId]:
        group = orders.group(work, 2)
        made = []
        for _ in range(2):
            line = inventory.create(work, "line", profile={"profile": "HOME500"}, owner=None)
            intent = inventory.intent(work, line.id)
            made.append(orders.place(work, line.id, intent=intent, verb=Verb.ADD, group=group).order_id)
        return made

    pair = by(town, ANNA, fn)
    answers = town.speak(town.turn([]))
    by(town, ANNA, lambda w: orders.cancel(w, pair[0], reason="both"))
    town.settle(answers=answers)
    assert [order(town, each).state for each in pair] == [OrderState.CANCELLED, OrderState.CANCELLED]
    assert (town.hlr.states, town.olt.states) == ({}, {})


def test_what_waits_for_nobody_is_not_mended(town: Town) -> None:
    order_id = place(town)
    with pytest.raises(Conflict, match="is inProgress and waits for nobody"):
        by(town, ANNA, lambda w: mending.take_back(w, order_id, reason="no"))
