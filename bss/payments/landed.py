"""What an answer of the gateway means for the payment it was about."""

from __future__ import annotations

from bss.customers import service as customers
from bss.payments import allocation, begin, giveback, steps, store
from bss.payments.events import (
    PaymentAuthorised,
    PaymentDeclined,
    PaymentStepAbandoned,
    PaymentSucceeded,
    PaymentVoided,
    RefundFailed,
    RefundPaid,
)
from bss.payments.machine import PAYMENT, REFUND, PaymentMove, PaymentState, RefundMove
from bss.payments.model import Payment, PaymentStep, Purpose, Refund
from bss.payments.port import StepKind
from kernel.errors import NotFound
from kernel.money import Money
from kernel.work import Work


def done(work: Work, payment: Payment, step: PaymentStep, *, operation: str | None) -> None:
    """The gateway did it."""
    step.operation, step.error = operation, None
    amount = Money(step.amount_minor, step.currency)
    match step.kind:
        case StepKind.AUTHORISE:
            _held(work, payment, operation)
        case StepKind.CAPTURE | StepKind.CHARGE:
            _taken(work, payment, amount, operation)
        case StepKind.VOID:
            _let_go(work, payment)
        case StepKind.REFUND:
            _paid_back(work, payment, _refund(work, step), amount)


def refused(work: Work, payment: Payment, step: PaymentStep, *, reason: str) -> None:
    """The gateway said no, or was never reached within the attempts."""
    step.error = reason
    match step.kind:
        case StepKind.AUTHORISE | StepKind.CHARGE:
            _declined(work, payment, reason)
        case StepKind.CAPTURE:
            _declined(work, payment, reason)
            _charge_instead(work, payment, Money(step.amount_minor, step.currency))
        case StepKind.VOID:
            lost_or_found(payment, PaymentMove.AUTHORISE)
            work.emit(PaymentStepAbandoned(payment_id=payment.id, step=step.kind, reason=reason))
        case StepKind.REFUND:
            _kept(work, payment, _refund(work, step), reason)


def abandoned(work: Work, payment: Payment, step: PaymentStep, *, reason: str) -> None:
    """The gateway was never reached: a payer is declined, a promise of ours waits for a person."""
    if step.kind in (StepKind.AUTHORISE, StepKind.CHARGE):
        refused(work, payment, step, reason=reason)
        return
    step.error = reason
    lost_or_found(payment, PaymentMove.AUTHORISE)
    work.emit(PaymentStepAbandoned(payment_id=payment.id, step=step.kind, reason=reason))


def lost(payment: Payment, step: PaymentStep) -> None:
    """Nobody knows: the payment is unknown until a look-up has settled it; a refund leaves it as it is."""
    if step.kind is not StepKind.REFUND and PAYMENT.allows(payment.state, PaymentMove.LOSE):
        payment.state = PAYMENT.after(payment.state, PaymentMove.LOSE)


def unheard(payment: Payment, step: PaymentStep) -> None:
    """It never arrived: the payment is where it was before."""
    new = step.kind in (StepKind.AUTHORISE, StepKind.CHARGE)
    lost_or_found(payment, PaymentMove.FORGET if new else PaymentMove.AUTHORISE)


def lost_or_found(payment: Payment, move: PaymentMove) -> None:
    """Bring a payment back from unknown; one that is not unknown stays."""
    if payment.state == PaymentState.UNKNOWN:
        payment.state = PAYMENT.after(payment.state, move)


def _held(work: Work, payment: Payment, operation: str | None) -> None:
    payment.state = PAYMENT.after(payment.state, PaymentMove.AUTHORISE)
    payment.authorisation = operation
    if payment.released_at is not None:
        steps.want(work, payment, StepKind.VOID, amount=Money(payment.amount_minor, payment.currency))
        return
    work.emit(PaymentAuthorised(payment_id=payment.id, order_ref=payment.order_ref))


def _taken(work: Work, payment: Payment, amount: Money, operation: str | None) -> None:
    payment.state = PAYMENT.after(payment.state, PaymentMove.SUCCEED)
    payment.taken, payment.captured_minor, payment.ended_at = operation, amount.minor, work.now
    sums = {f"captured:{payment.gateway}": amount, "total": amount}
    if payment.purpose is Purpose.DEPOSIT:
        payment.deposit_minor = amount.minor
        allocation.book(work, payment, "depositReceived", sums)
        _deposited(work, payment, amount)
    else:
        allocation.book(work, payment, "paymentCaptured", sums)
        allocation.apply(work, payment, allocation.owed(work, payment.account_id), first=payment.invoice_id)
    work.audit("payment.succeeded", payment.id, {"amount": str(amount)})
    work.emit(
        PaymentSucceeded(
            payment_id=payment.id,
            account_id=payment.account_id,
            amount_minor=amount.minor,
            currency=amount.currency,
            order_ref=payment.order_ref,
            invoice_id=payment.invoice_id,
        )
    )


def _deposited(work: Work, payment: Payment, amount: Money) -> None:
    """A deposit opens its order's gate as a hold does; one that is no longer wanted goes straight back."""
    if payment.released_at is not None:
        giveback.give_back(work, payment, amount=amount, reason="the order did not come about")
    elif payment.order_ref is not None:
        work.emit(PaymentAuthorised(payment_id=payment.id, order_ref=payment.order_ref))


def _let_go(work: Work, payment: Payment) -> None:
    payment.state = PAYMENT.after(payment.state, PaymentMove.CANCEL)
    payment.ended_at = work.now
    work.emit(PaymentVoided(payment_id=payment.id, order_ref=payment.order_ref))


def _declined(work: Work, payment: Payment, reason: str) -> None:
    payment.state = PAYMENT.after(payment.state, PaymentMove.DECLINE)
    payment.reason, payment.ended_at = reason, work.now
    work.audit("payment.declined", payment.id, {"reason": reason})
    work.emit(
        PaymentDeclined(
            payment_id=payment.id, order_ref=payment.order_ref, invoice_id=payment.invoice_id, reason=reason
        )
    )


def _charge_instead(work: Work, payment: Payment, amount: Money) -> None:
    """A hold that cannot be taken any more (it lapsed): what was delivered is charged on the same method."""
    account = customers.account(work, payment.account_id)
    method = store.method(work, payment.method_id)
    if method is not None and method.removed_at is None:
        begin.begin(work, account, method, purpose=Purpose.CHARGE, amount=amount, invoice_id=payment.invoice_id)


def _refund(work: Work, step: PaymentStep) -> Refund:
    refund = None if step.refund_id is None else store.refund(work, step.refund_id)
    if refund is None:
        raise NotFound(f"step {step.id} gives back no refund", field="refund_id")
    return refund


def _paid_back(work: Work, payment: Payment, refund: Refund, amount: Money) -> None:
    refund.state = REFUND.after(refund.state, RefundMove.PAY)
    refund.ended_at = work.now
    sums = {f"refunded:{payment.gateway}": amount, "total": amount}
    allocation.book(work, payment, "refundPaid", sums, refund=str(refund.id))
    work.emit(
        RefundPaid(refund_id=refund.id, payment_id=payment.id, amount_minor=amount.minor, currency=amount.currency)
    )


def _kept(work: Work, payment: Payment, refund: Refund, reason: str) -> None:
    refund.state = REFUND.after(refund.state, RefundMove.FAIL)
    refund.ended_at = work.now
    amount = Money(refund.amount_minor, refund.currency)
    allocation.book(work, payment, "refundFailed", {"amount": amount}, refund=str(refund.id))
    work.emit(RefundFailed(refund_id=refund.id, payment_id=payment.id, reason=reason))
