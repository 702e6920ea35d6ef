"""The life of a subscription; restrictions stand beside it and are no states of it."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class SubscriptionState(StrEnum):
    """What was decided about a subscription (the words of TMF637)."""

    CREATED = "created"
    PENDING_ACTIVE = "pendingActive"
    ACTIVE = "active"
    PENDING_TERMINATE = "pendingTerminate"
    TERMINATED = "terminated"
    CANCELLED = "cancelled"
    ABORTED = "aborted"


class SubscriptionMove(StrEnum):
    """What happens to a subscription."""

    DELIVER = "deliver"
    ACTIVATE = "activate"
    ABORT = "abort"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    END = "end"
    REINSTATE = "reinstate"
    REVIVE = "revive"


S, M = SubscriptionState, SubscriptionMove

SUBSCRIPTION = Machine(
    "Subscription",
    initial=S.CREATED,
    table={
        (S.CREATED, M.DELIVER): S.PENDING_ACTIVE,
        (S.CREATED, M.CANCEL): S.CANCELLED,
        (S.PENDING_ACTIVE, M.ACTIVATE): S.ACTIVE,
        (S.PENDING_ACTIVE, M.ABORT): S.ABORTED,
        (S.PENDING_ACTIVE, M.CANCEL): S.CANCELLED,
        (S.ACTIVE, M.TERMINATE): S.PENDING_TERMINATE,
        (S.PENDING_TERMINATE, M.END): S.TERMINATED,
        (S.PENDING_TERMINATE, M.REINSTATE): S.ACTIVE,
        (S.TERMINATED, M.REVIVE): S.PENDING_ACTIVE,
        (S.PENDING_ACTIVE, M.END): S.TERMINATED,
    },
    meanings={
        S.CREATED: "It is agreed; the network has not been asked yet.",
        S.PENDING_ACTIVE: "The network is being asked to bring it up, or up again; nothing is charged.",
        S.ACTIVE: "The network has confirmed it; it is charged by its phases.",
        S.PENDING_TERMINATE: "Its end is decided; the network is being asked to take it down.",
        S.TERMINATED: "The network has confirmed its end; only its last invoice is still to come.",
        S.CANCELLED: "The customer withdrew before it came up; it was never charged.",
        S.ABORTED: "The network could not bring it up; everything was undone and nothing is charged.",
    },
)
LIVE = (S.PENDING_ACTIVE, S.ACTIVE, S.PENDING_TERMINATE)
"""The states in which a service of the network has an owner."""
