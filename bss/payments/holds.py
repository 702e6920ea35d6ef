"""Letting go of what is held for an order that did not come about."""

from __future__ import annotations

from bss.payments import allocation, giveback, steps, store
from bss.payments.events import PaymentVoided
from bss.payments.machine import PAYMENT, PaymentMove, PaymentState, StepState
from bss.payments.model import Payment, Purpose
from bss.payments.port import StepKind
from kernel.money import Money
from kernel.work import Work


def release(work: Work, payment: Payment) -> None:
    """Let go of one payment: void its hold, give its deposit back, or never send it."""
    if PAYMENT.final(payment.state) and payment.purpose is not Purpose.DEPOSIT:
        return
    payment.released_at = work.now
    if payment.state == PaymentState.AUTHORISED:
        steps.want(work, payment, StepKind.VOID, amount=Money(payment.amount_minor, payment.currency))
    elif payment.state == PaymentState.SUCCEEDED:
        left = allocation.unapplied(work, payment)
        if left:
            giveback.give_back(work, payment, amount=left, reason="the order did not come about")
    elif payment.state == PaymentState.CREATED:
        withdraw(work, payment)


def withdraw(work: Work, payment: Payment) -> None:
    """Take back what was never sent; what was sent is let go of when its answer comes."""
    waiting = [step for step in store.steps(work, payment.id) if step.state == StepState.READY]
    if waiting:
        for step in waiting:
            steps.withdraw(step)
        payment.state = PAYMENT.after(payment.state, PaymentMove.CANCEL)
        payment.ended_at = work.now
        work.emit(PaymentVoided(payment_id=payment.id, order_ref=payment.order_ref))
