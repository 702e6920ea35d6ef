"""The blast radius: what is over is held, a second person lets it go, restoring is exempt, and a switch stops all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.database import Database
from kernel.errors import Conflict, Forbidden
from kernel.time import VirtualClock
from kernel.work import Actor, SystemWork
from oss.inventory import service as inventory
from oss.inventory.model import ServiceId
from oss.orders import guard, views
from oss.orders import service as orders
from oss.orders.guard import Radius
from oss.orders.machine import OrderState
from oss.orders.model import OrderId, Verb
from oss.orders.service import Placed
from oss.port import Level
from tests.rooms.oss.orders.town import CLERK, IMSI, OPERATOR, Town

ANNA = Actor("noc:anna", frozenset({"operator"}))


@pytest.fixture
def town(database: Database) -> Town:
    """A line that is up, in a town that lets two cuts a day through."""
    made = Town(database).build()
    made.service = made.line()  # type: ignore[attr-defined]
    made.settle()
    return made


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cuts a day pass."""
    monkeypatch.setattr(guard, "LEAST", 2)


def restrict(town: Town, *, verb: Verb = Verb.RESTRICT) -> Placed:
    """Bar the line, or open it again."""
    service: ServiceId = town.service  # type: ignore[attr-defined]

    def fn(work):  # type: ignore[no-untyped-def]
        if verb is Verb.RESTRICT:
            inventory.restrict(work, service, cause="customer", level=Level.SOFT)
        else:
            inventory.lift(work, service, cause="customer")
        return orders.place(work, service, intent=inventory.intent(work, service), verb=verb)

    placed = town.do(fn)
    assert isinstance(placed, Placed)
    return placed


def lift(town: Town) -> Placed:
    return restrict(town, verb=Verb.LIFT)


def third(town: Town) -> OrderId:
    """Two bars and two lifts have gone through; the third bar is one too many."""
    for _ in range(2):
        restrict(town)
        lift(town)
        town.settle()
    return restrict(town).order_id


def state(town: Town, order_id: OrderId) -> tuple[OrderState, str | None]:
    order = town.database.read(lambda w: views.get(w, order_id), tenant=OPERATOR, actor=CLERK).result()
    return order.state, order.reason


def bar(town: Town) -> object:
    return town.hlr.states["subscriber", IMSI]["bar"]


def test_the_limit_is_the_greatest_of_three() -> None:
    assert [Radius(0, 900, 0).limit, Radius(0, 100_000, 0).limit, Radius(0, 100_000, 400).limit] == [4, 500, 1200]
    assert [Radius(1, 0, 0).left, Radius(5, 0, 0).left] == [1, 0]
    assert guard.usual([]) == 0
    assert guard.usual([4, 1, 9]) == 4
    assert guard.usual([0, 10]) == 0
    assert Radius(0, 0, 0).limit == 2


def test_a_cut_too_many_is_held_and_sends_nothing(town: Town) -> None:
    held = third(town)
    town.settle()
    assert bar(town) == "none"
    assert state(town, held) == (
        OrderState.HELD,
        "blast radius: 2 cuts in 24 h and 1 more pass the limit of 2 "
        "(the greatest of 2, 0.5 % of 1 lines, 3 x 0 usual)",
    )
    (row,) = town.database.read(guard.held, tenant=OPERATOR, actor=CLERK).result()
    assert (row.order_id, row.requested_by) == (held, "test:clerk")


def test_it_goes_when_another_person_approves_it_and_not_before(town: Town) -> None:
    held = third(town)
    with pytest.raises(Forbidden, match="test:clerk asked for"):
        town.do(lambda work: orders.approve(work, held))
    with pytest.raises(Conflict, match="waits for a second person"):
        town.do(lambda work: orders.retry(work, held))
    town.database.run(lambda work: orders.approve(work, held), tenant=OPERATOR, actor=ANNA)
    town.settle()
    assert (state(town, held), bar(town)) == ((OrderState.COMPLETED, None), "outgoing")


