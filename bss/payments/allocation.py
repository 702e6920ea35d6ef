"""What a payment pays: the payer's designation first, else the oldest due; what is left stays unapplied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices import service as invoices
from bss.invoices.model import InvoiceId
from bss.invoices.service import Owing
from bss.ledger import service as ledger
from bss.payments import store
from bss.payments.model import Payment
from kernel.money import Money
from kernel.time import local_date
from kernel.work import Work


def spread(minor: int, owed: Iterable[Owing], *, first: InvoiceId | None = None) -> list[tuple[InvoiceId, int]]:
    """Share money out over what is owed: the designated one, then oldest due, disputed ones skipped."""
    wanted = [item for item in owed if item.open_minor > 0 and (not item.disputed or item.invoice_id == first)]
    wanted.sort(key=lambda item: (item.invoice_id != first, item.due_on, item.invoice_id))
    shares = []
    for item in wanted:
        share = min(minor, item.open_minor)
        if share > 0:
            shares.append((item.invoice_id, share))
            minor -= share
    return shares


def owed(work: Work, account_id: AccountId) -> list[Owing]:
    """What an account owes in its own currency, held until this Work ends."""
    return invoices.owed(work, account_id, currency=customers.account(work, account_id).currency, lock=True)


def unapplied(work: Work, payment: Payment) -> Money:
    """What of a payment's money is neither allocated nor given back nor promised back."""
    minor = payment.captured_minor - store.allocated(work, payment.id) - store.given_back(work, payment.id)
    return Money(minor, payment.currency)


def apply(work: Work, payment: Payment, owed: Sequence[Owing], *, first: InvoiceId | None = None) -> list[InvoiceId]:
    """Set a payment's unapplied money against what is owed, and book it; returns the invoices it reached."""
    reached = []
    for invoice_id, share in spread(unapplied(work, payment).minor, owed, first=first):
        amount = Money(share, payment.currency)
        release_deposit(work, payment, amount)
        invoices.allocate(work, invoice_id, payment_id=payment.id, amount=amount)
        book(work, payment, "paymentAllocated", {"amount": amount}, invoice=str(invoice_id))
        reached.append(invoice_id)
    return reached


def release_deposit(work: Work, payment: Payment, amount: Money) -> None:
    """Let money held as a deposit become unapplied money, before it is used."""
    freed = min(payment.deposit_minor, amount.minor)
    if freed:
        payment.deposit_minor -= freed
        book(work, payment, "depositApplied", {"amount": Money(freed, payment.currency)})


def book(work: Work, payment: Payment, rule: str, amounts: dict[str, Money], **refs: str) -> None:
    """Post a fact about a payment to its seller's books, on the seller's local day."""
    seller = ledger.seller(work, payment.seller_id)
    ledger.post(
        work,
        rule,
        seller_id=seller.id,
        on=local_date(work.now, seller.zone),
        amounts=amounts,
        refs={"payment": payment.id, **refs},
    )
