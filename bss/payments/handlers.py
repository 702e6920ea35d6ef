"""What payments do about the facts of others; gateway/dispatch.py subscribes them."""

from __future__ import annotations

from bss.invoices.events import InvoiceIssued
from bss.notices import service as notices
from bss.ordering.events import ProductOrderAcknowledged, ProductOrderDue, ProductOrderFailed
from bss.payments import service as payments
from bss.payments.events import PaymentDeclined
from bss.payments.model import PaymentMethodId
from kernel.money import Money
from kernel.work import Work

GATE = "payment"
"""The gate of an order that a hold opens."""


def on_order(work: Work, event: ProductOrderAcknowledged | ProductOrderDue) -> None:
    """An order waits at its payment gate: hold its amount on the method it named, once."""
    asked = payments.of_order(work, str(event.order_id))
    if GATE in event.gates and event.method_id is not None and not asked:
        payments.authorise(
            work,
            order_ref=str(event.order_id),
            account_id=event.account_id,
            amount=Money(event.amount_minor, event.currency),
            method_id=PaymentMethodId.parse(event.method_id),
        )


def on_order_failed(work: Work, event: ProductOrderFailed) -> None:
    """Nothing was delivered: nothing stays held."""
    payments.release(work, str(event.order_id))


def on_invoice_issued(work: Work, event: InvoiceIssued) -> None:
    """An invoice is collected as soon as it is issued."""
    payments.collect(work, event.invoice_id)


def on_declined(work: Work, event: PaymentDeclined) -> None:
    """The payer of an invoice is told that the payment was declined."""
    payment = payments.get(work, event.payment_id)
    if event.invoice_id is not None:
        amount = str(Money(payment.amount_minor, payment.currency))
        params = {"amount": amount, "reason": event.reason}
        notices.queue(work, payment.account_id, "payment-declined", params, key=f"{payment.id}-declined")
