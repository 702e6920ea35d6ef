"""The birth of a payment: the row, and with it the first instruction wanted of the gateway."""

from __future__ import annotations

from bss.customers.model import BillingAccount
from bss.invoices.model import InvoiceId
from bss.payments import steps
from bss.payments.machine import PAYMENT
from bss.payments.model import Payment, PaymentId, PaymentMethod, Purpose
from bss.payments.port import StepKind
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from kernel.work import Work

GATEWAY = "bank"
"""The one gateway of this house; its name is the detail of its clearing account."""


def begin(
    work: Work,
    account: BillingAccount,
    method: PaymentMethod,
    *,
    purpose: Purpose,
    amount: Money,
    order_ref: str | None = None,
    invoice_id: InvoiceId | None = None,
) -> Payment:
    """Want a sum of a method; Invalid for a foreign currency or nothing, Conflict for a method that is gone."""
    if amount.currency != account.currency:
        raise Invalid(
            f"{amount} is not in the account's currency",
            field="currency",
            fix=f"{account.id} pays in {account.currency}",
        )
    if amount.minor <= 0:
        raise Invalid(f"{amount} is nothing to pay", field="amount", fix="more than zero")
    if method.account_id != account.id:
        raise Invalid(f"{method.id} belongs to another account", field="method_id", fix=f"use one of {account.id}")
    if method.removed_at is not None:
        raise Conflict(f"{method.id} was removed", field="method_id", fix="add a method, or use another one")
    payment = Payment(
        tenant=work.tenant,
        id=PaymentId.new(),
        account_id=account.id,
        seller_id=account.seller_id,
        method_id=method.id,
        gateway=GATEWAY,
        purpose=purpose,
        state=PAYMENT.initial,
        amount_minor=amount.minor,
        currency=amount.currency,
        captured_minor=0,
        deposit_minor=0,
        order_ref=order_ref,
        invoice_id=invoice_id,
        created_at=work.now,
    )
    work.session.add(payment)
    kind = StepKind.AUTHORISE if purpose is Purpose.AUTHORISE else StepKind.CHARGE
    steps.want(work, payment, kind, amount=amount)
    work.audit("payment.wanted", payment.id, {"purpose": str(purpose), "amount": str(amount)})
    return payment
