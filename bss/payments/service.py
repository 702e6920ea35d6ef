"""Money in and back out: a verb writes what is wanted of the gateway; the edge asks, and `settle` books the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices import service as invoices
from bss.invoices.model import AllocationId, InvoiceId
from bss.payments import (
    allocation,
    begin,
    card_number,
    collecting,
    credit_refund,
    giveback,
    holds,
    landed,
    steps,
    store,
)
from bss.payments.events import PaymentMethodAdded, PaymentUnapplied
from bss.payments.machine import PAYMENT, STEP, PaymentState, StepMove, StepState
from bss.payments.model import (
    Payment,
    PaymentId,
    PaymentMethod,
    PaymentMethodId,
    PaymentStep,
    Purpose,
    Refund,
)
from bss.payments.port import Answer, AnswerKind, Errand, PaymentStepId, StepKind
from kernel.errors import Conflict, Invalid, NotFound
from kernel.money import Money
from kernel.work import SystemWork, Work

METHODS_LIMIT = 20
"""Standing methods of one account at most."""
PAGE = 100
"""Payments listed in one answer at most."""
_TOKEN = re.compile(r"[A-Za-z0-9_.:\-]{1,255}")
_BRAND = re.compile(r"[a-z][a-z0-9 _-]{0,31}")
_LAST4 = re.compile(r"[0-9]{4}")
_LABEL_LENGTH = 100


# ---- methods


def add_method(
    work: Work,
    account_id: AccountId,
    *,
    token: str,
    brand: str,
    last4: str,
    label: str | None = None,
    standard: bool = True,
) -> PaymentMethod:
    """Let an account pay with what the gateway's token stands for; Invalid for anything like a card number."""
    for field, text in (("token", token), ("brand", brand), ("last4", last4), ("label", label)):
        card_number.refuse(text, field=field)
    if not _TOKEN.fullmatch(token):
        raise Invalid("not a token", field="token", fix="give the token that the payment gateway made of the card")
    if not _BRAND.fullmatch(brand.lower()):
        raise Invalid(f"{brand!r} is not a brand", field="brand", fix="such as visa")
    if not _LAST4.fullmatch(last4):
        raise Invalid("not the last four digits", field="last4", fix="exactly four digits, no more of the number")
    if label is not None and (not label.isprintable() or not 1 <= len(label.strip()) <= _LABEL_LENGTH):
        raise Invalid(f"a label has 1 to {_LABEL_LENGTH} printable characters", field="label")
    customers.account(work, account_id)
    return _added(work, account_id, token=token, brand=brand.lower(), last4=last4, label=label, standard=standard)


def _added(
    work: Work, account_id: AccountId, *, token: str, brand: str, last4: str, label: str | None, standard: bool
) -> PaymentMethod:
    standing = store.methods(work, account_id)
    if len(standing) >= METHODS_LIMIT:
        raise Conflict(f"{account_id} has {METHODS_LIMIT} methods", field="account_id", fix="remove one first")
    if any(method.token == token for method in standing):
        raise Conflict("this token is a method of the account already", field="token", fix="use the one it has")
    for method in standing:
        method.standard = method.standard and not standard
    added = PaymentMethod(
        tenant=work.tenant,
        id=PaymentMethodId.new(),
        account_id=account_id,
        token=token,
        brand=brand,
        last4=last4,
        label=label,
        standard=standard or not standing,
        added_at=work.now,
    )
    work.session.add(added)
    work.audit("paymentMethod.added", added.id, {"account": str(account_id), "brand": brand, "last4": last4})
    work.emit(PaymentMethodAdded(method_id=added.id, account_id=account_id))
    return added


def remove_method(work: Work, method_id: PaymentMethodId) -> None:
    """Pay with it no more; what is held or in flight on it goes on."""
    method_ = method(work, method_id)
    if method_.removed_at is not None:
        raise Conflict(f"{method_id} was removed already", field="method_id")
    method_.removed_at, method_.standard = work.now, False
    work.audit("paymentMethod.removed", method_id)


def method(work: Work, method_id: PaymentMethodId) -> PaymentMethod:
    """A method; NotFound when this tenant has no such one."""
    found = store.method(work, method_id)
    if found is None:
        raise NotFound(f"no payment method {method_id}", field="method_id")
    return found


def methods(work: Work, account_id: AccountId) -> Sequence[PaymentMethod]:
    """An account's standing methods, the standard one first."""
    return store.methods(work, account_id)


# ---- payments


def get(work: Work, payment_id: PaymentId) -> Payment:
    """A payment; NotFound when this tenant has no such one."""
    return _found(store.payment(work, payment_id), payment_id)


def of_account(work: Work, account_id: AccountId, *, limit: int = PAGE) -> Sequence[Payment]:
    """An account's latest payments, newest first."""
    return store.payments_of(work, account_id, limit=min(limit, PAGE))


