"""The two machines of the engine: an order's (TMF641 words) and a task's."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class OrderState(StrEnum):
    """Where an order stands."""

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


class OrderMove(StrEnum):
    """What can happen to an order."""

    REJECT = "reject"
    QUEUE = "queue"
    START = "start"
    HOLD = "hold"
    RELEASE = "release"
    COMPLETE = "complete"
    FAIL = "fail"
    SETTLE_PARTLY = "settlePartly"
    ASK_CANCELLATION = "askCancellation"
    ACCEPT_CANCELLATION = "acceptCancellation"
    CANCEL = "cancel"


_S, _M = OrderState, OrderMove
ORDER: Machine[OrderState, OrderMove] = Machine(
    "ServiceOrder",
    initial=_S.ACKNOWLEDGED,
    table={
        (_S.ACKNOWLEDGED, _M.REJECT): _S.REJECTED,
        (_S.ACKNOWLEDGED, _M.QUEUE): _S.PENDING,
        (_S.ACKNOWLEDGED, _M.START): _S.IN_PROGRESS,
        (_S.ACKNOWLEDGED, _M.HOLD): _S.HELD,
        (_S.PENDING, _M.START): _S.IN_PROGRESS,
        (_S.PENDING, _M.CANCEL): _S.CANCELLED,
        (_S.IN_PROGRESS, _M.HOLD): _S.HELD,
        (_S.IN_PROGRESS, _M.COMPLETE): _S.COMPLETED,
        (_S.IN_PROGRESS, _M.FAIL): _S.FAILED,
        (_S.IN_PROGRESS, _M.SETTLE_PARTLY): _S.PARTIAL,
        (_S.IN_PROGRESS, _M.ASK_CANCELLATION): _S.ASSESSING_CANCELLATION,
        (_S.ASSESSING_CANCELLATION, _M.ACCEPT_CANCELLATION): _S.PENDING_CANCELLATION,
        (_S.PENDING_CANCELLATION, _M.CANCEL): _S.CANCELLED,
        (_S.PENDING_CANCELLATION, _M.HOLD): _S.HELD,
        (_S.HELD, _M.RELEASE): _S.IN_PROGRESS,
        (_S.HELD, _M.FAIL): _S.FAILED,
        (_S.HELD, _M.CANCEL): _S.CANCELLED,
    },
    meanings={
        _S.ACKNOWLEDGED: "It is stored and its plan is being made; no other transaction ever sees it here.",
        _S.REJECTED: "It was refused before anything was sent.",
        _S.PENDING: "It waits for an earlier order of the same service; nothing of it was sent.",
        _S.HELD: "It waits for a person: a step failed (see fallout list), or it cuts too many lines (see guard held).",
        _S.IN_PROGRESS: "Its tasks run, or what they did is being undone (phase undo).",
        _S.COMPLETED: "Every enforcing element has confirmed its generation.",
        _S.FAILED: "It could not be done, and what it had done is undone.",
        _S.PARTIAL: "Some of it is on and confirmed, the rest was given up and is not billed.",
        _S.ASSESSING_CANCELLATION: "A cancellation was asked for and is being judged.",
        _S.PENDING_CANCELLATION: "It is being undone because it was cancelled.",
        _S.CANCELLED: "It was called off or overtaken; nothing of it is on.",
    },
)
OPEN_ORDERS = tuple(s for s in OrderState if not ORDER.final(s))
"""The states in which an order still concerns its service."""


class TaskState(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    READY = "ready"
    SENT = "sent"
    DELIVERED = "delivered"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"


class TaskMove(StrEnum):
    """What can happen to a task."""

    RELEASE = "release"
    SEND = "send"
    DELIVER = "deliver"
    CONFIRM = "confirm"
    FULFIL = "fulfil"
    REFUSE = "refuse"
    MISS = "miss"
    LOSE = "lose"
    RESEND = "resend"
    GIVE_UP = "giveUp"
    RETRY = "retry"
    SKIP = "skip"
    SUPERSEDE = "supersede"


_T, _V = TaskState, TaskMove
TASK: Machine[TaskState, TaskMove] = Machine(
    "Task",
    initial=_T.WAITING,
    table={
        (_T.WAITING, _V.RELEASE): _T.READY,
        (_T.WAITING, _V.SUPERSEDE): _T.SUPERSEDED,
        (_T.READY, _V.SEND): _T.SENT,
        (_T.READY, _V.SUPERSEDE): _T.SUPERSEDED,
        (_T.READY, _V.GIVE_UP): _T.FAILED,
        (_T.READY, _V.FULFIL): _T.DONE,
        (_T.SENT, _V.CONFIRM): _T.DONE,
        (_T.SENT, _V.DELIVER): _T.DELIVERED,
        (_T.SENT, _V.REFUSE): _T.FAILED,
        (_T.SENT, _V.MISS): _T.READY,
        (_T.SENT, _V.GIVE_UP): _T.FAILED,
        (_T.SENT, _V.LOSE): _T.UNKNOWN,
        (_T.DELIVERED, _V.CONFIRM): _T.DONE,
        (_T.DELIVERED, _V.REFUSE): _T.FAILED,
        (_T.DELIVERED, _V.LOSE): _T.UNKNOWN,
        (_T.UNKNOWN, _V.CONFIRM): _T.DONE,
        (_T.UNKNOWN, _V.RESEND): _T.READY,
        (_T.UNKNOWN, _V.GIVE_UP): _T.FAILED,
        (_T.FAILED, _V.RETRY): _T.READY,
        (_T.FAILED, _V.SKIP): _T.SKIPPED,
    },
    meanings={
        _T.WAITING: "Its requirements are not all done; it has no row yet, only its place in the plan.",
        _T.READY: "It may be sent when its time has come, its lane has room and its key is free; one that no element"
        " answers waits for its event, its person or its instant.",
        _T.SENT: "It was written as sent before a byte left; if the worker dies here, it becomes unknown.",
        _T.DELIVERED: "A sleeping device will fetch it; no slot is held and it has a deadline of its own.",
        _T.DONE: "The element confirmed it as the intent asks, or what it waited for is there.",
        _T.FAILED: "The element refused it, or the named limit of attempts is reached.",
        _T.UNKNOWN: "It was sent and nobody knows the outcome; its key stays locked until a read-back settles it.",
        _T.SKIPPED: "A person decided to go on without it; its component is not billed.",
        _T.SUPERSEDED: "It was overtaken before it was sent.",
    },
)
IN_FLIGHT = (TaskState.SENT, TaskState.DELIVERED, TaskState.UNKNOWN)
"""The states in which a task keeps its (lane, key) locked."""
