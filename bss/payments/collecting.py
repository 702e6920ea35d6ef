"""What an account owes and is not being asked for yet, and the money that already lies here for it."""

from __future__ import annotations

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices.model import InvoiceId
from bss.payments import allocation, steps, store
from bss.payments.machine import PaymentState
from bss.payments.model import Payment, Purpose
from bss.payments.port import StepKind
from kernel.work import Work


def capturable(work: Work, payment: Payment) -> bool:
    """Whether a hold may be taken for an invoice now."""
    held = payment.state == PaymentState.AUTHORISED and payment.released_at is None
    return held and payment.invoice_id is None and not steps.open_step(work, payment.id, StepKind.CAPTURE)


def uncollected(work: Work, account_id: AccountId, invoice_id: InvoiceId | None) -> int:
    """What is owed, undisputed and not being asked for already (on one invoice if told), in minor units."""
    owed = sum(
        item.open_minor
        for item in allocation.owed(work, account_id)
        if not item.disputed and invoice_id in (None, item.invoice_id)
    )
    asked = sum(
        _asked(work, payment)
        for payment in store.in_flight(work, account_id)
        if payment.purpose is Purpose.CHARGE or payment.invoice_id is not None
        if invoice_id in (None, payment.invoice_id)
    )
    return owed - asked


def _asked(work: Work, payment: Payment) -> int:
    taking = steps.open_step(work, payment.id, StepKind.CAPTURE)
    return payment.amount_minor if taking is None else taking.amount_minor


def use_unapplied(work: Work, account_id: AccountId, invoice_id: InvoiceId, *, order_ref: str | None) -> None:
    """Set money that lies unapplied against an invoice; a deposit of another order stays a deposit."""
    owed = [item for item in allocation.owed(work, account_id) if item.invoice_id == invoice_id]
    currency = customers.account(work, account_id).currency
    for payment in store.with_money(work, account_id, currency):
        if payment.deposit_minor == 0 or payment.order_ref in (None, order_ref):
            allocation.apply(work, payment, owed)
            owed = [item for item in allocation.owed(work, account_id) if item.invoice_id == invoice_id]
