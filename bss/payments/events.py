"""What the rest of the house hears about payments."""

from __future__ import annotations

from bss.customers.model import AccountId
from bss.invoices.model import InvoiceId
from bss.payments.model import PaymentId, PaymentMethodId, RefundId
from bss.payments.port import StepKind
from kernel.events import Event


class PaymentMethodAdded(Event):
    """A customer may pay in one more way."""

    method_id: PaymentMethodId
    account_id: AccountId


class PaymentAuthorised(Event):
    """The amount is held on the method."""

    payment_id: PaymentId
    order_ref: str | None


class PaymentDeclined(Event):
    """Nothing was held or taken; `reason` is the gateway's word."""

    payment_id: PaymentId
    order_ref: str | None
    invoice_id: InvoiceId | None
    reason: str


class PaymentSucceeded(Event):
    """The money was taken and allocated."""

    payment_id: PaymentId
    account_id: AccountId
    amount_minor: int
    currency: str
    order_ref: str | None
    invoice_id: InvoiceId | None


class PaymentVoided(Event):
    """Nothing is held any more, and nothing was taken."""

    payment_id: PaymentId
    order_ref: str | None


class PaymentStepAbandoned(Event):
    """A capture, void or refund could not be had of the gateway; a person decides."""

    payment_id: PaymentId
    step: StepKind
    reason: str


class PaymentUnapplied(Event):
    """An invoice that was paid is owed again."""

    payment_id: PaymentId
    account_id: AccountId
    invoice_id: InvoiceId
    amount_minor: int
    currency: str


class RefundPaid(Event):
    """Money went back to the payer."""

    refund_id: RefundId
    payment_id: PaymentId
    amount_minor: int
    currency: str


class RefundFailed(Event):
    """A refund was not to be had; the money is unapplied again."""

    refund_id: RefundId
    payment_id: PaymentId
    reason: str