def of_order(work: Work, order_ref: str) -> Sequence[Payment]:
    """The payments made for an order, oldest first."""
    return store.of_order(work, order_ref)


def steps_of(work: Work, payment_id: PaymentId) -> Sequence[PaymentStep]:
    """Everything that was asked of the gateway for a payment, oldest first."""
    return store.steps(work, payment_id)


def unapplied(work: Work, payment_id: PaymentId) -> Money:
    """What of a payment pays nothing yet."""
    return allocation.unapplied(work, get(work, payment_id))


def authorise(
    work: Work, *, order_ref: str, account_id: AccountId, amount: Money, method_id: PaymentMethodId
) -> Payment:
    """Want an order's amount held on a method; the answer comes as PaymentAuthorised or PaymentDeclined."""
    account = customers.account(work, account_id)
    return begin.begin(
        work,
        account,
        method(work, method_id),
        purpose=Purpose.AUTHORISE,
        amount=amount,
        order_ref=order_ref,
    )


def deposit(work: Work, *, order_ref: str, account_id: AccountId, amount: Money, method_id: PaymentMethodId) -> Payment:
    """Take an order's amount before anything is delivered: a liability until its first invoice, back if it fails."""
    account = customers.account(work, account_id)
    return begin.begin(
        work,
        account,
        method(work, method_id),
        purpose=Purpose.DEPOSIT,
        amount=amount,
        order_ref=order_ref,
    )


def capture(work: Work, payment_id: PaymentId, *, amount: Money, invoice_id: InvoiceId | None = None) -> PaymentStep:
    """Want what is held to be taken, in whole or in part; Conflict unless it is held and not being taken already."""
    payment = _locked(work, payment_id)
    if payment.state != PaymentState.AUTHORISED or payment.released_at is not None:
        raise Conflict(f"{payment_id} is {payment.state}: nothing is held to be taken", field="payment_id")
    if steps.open_step(work, payment_id, StepKind.CAPTURE) is not None:
        raise Conflict(f"{payment_id} is being captured already", field="payment_id")
    if amount.minor <= 0 or Money(payment.amount_minor, payment.currency) < amount:
        raise Invalid(
            f"{amount} is not within the {Money(payment.amount_minor, payment.currency)} held", field="amount"
        )
    payment.invoice_id = invoice_id
    return steps.want(work, payment, StepKind.CAPTURE, amount=amount)


def release(work: Work, order_ref: str) -> None:
    """An order did not come about: let go of every hold made for it, and give its deposits back."""
    for payment in store.locked_of_order(work, order_ref):
        if payment.released_at is None and payment.invoice_id is None:
            holds.release(work, payment)


def charge(
    work: Work,
    account_id: AccountId,
    *,
    method_id: PaymentMethodId | None = None,
    invoice_id: InvoiceId | None = None,
    amount: Money | None = None,
) -> Payment:
    """Want money of an account's method, by default the standard one, and all that is owed (on one invoice if told).

    Without an amount, what is already being asked for is not asked for twice; Conflict when nothing is left to ask.
    """
    account = customers.account(work, account_id)
    chosen = method(work, method_id) if method_id is not None else _standard(work, account_id)
    if amount is None:
        left = collecting.uncollected(work, account_id, invoice_id)
        if left <= 0:
            raise Conflict("nothing is owed that is not being asked for already", field="amount", fix="give an amount")
        amount = Money(left, account.currency)
    return begin.begin(work, account, chosen, purpose=Purpose.CHARGE, amount=amount, invoice_id=invoice_id)


def collect(work: Work, invoice_id: InvoiceId) -> None:
    """Pay an issued invoice: unapplied money first, then what its order holds, then the standard method.

    A parked account is not collected from; one without a method pays when it pays.
    """
    invoice = invoices.get(work, invoice_id)
    account = customers.account(work, invoice.account_id)
    if account.parked_reason is not None:
        return
    collecting.use_unapplied(work, account.id, invoice_id, order_ref=invoice.order_ref)
    left = collecting.uncollected(work, account.id, invoice_id)
    for payment in store.locked_of_order(work, invoice.order_ref) if invoice.order_ref is not None else ():
        if left > 0 and collecting.capturable(work, payment):
            taken = min(left, payment.amount_minor)
            capture(work, payment.id, amount=Money(taken, payment.currency), invoice_id=invoice_id)
            left -= taken
    if left > 0 and store.methods(work, account.id):
        charge(work, account.id, invoice_id=invoice_id, amount=Money(left, account.currency))


def refund(work: Work, payment_id: PaymentId, *, amount: Money, reason: str) -> Refund:
    """Want part of a payment's unapplied money given back; undo an allocation first when it pays an invoice."""
    return giveback.give_back(work, _locked(work, payment_id), amount=amount, reason=reason)


