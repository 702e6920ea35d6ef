"""Money that goes back to its payer: promised in the books at once, paid by the gateway later."""

from __future__ import annotations

from bss.payments import allocation, steps
from bss.payments.card_number import refuse
from bss.payments.machine import REFUND, PaymentState
from bss.payments.model import Payment, Refund, RefundId
from bss.payments.port import StepKind
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from kernel.work import Work

REASON_LENGTH = 200
"""A sentence."""


def give_back(work: Work, payment: Payment, *, amount: Money, reason: str) -> Refund:
    """Promise part of a payment's unapplied money back and want it of the gateway.

    Raises Conflict when nothing was taken, Invalid when more is asked than stands unapplied.
    """
    if payment.state != PaymentState.SUCCEEDED:
        raise Conflict(f"{payment.id} is {payment.state}: nothing was taken", field="payment_id")
    refuse(reason, field="reason")
    if not reason.strip() or len(reason) > REASON_LENGTH:
        raise Invalid(f"a reason has 1 to {REASON_LENGTH} characters", field="reason")
    free = allocation.unapplied(work, payment)
    if amount.minor <= 0 or free < amount:
        raise Invalid(
            f"{amount} cannot be given back: {free} of {payment.id} is unapplied",
            field="amount",
            fix="undo an allocation first, or ask for less",
        )
    refund = Refund(
        tenant=work.tenant,
        id=RefundId.new(),
        payment_id=payment.id,
        state=REFUND.initial,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=reason,
        requested_at=work.now,
    )
    allocation.release_deposit(work, payment, amount)
    work.session.add(refund)
    allocation.book(work, payment, "refundRequested", {"amount": amount}, refund=str(refund.id))
    steps.want(work, payment, StepKind.REFUND, amount=amount, refund=refund)
    work.audit("refund.requested", refund.id, {"payment": str(payment.id), "amount": str(amount), "reason": reason})
    return refund