def test_lifting_overtakes_a_held_cut(town: Town) -> None:
    held = third(town)
    placed = lift(town)
    town.settle()
    assert state(town, held)[0] is OrderState.CANCELLED
    assert (state(town, placed.order_id)[0], bar(town)) == (OrderState.COMPLETED, "none")


def test_a_day_later_there_is_room_again(town: Town, clock: VirtualClock) -> None:
    third(town)
    lift(town)
    clock.move_to(clock.now() + timedelta(hours=25))
    assert restrict(town).state is OrderState.IN_PROGRESS


def test_the_same_day_of_earlier_months_is_what_is_usual(
    town: Town, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LEAST", 100)
    for month, cuts in ((7, 10), (8, 30), (9, 20)):
        clock.move_to(clock.now().replace(month=month))
        assert town.do(lambda work, n=cuts: guard.admit(work, n)) is True
    clock.move_to(clock.now().replace(month=10))
    found = town.database.read(guard.radius, tenant=OPERATOR, actor=CLERK).result()
    assert (found.cuts, found.usual) == (0, 20)
    clock.move_to(clock.now().replace(day=2))
    assert town.database.read(guard.radius, tenant=OPERATOR, actor=CLERK).result().usual == 0


def test_an_approved_parent_passes_for_a_day(town: Town, clock: VirtualClock) -> None:
    def approve(work):  # type: ignore[no-untyped-def]
        return guard.approve_parent(work, "blk_1", requested_by="test:clerk")

    assert town.do(lambda work: guard.admit(work, 3, parent="blk_1")) is False
    with pytest.raises(Forbidden, match="asked for blk_1"):
        town.do(approve)
    town.database.run(approve, tenant=OPERATOR, actor=ANNA)
    assert town.do(lambda work: guard.admit(work, 3, parent="blk_1")) is True
    assert town.do(lambda work: guard.admit(work, 1)) is False
    clock.move_to(clock.now() + timedelta(hours=24))
    assert town.do(lambda work: guard.admit(work, 1, parent="blk_1")) is False


def test_a_cut_whose_approval_is_over_when_it_is_claimed_falls_out(town: Town, clock: VirtualClock) -> None:
    held = third(town)
    town.database.run(lambda work: orders.approve(work, held), tenant=OPERATOR, actor=ANNA)
    clock.move_to(clock.now() + timedelta(hours=24))
    town.settle()
    assert (state(town, held)[0], bar(town)) == (OrderState.HELD, "none")
    (fallen,) = town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
    assert (fallen.cause, fallen.message) == (
        "approvalOver",
        "the approval of this cut is over: it was good for 24 hours",
    )
    town.database.run(lambda work: orders.approve(work, held), tenant=OPERATOR, actor=ANNA)
    town.settle()
    assert (state(town, held)[0], bar(town)) == (OrderState.COMPLETED, "outgoing")


@pytest.mark.parametrize("everywhere", [False, True])
def test_the_switch_stops_cuts_and_nothing_else(town: Town, *, everywhere: bool) -> None:
    town.do(lambda work: guard.stop(work, why="wrong file", everywhere=everywhere))
    with pytest.raises(Conflict, match="test:clerk stopped it: wrong file"):
        town.do(lambda work: guard.stop(work, why="again", everywhere=everywhere))
    cut = restrict(town).order_id
    town.settle()
    assert (state(town, cut)[0], bar(town)) == (OrderState.IN_PROGRESS, "none")

    def look(work: SystemWork) -> str:
        found = guard.stopped(work, int(OPERATOR))
        return "" if found is None else found.why

    assert town.database.read_system(look).result() == "wrong file"
    town.do(lambda work: guard.resume(work, why="mended", everywhere=everywhere))
    town.settle()
    assert (state(town, cut)[0], bar(town)) == (OrderState.COMPLETED, "outgoing")
    with pytest.raises(Conflict, match="no cuts are stopped"):
        town.do(lambda work: guard.resume(work, why="again", everywhere=everywhere))
