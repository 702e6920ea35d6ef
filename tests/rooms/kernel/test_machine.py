"""A machine moves only as its table says, and says what it would allow."""

from __future__ import annotations

from enum import StrEnum

import pytest

from kernel.errors import Conflict, IllegalTransition
from kernel.machine import Machine


class Door(StrEnum):
    """States of a door."""

    OPEN = "open"
    SHUT = "shut"
    BURNT = "burnt"


class Hand(StrEnum):
    """What one may do to it."""

    PUSH = "push"
    PULL = "pull"
    BURN = "burn"


TABLE = {
    (Door.OPEN, Hand.PUSH): Door.SHUT,
    (Door.SHUT, Hand.PULL): Door.OPEN,
    (Door.SHUT, Hand.BURN): Door.BURNT,
    (Door.OPEN, Hand.BURN): Door.BURNT,
}
MEANINGS = {Door.OPEN: "one can walk through", Door.SHUT: "one cannot", Door.BURNT: "there is none"}
DOOR = Machine("the door", initial=Door.OPEN, table=TABLE, meanings=MEANINGS)


def test_a_move_leads_where_the_table_says() -> None:
    assert DOOR.after(Door.OPEN, Hand.PUSH) is Door.SHUT
    assert DOOR.after(Door.SHUT, Hand.BURN) is Door.BURNT


def test_an_illegal_move_names_state_move_and_what_is_allowed() -> None:
    with pytest.raises(IllegalTransition) as refused:
        DOOR.after(Door.SHUT, Hand.PUSH)
    assert str(refused.value) == "state: the door is shut and cannot push (from here: burn, pull)"
    assert isinstance(refused.value, Conflict)


def test_from_a_final_state_nothing_is_allowed() -> None:
    with pytest.raises(IllegalTransition, match="from here: nothing: it is final"):
        DOOR.after(Door.BURNT, Hand.PULL)
    assert [state for state in Door if DOOR.final(state)] == [Door.BURNT]


def test_a_statement_learns_from_which_states_a_move_is_possible() -> None:
    assert DOOR.sources(Hand.BURN) == (Door.SHUT, Door.OPEN)
    assert DOOR.allows(Door.OPEN, Hand.PUSH)
    assert not DOOR.allows(Door.OPEN, Hand.PULL)


@pytest.mark.parametrize("state", list(Door))
def test_a_state_without_a_meaning_is_refused(state: Door) -> None:
    fewer = {each: text for each, text in MEANINGS.items() if each is not state}
    with pytest.raises(ValueError, match=f"states and meanings differ: .*{state.value}"):
        Machine("the door", initial=Door.OPEN, table=TABLE, meanings=fewer)


def test_a_meaning_of_no_state_is_refused() -> None:
    fewer = {step: state for step, state in TABLE.items() if state is not Door.BURNT}
    with pytest.raises(ValueError, match="burnt"):
        Machine("the door", initial=Door.OPEN, table=fewer, meanings=MEANINGS)
