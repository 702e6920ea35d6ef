"""The life of a customer's order and of each of its items (the words of TMF622)."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class ProductOrderState(StrEnum):
    """What was decided about an order."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    PENDING = "pending"
    HELD = "held"
    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL = "partial"
    ASSESSING_CANCELLATION = "assessingCancellation"
    PENDING_CANCELLATION = "pendingCancellation"
    CANCELLED = "cancelled"


class ProductOrderMove(StrEnum):
    """What happens to an order."""

    REJECT = "reject"
    WAIT = "wait"
    START = "start"
    HOLD = "hold"
    RELEASE = "release"
    COMPLETE = "complete"
    FAIL = "fail"
    PART = "part"
    ASSESS = "assess"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"


S, M = ProductOrderState, ProductOrderMove

PRODUCT_ORDER = Machine(
    "ProductOrder",
    initial=S.ACKNOWLEDGED,
    table={
        (S.ACKNOWLEDGED, M.REJECT): S.REJECTED,
        (S.ACKNOWLEDGED, M.WAIT): S.PENDING,
        (S.ACKNOWLEDGED, M.START): S.IN_PROGRESS,
        (S.ACKNOWLEDGED, M.CANCEL): S.CANCELLED,
        (S.PENDING, M.START): S.IN_PROGRESS,
        (S.PENDING, M.CANCEL): S.CANCELLED,
        (S.IN_PROGRESS, M.HOLD): S.HELD,
        (S.IN_PROGRESS, M.COMPLETE): S.COMPLETED,
        (S.IN_PROGRESS, M.FAIL): S.FAILED,
        (S.IN_PROGRESS, M.PART): S.PARTIAL,
        (S.IN_PROGRESS, M.ASSESS): S.ASSESSING_CANCELLATION,
        (S.HELD, M.RELEASE): S.IN_PROGRESS,
        (S.HELD, M.COMPLETE): S.COMPLETED,
        (S.HELD, M.FAIL): S.FAILED,
        (S.HELD, M.PART): S.PARTIAL,
        (S.HELD, M.ASSESS): S.ASSESSING_CANCELLATION,
        (S.ASSESSING_CANCELLATION, M.REFUSE): S.IN_PROGRESS,
        (S.ASSESSING_CANCELLATION, M.WITHDRAW): S.PENDING_CANCELLATION,
        (S.PENDING_CANCELLATION, M.CANCEL): S.CANCELLED,
        (S.PENDING_CANCELLATION, M.PART): S.PARTIAL,
    },
    meanings={
        S.ACKNOWLEDGED: "It is accepted: what it needs is reserved and its prices are frozen.",
        S.REJECTED: "It was refused after it was received; nothing is reserved.",
        S.PENDING: "It waits at a gate, such as the payment's authorisation; the network has not been asked.",
        S.HELD: "A step of it waits for a person.",
        S.IN_PROGRESS: "The network is being asked for it.",
        S.COMPLETED: "The network has confirmed all of it.",
        S.FAILED: "The network could not deliver it; all that was done is undone.",
        S.PARTIAL: "Some of it is delivered and the rest failed.",
        S.ASSESSING_CANCELLATION: "Somebody wants it stopped; whether that is still possible is being found out.",
        S.PENDING_CANCELLATION: "It is being stopped; what was done is being undone.",
        S.CANCELLED: "It was stopped, and what the network had done of it is undone; reservations are returned.",
    },
)
