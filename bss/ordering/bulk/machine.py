"""The life of a bulk job and of each of its rows."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class BulkState(StrEnum):
    """What was decided about a job."""

    ACKNOWLEDGED = "acknowledged"
    HELD = "held"
    IN_PROGRESS = "inProgress"
    PAUSED = "paused"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELLED = "cancelled"


class BulkMove(StrEnum):
    """What happens to a job."""

    START = "start"
    HOLD = "hold"
    RELEASE = "release"
    PAUSE = "pause"
    COMPLETE = "complete"
    PART = "part"
    ABORT = "abort"


S, M = BulkState, BulkMove

BULK_JOB = Machine(
    "BulkJob",
    initial=S.ACKNOWLEDGED,
    table={
        (S.ACKNOWLEDGED, M.START): S.IN_PROGRESS,
        (S.ACKNOWLEDGED, M.HOLD): S.HELD,
        (S.ACKNOWLEDGED, M.ABORT): S.CANCELLED,
        (S.IN_PROGRESS, M.HOLD): S.HELD,
        (S.IN_PROGRESS, M.PAUSE): S.PAUSED,
        (S.IN_PROGRESS, M.COMPLETE): S.COMPLETED,
        (S.IN_PROGRESS, M.PART): S.PARTIAL,
        (S.IN_PROGRESS, M.ABORT): S.CANCELLED,
        (S.HELD, M.RELEASE): S.IN_PROGRESS,
        (S.HELD, M.ABORT): S.CANCELLED,
        (S.PAUSED, M.RELEASE): S.IN_PROGRESS,
        (S.PAUSED, M.ABORT): S.CANCELLED,
    },
    meanings={
        S.ACKNOWLEDGED: "Its rows are being taken in; nothing is done yet.",
        S.HELD: "It waits for a person: for another one's approval, or because too much fell out; see its reason.",
        S.IN_PROGRESS: "Its rows are ordered one after the other, the canary first.",
        S.PAUSED: "A person stopped it; what was ordered goes on, nothing new is.",
        S.COMPLETED: "Every row is done.",
        S.PARTIAL: "Every row has ended, or waits for a person; some of them were not done.",
        S.CANCELLED: "A person ended it; rows that were not ordered by then never are.",
    },
)


class RowState(StrEnum):
    """Where a row stands."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    IN_PROGRESS = "inProgress"
    HELD = "held"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RowMove(StrEnum):
    """What happens to a row."""

    REJECT = "reject"
    PLACE = "place"
    HOLD = "hold"
    RELEASE = "release"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


R, V = RowState, RowMove

BULK_ROW = Machine(
    "BulkRow",
    initial=R.ACKNOWLEDGED,
    table={
        (R.ACKNOWLEDGED, V.REJECT): R.REJECTED,
        (R.ACKNOWLEDGED, V.PLACE): R.IN_PROGRESS,
        (R.ACKNOWLEDGED, V.COMPLETE): R.COMPLETED,
        (R.ACKNOWLEDGED, V.CANCEL): R.CANCELLED,
        (R.IN_PROGRESS, V.HOLD): R.HELD,
        (R.IN_PROGRESS, V.COMPLETE): R.COMPLETED,
        (R.IN_PROGRESS, V.FAIL): R.FAILED,
        (R.IN_PROGRESS, V.CANCEL): R.CANCELLED,
        (R.HELD, V.RELEASE): R.IN_PROGRESS,
        (R.HELD, V.COMPLETE): R.COMPLETED,
        (R.HELD, V.FAIL): R.FAILED,
        (R.HELD, V.CANCEL): R.CANCELLED,
    },
    meanings={
        R.ACKNOWLEDGED: "It is stored and waits for its turn.",
        R.REJECTED: "It could not be ordered; its error says why, and nothing was sent.",
        R.IN_PROGRESS: "Its order is under way.",
        R.HELD: "Its order waits for a person: see the fallout list.",
        R.COMPLETED: "The network confirmed it, or there was nothing to do.",
        R.FAILED: "The network could not do it and what was done is undone, or only a part of it is on.",
        R.CANCELLED: "It was never ordered, or its order was called off or overtaken.",
    },
)