def refund_credit(work: Work, account_id: AccountId, *, amount: Money | None = None, reason: str) -> list[Refund]:
    """Want an account's open credit, or a part of it, given back to the methods that paid."""
    return credit_refund.pay_out(work, account_id, amount=amount, reason=reason)


def undo_allocation(work: Work, allocation_id: AllocationId, *, reason: str) -> None:
    """Take money back from an invoice: it is owed again, the money is unapplied, and dunning goes on where it left."""
    card_number.refuse(reason, field="reason")
    found = store.allocation(work, allocation_id)
    if found is None:
        raise NotFound(f"no allocation {allocation_id}", field="allocation_id")
    if found.undone_at is not None:
        raise Conflict(f"{allocation_id} was undone already", field="allocation_id")
    payment = _locked(work, PaymentId(found.payment_id))
    amount = Money(found.amount_minor, found.currency)
    invoices.undo_allocation(work, allocation_id, reason=reason)
    allocation.book(work, payment, "allocationUndone", {"amount": amount}, invoice=str(found.invoice_id))
    work.emit(
        PaymentUnapplied(
            payment_id=payment.id,
            account_id=payment.account_id,
            invoice_id=found.invoice_id,
            amount_minor=amount.minor,
            currency=amount.currency,
        )
    )


# ---- the edge


def errands(work: SystemWork, limit: int) -> list[Errand]:
    """Take up to `limit` instructions for the edge to carry to the gateway; each answer goes to `settle`."""
    return steps.claim(work, limit)


def next_errand(work: SystemWork) -> datetime | None:
    """When the next instruction is due, on the database's own clock; None when nothing is wanted."""
    return store.next_step(work)


def settle(work: Work, step_id: PaymentStepId, answer: Answer) -> None:
    """Take in the gateway's answer to an errand; an answer to a step that is settled already changes nothing."""
    step = store.step(work, step_id)
    if step is None:
        raise NotFound(f"no payment step {step_id}", field="step_id")
    if step.state not in (StepState.SENT, StepState.UNKNOWN):
        return
    payment = _locked(work, step.payment_id)
    reason = answer.reason or str(answer.kind)
    match answer.kind:
        case AnswerKind.DONE:
            step.state = STEP.after(step.state, StepMove.CONFIRM)
            landed.done(work, payment, step, operation=answer.reference)
        case AnswerKind.REFUSED:
            step.state = STEP.after(step.state, StepMove.REFUSE)
            landed.refused(work, payment, step, reason=reason)
        case AnswerKind.UNANSWERED:
            step.state, step.error = STEP.after(step.state, StepMove.LOSE), reason
            landed.lost(payment, step)
            steps.again(work, step)
        case AnswerKind.UNREACHABLE | AnswerKind.UNHEARD:
            _unheard(work, payment, step, reason=reason)


def _unheard(work: Work, payment: Payment, step: PaymentStep, *, reason: str) -> None:
    landed.unheard(payment, step)
    if payment.released_at is not None and payment.state == PaymentState.CREATED:
        step.state = STEP.after(step.state, _back(step))
        holds.withdraw(work, payment)
    elif steps.spent(step):
        step.state = STEP.after(step.state, StepMove.GIVE_UP)
        landed.abandoned(work, payment, step, reason=reason)
    else:
        step.state, step.error = STEP.after(step.state, _back(step)), reason
        steps.again(work, step)


def _back(step: PaymentStep) -> StepMove:
    return StepMove.FORGET if step.state == StepState.UNKNOWN else StepMove.MISS


def retry(work: Work, payment_id: PaymentId) -> None:
    """Send what was abandoned once more; Conflict when nothing was."""
    found = [step for step in store.steps(work, payment_id) if STEP.allows(step.state, StepMove.RETRY)]
    if not found or (PAYMENT.final(get(work, payment_id).state) and found[-1].kind is not StepKind.REFUND):
        raise Conflict(f"nothing of {payment_id} was abandoned", field="payment_id")
    found[-1].state = STEP.after(found[-1].state, StepMove.RETRY)
    found[-1].attempts = 0
    steps.again(work, found[-1])
    work.audit("payment.retried", payment_id)
    work.hint(steps.HINT)


def _standard(work: Work, account_id: AccountId) -> PaymentMethod:
    standing = store.methods(work, account_id)
    if not standing:
        raise Conflict(f"{account_id} has no way to pay", field="method_id", fix="add a payment method")
    return standing[0]


def _locked(work: Work, payment_id: PaymentId) -> Payment:
    work.session.flush()
    return _found(store.locked(work, payment_id), payment_id)


def _found(payment: Payment | None, payment_id: PaymentId) -> Payment:
    if payment is None:
        raise NotFound(f"no payment {payment_id}", field="payment_id")
    return payment
