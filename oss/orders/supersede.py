"""What a new order does to the open ones of its service: one table, read row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from oss.orders.machine import OrderState
from oss.orders.model import Phase, Verb


class Standing(StrEnum):
    """Where an open order stands, as far as a newer one is concerned."""

    UNSENT = "unsent"
    MOVING = "moving"
    HELD = "held"
    UNDOING = "undoing"


class Effect(StrEnum):
    """What happens between the open order and the new one."""

    PASS = "pass"  # noqa: S105
    WAIT = "wait"
    MERGE = "merge"
    SUPERSEDE = "supersede"
    REFUSE = "refuse"


ADD, MODIFY, RESTRICT, LIFT, TERMINATE = Verb.ADD, Verb.MODIFY, Verb.RESTRICT, Verb.LIFT, Verb.TERMINATE
_WAITS = (MODIFY, RESTRICT, LIFT)

TABLE: dict[tuple[Standing, Verb, Verb], Effect] = {
    # nothing of the older one was sent: bars overtake bars (restrict + lift send nothing), terminate absorbs all, and a
    # change of shape keeps its turn, because somebody waits for its completion
    **{(Standing.UNSENT, old, new): Effect.SUPERSEDE for old in (RESTRICT, LIFT) for new in (RESTRICT, LIFT)},
    **{(Standing.UNSENT, old, TERMINATE): Effect.SUPERSEDE for old in _WAITS},
    **{(Standing.UNSENT, MODIFY, new): Effect.WAIT for new in _WAITS},
    **{(Standing.UNSENT, old, MODIFY): Effect.WAIT for old in (RESTRICT, LIFT)},
    **{(Standing.UNSENT, TERMINATE, new): Effect.REFUSE for new in Verb},
    # a line that is just being built: a restriction is composed into what is not yet sent, so it never comes up open
    (Standing.MOVING, ADD, RESTRICT): Effect.MERGE,
    (Standing.MOVING, ADD, LIFT): Effect.MERGE,
    (Standing.MOVING, ADD, MODIFY): Effect.WAIT,
    (Standing.MOVING, ADD, TERMINATE): Effect.WAIT,
    (Standing.MOVING, ADD, ADD): Effect.REFUSE,
    **{(Standing.MOVING, old, new): Effect.WAIT for old in _WAITS for new in (*_WAITS, TERMINATE)},
    **{(Standing.MOVING, TERMINATE, new): Effect.REFUSE for new in Verb},
    # a held one waits for a person; what protects money or ends the line does not wait with it
    **{(Standing.HELD, old, new): Effect.PASS for old in (ADD, MODIFY) for new in (RESTRICT, LIFT)},
    **{(Standing.HELD, old, MODIFY): Effect.WAIT for old in (ADD, MODIFY, RESTRICT, LIFT)},
    **{(Standing.HELD, old, new): Effect.SUPERSEDE for old in (RESTRICT, LIFT) for new in (RESTRICT, LIFT)},
    **{(Standing.HELD, old, TERMINATE): Effect.SUPERSEDE for old in Verb},
    **{(Standing.HELD, TERMINATE, new): Effect.REFUSE for new in (ADD, MODIFY, RESTRICT, LIFT)},
    # what is being undone finishes first
    **{(Standing.UNDOING, old, new): Effect.WAIT for old in Verb for new in (*_WAITS, TERMINATE)},
}


def standing(state: OrderState, phase: Phase) -> Standing:
    """How an open order counts in the table."""
    if state is OrderState.HELD:
        return Standing.HELD
    if state is OrderState.PENDING:
        return Standing.UNSENT
    return Standing.UNDOING if phase is Phase.UNDO else Standing.MOVING


def effect(older: Standing, old: Verb, new: Verb) -> Effect:
    """The table's word; what it does not name is refused."""
    return TABLE.get((older, old, new), Effect.REFUSE)


class Open(Protocol):
    """What the table needs to know of an open order."""

    state: OrderState
    phase: Phase
    verb: Verb


def effects(older: Sequence[Open], new: Verb) -> list[Effect]:
    """The table's word for each open order, oldest first; one that waits behind a held order counts as held, too."""
    found, held = [], False
    for order in older:
        where = standing(order.state, order.phase)
        held = held or where is Standing.HELD
        found.append(effect(Standing.HELD if held and where is Standing.UNSENT else where, order.verb, new))
    return found


def strongest(effects: Iterable[Effect]) -> Effect:
    """What the new order itself must do: refuse before wait (a merge waits too) before going ahead."""
    found = set(effects)
    if Effect.REFUSE in found:
        return Effect.REFUSE
    return Effect.WAIT if found & {Effect.WAIT, Effect.MERGE} else Effect.PASS
