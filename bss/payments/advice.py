"""A gateway's own notices: each is heard once, and settles a step whose answer we have not had."""

from __future__ import annotations

from bss.payments import landed, steps, store
from bss.payments.begin import GATEWAY
from bss.payments.machine import PAYMENT, STEP, PaymentMove, PaymentState, StepMove
from bss.payments.model import Payment, PaymentAdvice, PaymentStep
from bss.payments.port import Advice, AdviceKind, StepKind
from kernel.ids import TenantId
from kernel.work import Work

_MEANS = {
    AdviceKind.AUTHORISED: (StepKind.AUTHORISE, StepMove.CONFIRM),
    AdviceKind.AUTHORISATION_DECLINED: (StepKind.AUTHORISE, StepMove.REFUSE),
    AdviceKind.CAPTURED: (StepKind.CAPTURE, StepMove.CONFIRM),
    AdviceKind.VOIDED: (StepKind.VOID, StepMove.CONFIRM),
    AdviceKind.CHARGED: (StepKind.CHARGE, StepMove.CONFIRM),
    AdviceKind.CHARGE_DECLINED: (StepKind.CHARGE, StepMove.REFUSE),
    AdviceKind.REFUNDED: (StepKind.REFUND, StepMove.CONFIRM),
}


def owner(told: Advice) -> TenantId | None:
    """Whose payment a notice is about, None when it is none of ours."""
    found = steps.referred(told.reference)
    return None if found is None else found[0]


def receive(work: Work, told: Advice) -> str:
    """Take in a notice whose signature was checked; returns what it changed, the same for each repetition."""
    heard = store.advice(work, GATEWAY, told.advice_id)
    if heard is not None:
        return heard.effect
    named = steps.referred(told.reference)
    payment = None if named is None or named[0] != work.tenant else store.locked(work, named[1])
    effect = "unknown payment" if payment is None else _effect(work, payment, told)
    work.session.add(
        PaymentAdvice(
            tenant=work.tenant,
            gateway=GATEWAY,
            advice_id=told.advice_id,
            kind=told.kind,
            payment_id=None if payment is None else payment.id,
            heard_at=work.now,
            effect=effect,
        )
    )
    return effect


def _effect(work: Work, payment: Payment, told: Advice) -> str:
    kind, move = _MEANS[told.kind]
    step = _waiting(work, payment, kind, told)
    if step is not None:
        step.state = STEP.after(step.state, move)
        if move is StepMove.CONFIRM:
            landed.done(work, payment, step, operation=told.operation)
        else:
            landed.refused(work, payment, step, reason=told.reason or "declined")
        return f"{kind} settled"
    if told.kind is AdviceKind.VOIDED and payment.state == PaymentState.AUTHORISED:
        return _lapsed(work, payment)
    return "known already"


def _waiting(work: Work, payment: Payment, kind: StepKind, told: Advice) -> PaymentStep | None:
    """The step that the notice answers: of its kind and amount, sent (or to be sent again) and not settled."""
    for step in reversed(store.steps(work, payment.id)):
        moves = STEP.allows(step.state, StepMove.CONFIRM)
        if step.kind is kind and moves and step.attempts > 0 and step.amount_minor == told.amount.minor:
            return step
    return None


def _lapsed(work: Work, payment: Payment) -> str:
    """The gateway let a hold go on its own."""
    payment.state = PAYMENT.after(payment.state, PaymentMove.CANCEL)
    payment.ended_at = work.now
    work.audit("payment.lapsed", payment.id)
    return "hold lapsed"
