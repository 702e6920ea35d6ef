"""An open credit paid out: it takes the place of money that paid the credited invoice, and that money goes back."""

from __future__ import annotations

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices import open_credits
from bss.invoices import service as invoices
from bss.invoices import store as invoice_store
from bss.invoices.model import Allocation
from bss.invoices.open_credits import OpenCredit
from bss.payments import allocation, giveback, store
from bss.payments.model import Payment, PaymentId, Refund
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from kernel.work import Work


def pay_out(work: Work, account_id: AccountId, *, amount: Money | None, reason: str) -> list[Refund]:
    """Want an account's open credit (or a part of it) given back to the methods that paid, the oldest credit first.

    Raises Invalid for more than is open, Conflict when no payment of ours stands behind it.
    """
    currency = customers.account(work, account_id).currency
    found = open_credits.standing(work, account_id, currency=currency)
    free = Money(sum(credit.open_minor for credit in found), currency)
    wanted = amount or free
    if wanted.minor <= 0 or free < wanted:
        message = f"{wanted} cannot be given back: {free} of {account_id} is open credit"
        raise Invalid(message, field="amount", fix="ask for no more than that")
    left, freed = wanted.minor, dict[PaymentId, int]()
    for credit in found:
        left -= _free(work, credit, left, freed, reason=reason)
    if left:
        message = f"{Money(left, currency)} of the credit was not paid by a method that could take it back"
        raise Conflict(message, field="amount", fix="ask for less, or let it pay the next invoice")
    return [
        giveback.give_back(work, _held(work, payment_id), amount=Money(minor, currency), reason=reason)
        for payment_id, minor in freed.items()
    ]


def _free(work: Work, credit: OpenCredit, wanted: int, freed: dict[PaymentId, int], *, reason: str) -> int:
    """Let a credit take the place of what payments paid on its invoice, latest first; how much that was."""
    left = limit = min(wanted, credit.open_minor)
    for row in reversed(invoice_store.allocations(work, credit.invoice_id)):
        if row.undone_at is not None or not left:
            continue
        share = min(left, row.amount_minor)
        payment = _held(work, PaymentId(row.payment_id))
        _replace(work, credit, row, payment, share, reason=reason)
        freed[payment.id] = freed.get(payment.id, 0) + share
        left -= share
    return limit - left


def _replace(work: Work, credit: OpenCredit, row: Allocation, payment: Payment, share: int, *, reason: str) -> None:
    invoice = str(row.invoice_id)
    invoices.undo_allocation(work, row.id, reason=reason)
    allocation.book(
        work, payment, "allocationUndone", {"amount": Money(row.amount_minor, row.currency)}, invoice=invoice
    )
    rest = Money(row.amount_minor - share, row.currency)
    if rest:
        invoices.allocate(work, row.invoice_id, payment_id=payment.id, amount=rest)
        allocation.book(work, payment, "paymentAllocated", {"amount": rest}, invoice=invoice)
    open_credits.use(work, credit, row.invoice_id)


def _held(work: Work, payment_id: PaymentId) -> Payment:
    work.session.flush()
    found = store.locked(work, payment_id)
    if found is None:
        raise Conflict(f"{payment_id} is not of this tenant", field="payment_id")
    return found
