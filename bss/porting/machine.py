"""The life of a number's port from one operator to another."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class PortState(StrEnum):
    """What was decided about a port."""

    REQUESTED = "requested"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    MOVING = "moving"
    MOVED = "moved"
    COMPLETED = "completed"
    REFUSED = "refused"
    WITHDRAWING = "withdrawing"
    CANCELLED = "cancelled"


class PortMove(StrEnum):
    """What happens to a port."""

    ACCEPT = "accept"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    BEGIN = "begin"
    ARRIVE = "arrive"
    COMPLETE = "complete"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"


S, M = PortState, PortMove

PORT = Machine(
    "NumberPort",
    initial=S.REQUESTED,
    table={
        (S.REQUESTED, M.ACCEPT): S.PENDING,
        (S.REQUESTED, M.REFUSE): S.REFUSED,
        (S.REQUESTED, M.WITHDRAW): S.WITHDRAWING,
        (S.PENDING, M.CONFIRM): S.CONFIRMED,
        (S.PENDING, M.REFUSE): S.REFUSED,
        (S.PENDING, M.WITHDRAW): S.WITHDRAWING,
        (S.CONFIRMED, M.BEGIN): S.MOVING,
        (S.CONFIRMED, M.WITHDRAW): S.WITHDRAWING,
        (S.MOVING, M.ARRIVE): S.MOVED,
        (S.MOVING, M.WITHDRAW): S.WITHDRAWING,
        (S.MOVED, M.COMPLETE): S.COMPLETED,
        (S.WITHDRAWING, M.CANCEL): S.CANCELLED,
    },
    meanings={
        S.REQUESTED: "It is wanted; the clearing house is being asked.",
        S.PENDING: "The clearing house has it; the other operator's answer is awaited.",
        S.CONFIRMED: "The other operator agrees; the window is awaited.",
        S.MOVING: "The window is open and the network is being asked: for a line with the number, or for its end.",
        S.MOVED: "The network shows it; the clearing house is being told.",
        S.COMPLETED: "Calls find the number at its new operator.",
        S.REFUSED: "The other operator or the clearing house said no; nothing has changed.",
        S.WITHDRAWING: "It is called off; the clearing house is being told.",
        S.CANCELLED: "It was called off; the number stays where it was.",
    },
)
OPEN = tuple(state for state in PortState if not PORT.final(state))
"""The states of a port that still concerns its number."""
