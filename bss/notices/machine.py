"""The life of a notice."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class NoticeState(StrEnum):
    """Where a notice is."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class NoticeMove(StrEnum):
    """What moves it."""

    DELIVER = "deliver"
    GIVE_UP = "giveUp"
    RETRY = "retry"


NOTICE = Machine(
    "Notice",
    initial=NoticeState.QUEUED,
    table={
        (NoticeState.QUEUED, NoticeMove.DELIVER): NoticeState.SENT,
        (NoticeState.QUEUED, NoticeMove.GIVE_UP): NoticeState.FAILED,
        (NoticeState.FAILED, NoticeMove.RETRY): NoticeState.QUEUED,
    },
    meanings={
        NoticeState.QUEUED: "It is decided and worded, and waits for the notifier to take it.",
        NoticeState.SENT: "The notifier took it; whether it was read is not ours to know.",
        NoticeState.FAILED: "The notifier refused it, or could not be reached so often that a person must look.",
    },
)
