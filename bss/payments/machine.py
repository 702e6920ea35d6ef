"""What a payment can be, and what one wanted step of it can be."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class PaymentState(StrEnum):
    """Where a payment stands with the gateway."""

    CREATED = "created"
    REQUIRES_ACTION = "requiresAction"
    AUTHORISED = "authorised"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PaymentMove(StrEnum):
    """What the gateway's answers, or a change of our mind, do to a payment."""

    ASK = "ask"
    AUTHORISE = "authorise"
    ACCEPT = "accept"
    SUCCEED = "succeed"
    DECLINE = "decline"
    LOSE = "lose"
    FORGET = "forget"
    CANCEL = "cancel"


_P, _M = PaymentState, PaymentMove

PAYMENT = Machine(
    "Payment",
    initial=PaymentState.CREATED,
    table={
        (_P.CREATED, _M.ASK): _P.REQUIRES_ACTION,
        (_P.CREATED, _M.AUTHORISE): _P.AUTHORISED,
        (_P.CREATED, _M.ACCEPT): _P.PENDING,
        (_P.CREATED, _M.SUCCEED): _P.SUCCEEDED,
        (_P.CREATED, _M.DECLINE): _P.FAILED,
        (_P.CREATED, _M.LOSE): _P.UNKNOWN,
        (_P.CREATED, _M.CANCEL): _P.CANCELLED,
        (_P.REQUIRES_ACTION, _M.AUTHORISE): _P.AUTHORISED,
        (_P.REQUIRES_ACTION, _M.SUCCEED): _P.SUCCEEDED,
        (_P.REQUIRES_ACTION, _M.DECLINE): _P.FAILED,
        (_P.REQUIRES_ACTION, _M.CANCEL): _P.CANCELLED,
        (_P.AUTHORISED, _M.SUCCEED): _P.SUCCEEDED,
        (_P.AUTHORISED, _M.DECLINE): _P.FAILED,
        (_P.AUTHORISED, _M.LOSE): _P.UNKNOWN,
        (_P.AUTHORISED, _M.CANCEL): _P.CANCELLED,
        (_P.PENDING, _M.SUCCEED): _P.SUCCEEDED,
        (_P.PENDING, _M.DECLINE): _P.FAILED,
        (_P.UNKNOWN, _M.FORGET): _P.CREATED,
        (_P.UNKNOWN, _M.AUTHORISE): _P.AUTHORISED,
        (_P.UNKNOWN, _M.ACCEPT): _P.PENDING,
        (_P.UNKNOWN, _M.SUCCEED): _P.SUCCEEDED,
        (_P.UNKNOWN, _M.DECLINE): _P.FAILED,
        (_P.UNKNOWN, _M.CANCEL): _P.CANCELLED,
    },
    meanings={
        _P.CREATED: "Wanted, and not yet answered by the gateway.",
        _P.REQUIRES_ACTION: "The payer must do something before the gateway goes on.",
        _P.AUTHORISED: "The amount is held on the method and not yet taken.",
        _P.PENDING: "The gateway took the instruction; the money is on its way.",
        _P.UNKNOWN: "An instruction was sent and not answered: it is looked up before anything is sent again.",
        _P.SUCCEEDED: "The money was taken.",
        _P.FAILED: "The gateway declined it, or was never reached.",
        _P.CANCELLED: "Nothing was taken: withdrawn before it was sent, or the hold was released.",
    },
)


class StepState(StrEnum):
    """Where one instruction to the gateway stands."""

    READY = "ready"
    SENT = "sent"
    UNKNOWN = "unknown"
    DONE = "done"
    REFUSED = "refused"
    ABANDONED = "abandoned"
    WITHDRAWN = "withdrawn"


class StepMove(StrEnum):
    """What happens to an instruction."""

    SEND = "send"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    MISS = "miss"
    LOSE = "lose"
    FORGET = "forget"
    GIVE_UP = "giveUp"
    RETRY = "retry"
    WITHDRAW = "withdraw"


_S, _T = StepState, StepMove

STEP = Machine(
    "PaymentStep",
    initial=StepState.READY,
    table={
        (_S.READY, _T.SEND): _S.SENT,
        (_S.READY, _T.WITHDRAW): _S.WITHDRAWN,
        (_S.READY, _T.CONFIRM): _S.DONE,
        (_S.READY, _T.REFUSE): _S.REFUSED,
        (_S.SENT, _T.CONFIRM): _S.DONE,
        (_S.SENT, _T.REFUSE): _S.REFUSED,
        (_S.SENT, _T.MISS): _S.READY,
        (_S.SENT, _T.GIVE_UP): _S.ABANDONED,
        (_S.SENT, _T.LOSE): _S.UNKNOWN,
        (_S.UNKNOWN, _T.CONFIRM): _S.DONE,
        (_S.UNKNOWN, _T.REFUSE): _S.REFUSED,
        (_S.UNKNOWN, _T.LOSE): _S.UNKNOWN,
        (_S.UNKNOWN, _T.FORGET): _S.READY,
        (_S.UNKNOWN, _T.GIVE_UP): _S.ABANDONED,
        (_S.ABANDONED, _T.RETRY): _S.READY,
    },
    meanings={
        _S.READY: "To be sent once its time has come.",
        _S.SENT: "Handed to the edge; without an answer by its time it is looked up, never simply sent again.",
        _S.UNKNOWN: "Sent and unanswered: the gateway is asked what became of it before any resend.",
        _S.DONE: "The gateway did it.",
        _S.REFUSED: "The gateway heard it and said no.",
        _S.ABANDONED: "The gateway was never reached within the attempts; a person may retry.",
        _S.WITHDRAWN: "No longer wanted, and never sent.",
    },
)


class RefundState(StrEnum):
    """Where a refund stands."""

    REQUESTED = "requested"
    PAID = "paid"
    FAILED = "failed"


class RefundMove(StrEnum):
    """What the gateway's answer does to a refund."""

    PAY = "pay"
    FAIL = "fail"


REFUND = Machine(
    "Refund",
    initial=RefundState.REQUESTED,
    table={
        (RefundState.REQUESTED, RefundMove.PAY): RefundState.PAID,
        (RefundState.REQUESTED, RefundMove.FAIL): RefundState.FAILED,
    },
    meanings={
        RefundState.REQUESTED: "Wanted, and not yet confirmed by the gateway.",
        RefundState.PAID: "The money went back to the payer.",
        RefundState.FAILED: "The gateway would not; the money is unapplied again.",
    },
)
