"""What a new order does to the open ones of its service: one table, read row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from oss.orders.machine import OrderState
from oss.orders.model import OVERLAYS, Phase, Verb


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


ADD, MODIFY, THROTTLE = Verb.ADD, Verb.MODIFY, Verb.THROTTLE
RESTRICT, LIFT, TERMINATE = Verb.RESTRICT, Verb.LIFT, Verb.TERMINATE
BARS, CHANGES, SHAPES = (RESTRICT, LIFT), (MODIFY, *OVERLAYS), (ADD, MODIFY)
UNSENT, MOVING, HELD, UNDOING = Standing.UNSENT, Standing.MOVING, Standing.HELD, Standing.UNDOING
Cell = tuple[Standing, Verb, Verb]


def _cells(where: Standing, olds: Iterable[Verb], news: Iterable[Verb], what: Effect) -> dict[Cell, Effect]:
    return {(where, old, new): what for old in olds for new in news}


TABLE: dict[Cell, Effect] = {
    # a line is added once, and an activation waits for nothing: it is refused, or never stands there
    **{cell: Effect.REFUSE for where in Standing for cell in _cells(where, Verb, [ADD], Effect.REFUSE)},
    **_cells(UNSENT, [ADD], [*CHANGES, TERMINATE], Effect.REFUSE),
    # nothing of the older one was sent: bars overtake bars (restrict + lift send nothing), a throttle a throttle,
    # terminate absorbs all, and a change of shape keeps its turn, because somebody waits for its completion
    **_cells(UNSENT, BARS, BARS, Effect.SUPERSEDE),
    **_cells(UNSENT, [THROTTLE], [THROTTLE], Effect.SUPERSEDE),
    **_cells(UNSENT, BARS, [THROTTLE], Effect.WAIT),
    **_cells(UNSENT, [THROTTLE], BARS, Effect.WAIT),
    **_cells(UNSENT, [MODIFY], CHANGES, Effect.WAIT),
    **_cells(UNSENT, OVERLAYS, [MODIFY], Effect.WAIT),
    **_cells(UNSENT, CHANGES, [TERMINATE], Effect.SUPERSEDE),
    **_cells(UNSENT, [TERMINATE], [*CHANGES, TERMINATE], Effect.REFUSE),
    # a line that is just being built: what lies over it is composed into what is not yet sent, so that it never
    # comes up open, or faster than it may be
    **_cells(MOVING, [ADD], OVERLAYS, Effect.MERGE),
    **_cells(MOVING, [ADD], [MODIFY, TERMINATE], Effect.WAIT),
    **_cells(MOVING, CHANGES, [*CHANGES, TERMINATE], Effect.WAIT),
    **_cells(MOVING, [TERMINATE], [*CHANGES, TERMINATE], Effect.REFUSE),
    # a held one waits for a person; what protects money or ends the line does not wait with it, a change of shape does
    **_cells(HELD, SHAPES, OVERLAYS, Effect.PASS),
    **_cells(HELD, [ADD, *CHANGES], [MODIFY], Effect.WAIT),
    **_cells(HELD, BARS, BARS, Effect.SUPERSEDE),
    **_cells(HELD, [THROTTLE], [THROTTLE], Effect.SUPERSEDE),
    **_cells(HELD, BARS, [THROTTLE], Effect.PASS),
    **_cells(HELD, [THROTTLE], BARS, Effect.PASS),
    **_cells(HELD, Verb, [TERMINATE], Effect.SUPERSEDE),
    **_cells(HELD, [TERMINATE], CHANGES, Effect.REFUSE),
    # what is being undone finishes first; a line whose end is being taken back is no line to change before that
    **_cells(UNDOING, [ADD, *CHANGES], [*CHANGES, TERMINATE], Effect.WAIT),
    **_cells(UNDOING, [TERMINATE], CHANGES, Effect.REFUSE),
    **_cells(UNDOING, [TERMINATE], [TERMINATE], Effect.WAIT),
}
"""Every cell: an open order in some standing, and a new one."""


def standing(state: OrderState, phase: Phase) -> Standing:
    """How an open order counts in the table."""
    if state is OrderState.HELD:
        return Standing.HELD
    if state is OrderState.PENDING:
        return Standing.UNSENT
    return Standing.UNDOING if phase is Phase.UNDO else Standing.MOVING


def effect(older: Standing, old: Verb, new: Verb) -> Effect:
    """The table's word."""
    return TABLE[older, old, new]


class Open(Protocol):
    """What the table needs to know of an open order."""

    state: OrderState
    phase: Phase
    verb: Verb

    @property
    def unplanned(self) -> bool:
        """It was held before it had a plan: a second person has to let it begin."""
        ...


def effects(older: Sequence[Open], new: Verb) -> list[Effect]:
    """The table's word for each open order, oldest first; one that waits behind a held order counts as held, too.

    What nobody has let begin is not passed: what passed it would carry it along.
    """
    found, held = [], False
    for order in older:
        where = standing(order.state, order.phase)
        held = held or where is Standing.HELD
        word = effect(Standing.HELD if held and where is Standing.UNSENT else where, order.verb, new)
        unbegun = word is Effect.PASS and where is Standing.HELD and order.unplanned
        found.append(Effect.WAIT if unbegun else word)
    return found


def strongest(effects: Iterable[Effect]) -> Effect:
    """What the new order itself must do: refuse before wait (a merge waits too) before going ahead."""
    found = set(effects)
    if Effect.REFUSE in found:
        return Effect.REFUSE
    return Effect.WAIT if found & {Effect.WAIT, Effect.MERGE} else Effect.PASS
