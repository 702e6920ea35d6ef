"""Many lines at once come out as one by one would, on both databases; one that fails hinders no other."""

from __future__ import annotations

import pytest

from kernel.attempts import attempt
from kernel.database import Database
from kernel.errors import Conflict
from kernel.work import Work
from oss.inventory import many
from oss.inventory import service as inventory
from oss.inventory.many import Wish
from oss.inventory.model import ServiceId
from oss.orders import guard, views
from oss.orders.machine import OrderState
from oss.orders.model import OrderId, Priority, Verb
from oss.orders.place_many import place_many
from oss.port import Level
from tests.rooms.oss.orders.town import CLERK, OPERATOR, Town


@pytest.fixture
def town(any_database: Database) -> Town:
    """Two lines may be made here."""
    return Town(any_database).build()


def restrict(town: Town, lines: list[ServiceId], level: Level = Level.HARD) -> dict[ServiceId, OrderId]:
    """Stop lines as a bulk job does."""

    def fn(work: Work) -> dict[ServiceId, OrderId]:
        many.restrict(work, {line: Wish("lost", level) for line in lines}, placed_by="a")
        return place_many(work, lines, verb=Verb.RESTRICT, parent="blk_1")

    found = town.do(fn)
    assert isinstance(found, dict)
    return found


def lift(town: Town, lines: list[ServiceId]) -> dict[ServiceId, OrderId]:
    """Open them again."""

    def fn(work: Work) -> dict[ServiceId, OrderId]:
        many.lift(work, dict.fromkeys(lines, "lost"))
        return place_many(work, lines, verb=Verb.LIFT, parent="blk_2")

    found = town.do(fn)
    assert isinstance(found, dict)
    return found


def order(town: Town, order_id: OrderId) -> tuple[OrderState, int, str | None, int]:
    row = town.database.read(lambda w: views.get(w, order_id), tenant=OPERATOR, actor=CLERK).result()
    return row.state, row.priority, row.parent, row.generation


def test_lines_are_stopped_and_opened_together(town: Town) -> None:
    lines = [town.line(), town.line()]
    town.settle()
    placed = restrict(town, lines)
    assert [order(town, placed[line]) for line in lines] == [(OrderState.IN_PROGRESS, Priority.BULK, "blk_1", 2)] * 2
    town.settle()
    assert {state["admin"] for state in town.olt.states.values()} == {"down"}
    shown = town.database.read(lambda w: inventory.get(w, lines[0]), tenant=OPERATOR, actor=CLERK).result()
    assert (shown.confirmed_generation, shown.confirmed_intent["level"]) == (2, "hard")
    lift(town, lines)
    town.settle()
    assert {state["admin"] for state in town.olt.states.values()} == {"up"}


def test_one_that_stands_in_another_order_s_way_waits_its_turn(town: Town) -> None:
    lines = [town.line(), town.line()]
    town.settle()
    first = restrict(town, lines[:1])
    second = restrict(town, lines, Level.SOFT)
    assert order(town, first[lines[0]])[0] is OrderState.IN_PROGRESS
    assert [order(town, second[line])[0] for line in lines] == [OrderState.PENDING, OrderState.IN_PROGRESS]
    town.settle()
    assert [order(town, second[line])[0] for line in lines] == [OrderState.COMPLETED] * 2


def test_beyond_the_radius_each_is_held(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [town.line(), town.line()]
    town.settle()
    monkeypatch.setattr(guard, "LEAST", 1)
    placed = restrict(town, lines)
    assert sorted(order(town, placed[line])[0] for line in lines) == [OrderState.HELD, OrderState.IN_PROGRESS]


def test_a_part_that_fails_leaves_nothing_and_the_rest_stands(town: Town) -> None:
    line = town.line()
    town.settle()

    def fails(work: Work) -> None:
        inventory.restrict(work, line, cause="fraud", level=Level.HARD)
        place_many(work, [line], verb=Verb.RESTRICT, parent="blk_1")
        raise Conflict("no")

    def fn(work: Work) -> str:
        inventory.restrict(work, line, cause="lost", level=Level.SOFT)
        with pytest.raises(Conflict, match="no"):
            attempt(work, lambda: fails(work))
        told = ",".join(row.cause for row in inventory.open_restrictions(work, line))
        return f"{told} {len(work.notes.events)} {len(work.notes.records)}"

    assert town.do(fn) == "lost 1 1"
    town.settle()
    assert {state["bar"] for state in town.hlr.states.values()} == {"none"}
