"""Payment methods (tokens, never numbers) and payments."""

from __future__ import annotations

from datetime import datetime

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices.model import InvoiceId
from bss.payments import service as payments
from bss.payments.machine import PaymentState, RefundState
from bss.payments.model import Payment, PaymentId, PaymentMethodId, Purpose, Refund, RefundId
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, href, reading, writing
from gateway.verbs.once import IDEMPOTENCY, Key, once
from kernel.errors import Invalid, NotFound
from kernel.money import Money
from kernel.work import Work


class AccountNamed(Asks):
    """One billing account."""

    account_id: AccountId


class MethodAsked(AccountNamed):
    """A token that the payment gateway made of a card, and what may be shown of it."""

    token: str
    brand: str
    last4: str
    label: str | None = None
    standard: bool = True


class MethodGiven(Gives):
    """A payment method."""

    id: PaymentMethodId
    account_id: AccountId
    brand: str
    last4: str
    label: str | None
    standard: bool
    added_at: datetime


class ChargeAsked(AccountNamed):
    """Money wanted: of one invoice or all that is owed, by the standard method unless told, an amount if told."""

    invoice_id: InvoiceId | None = None
    method_id: PaymentMethodId | None = None
    amount: str | None = None
    currency: str | None = None
    key: Key


class RefundAsked(AccountNamed):
    """Money to be given back: open credit, or of one payment what pays nothing; all of it unless an amount is told."""

    payment_id: PaymentId | None = None
    amount: str | None = None
    currency: str | None = None
    reason: str
    key: Key


class RefundGiven(Gives):
    """Money that goes back by the method that paid."""

    id: RefundId
    payment_id: PaymentId
    method_id: PaymentMethodId
    state: RefundState
    amount: str
    currency: str
    reason: str
    requested_at: datetime


class PaymentNamed(Asks):
    """One payment."""

    payment_id: PaymentId


class PaymentsAsked(PageAsked):
    """Which payments."""

    account_id: AccountId | None = None


class PaymentGiven(Gives):
    """A payment."""

    id: PaymentId
    href: str
    account_id: AccountId
    method_id: PaymentMethodId
    purpose: Purpose
    state: PaymentState
    amount: str
    captured: str
    currency: str
    order_ref: str | None
    invoice_id: InvoiceId | None
    reason: str | None
    created_at: datetime
    ended_at: datetime | None


@writing("payment-method.add", "/accounts/{account_id}/payment-methods", status=201)
def add_method(work: Work, asked: MethodAsked) -> MethodGiven:
    """Let an account pay with a token; a card number is refused."""
    return MethodGiven.model_validate(payments.add_method(work, **asked.told()))


@reading("payment-method.list", "/accounts/{account_id}/payment-methods")
def list_methods(work: Work, asked: AccountNamed) -> Page[MethodGiven]:
    """An account's standing methods, the standard one first."""
    customers.account(work, asked.account_id)
    found = [MethodGiven.model_validate(row) for row in payments.methods(work, asked.account_id)]
    return Page(items=found, total=len(found))


@writing("payment.charge", "/payments", status=201, headers=IDEMPOTENCY)
def charge(work: Work, asked: ChargeAsked) -> PaymentGiven:
    """Want money of an account, once for each key; the payment gateway is asked after the commit."""
    return once(work, "payment.charge", asked, PaymentGiven, lambda: _charged(work, asked), key=asked.key)


def _charged(work: Work, asked: ChargeAsked) -> PaymentGiven:
    currency = _currency(work, asked.account_id, asked.currency)
    wanted = None if asked.amount is None else Money.of(asked.amount, currency)
    payment = payments.charge(
        work, asked.account_id, method_id=asked.method_id, invoice_id=asked.invoice_id, amount=wanted
    )
    return _given(payment)


@writing("payment.refund", "/accounts/{account_id}/refunds", headers=IDEMPOTENCY)
def refund(work: Work, asked: RefundAsked) -> Page[RefundGiven]:
    """Give money back to the methods that paid: an account's open credit, or what of one payment pays nothing."""
    return once(work, "payment.refund", asked, Page[RefundGiven], lambda: _refunded(work, asked), key=asked.key)


def _refunded(work: Work, asked: RefundAsked) -> Page[RefundGiven]:
    currency = _currency(work, asked.account_id, asked.currency)
    amount = None if asked.amount is None else Money.of(asked.amount, currency)
    if asked.payment_id is None:
        made = payments.refund_credit(work, asked.account_id, amount=amount, reason=asked.reason)
    else:
        payment = store.one(work, Payment, asked.payment_id, field="payment_id")
        if payment.account_id != asked.account_id:
            raise NotFound(f"{asked.account_id} made no {payment.id}", field="payment_id", fix="see its payments")
        amount = amount or payments.unapplied(work, payment.id)
        made = [payments.refund(work, payment.id, amount=amount, reason=asked.reason)]
    given = [_refund(work, row) for row in made]
    return Page(items=given, total=len(given))


def _currency(work: Work, account_id: AccountId, told: str | None) -> str:
    account = customers.account(work, account_id)
    if told is not None and told != account.currency:
        message = f"{account.id} pays in {account.currency}, not in {told}"
        raise Invalid(message, field="currency", fix=f"give the amount in {account.currency}")
    return account.currency


@reading("payment.show", "/payments/{payment_id}")
def show(work: Work, asked: PaymentNamed) -> PaymentGiven:
    """A payment."""
    return _given(store.one(work, Payment, asked.payment_id, field="payment_id"))


@reading("payment.list", "/payments")
def listed(work: Work, asked: PaymentsAsked) -> Page[PaymentGiven]:
    """Payments, the newest first, of one account or of all."""
    where = () if asked.account_id is None else (Payment.account_id == asked.account_id,)
    rows, total = store.page(work, Payment, asked, *where)
    return Page(items=[_given(row) for row in rows], total=total)


def _given(row: Payment) -> PaymentGiven:
    return PaymentGiven(
        href=href("payments", row.id),
        amount=Money(row.amount_minor, row.currency).plain(),
        captured=Money(row.captured_minor, row.currency).plain(),
        **{
            name: getattr(row, name) for name in PaymentGiven.model_fields if name not in ("href", "amount", "captured")
        },
    )


def _refund(work: Work, row: Refund) -> RefundGiven:
    return RefundGiven(
        id=row.id,
        payment_id=row.payment_id,
        method_id=payments.get(work, row.payment_id).method_id,
        state=row.state,
        amount=Money(row.amount_minor, row.currency).plain(),
        currency=row.currency,
        reason=row.reason,
        requested_at=row.requested_at,
    )
