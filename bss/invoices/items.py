"""The receivables sub-ledger: what is open on each document, and how it gets smaller. It never posts: callers do."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from bss.customers.model import BillingAccount
from bss.invoices import store
from bss.invoices.events import InvoiceSettled
from bss.invoices.model import (
    CreditApplication,
    CreditApplicationId,
    CreditNote,
    CreditNoteId,
    DocumentType,
    Invoice,
    InvoiceId,
    OpenItem,
)
from kernel.errors import Conflict, Invalid, NotFound
from kernel.money import Money
from kernel.time import midnight
from kernel.work import Work

_DAY = timedelta(days=1)


def open_invoice(work: Work, invoice: Invoice, account: BillingAccount, *, due_on: date) -> OpenItem:
    """The open item of an invoice just issued; it is overdue when its due date has ended in the account's zone."""
    return _open(work, invoice, due_on=due_on, overdue_at=midnight(due_on + _DAY, account.zone))


def open_credit(work: Work, note: CreditNote) -> OpenItem:
    """The open item of a credit note just issued, below zero."""
    return _open(work, note, due_on=note.issued_on, overdue_at=None)


def _open(work: Work, document: Invoice | CreditNote, *, due_on: date, overdue_at: datetime | None) -> OpenItem:
    credit = isinstance(document, CreditNote)
    item = OpenItem(
        tenant=work.tenant,
        document_id=int(document.id),
        document_type=DocumentType.CREDIT_NOTE if credit else DocumentType.INVOICE,
        account_id=document.account_id,
        seller_id=document.seller_id,
        currency=document.currency,
        due_on=due_on,
        overdue_at=overdue_at,
        announced_at=None,
        open_minor=-document.total_minor if credit else document.total_minor,
    )
    work.session.add(item)
    return item


def held(work: Work, document_id: InvoiceId | CreditNoteId) -> OpenItem:
    """A document's open item, held until this Work ends; NotFound when it was never issued."""
    item = store.locked_item(work, document_id)
    if item is None:
        raise NotFound(f"{document_id} is not an issued document", field="document_id")
    return item


def reduce(work: Work, item: OpenItem, amount: Money) -> None:
    """Set an amount against an open invoice; Conflict when it is more than what is open."""
    if amount.currency != item.currency:
        raise Invalid(f"{amount.currency} pays nothing owed in {item.currency}", field="currency")
    if amount.minor <= 0:
        raise Invalid(f"{amount} is not above zero", field="amount")
    if amount.minor > item.open_minor:
        open_ = Money(max(item.open_minor, 0), item.currency)
        raise Conflict(
            f"{amount} is more than the {open_} that is open", field="amount", fix="leave the rest unapplied"
        )
    item.open_minor -= amount.minor
    if item.open_minor == 0:
        work.emit(InvoiceSettled(invoice_id=InvoiceId(item.document_id), account_id=item.account_id))


def restore(item: OpenItem, amount: Money) -> None:
    """Open an invoice again by what was taken back from it."""
    item.open_minor += amount.minor


def apply_credit(work: Work, credit: OpenItem, owed: OpenItem) -> Money:
    """Set as much of an open credit against an invoice as both allow; returns how much that was."""
    minor = min(-credit.open_minor, owed.open_minor)
    amount = Money(max(minor, 0), owed.currency)
    if not amount:
        return amount
    reduce(work, owed, amount)
    credit.open_minor += amount.minor
    work.session.add(
        CreditApplication(
            tenant=work.tenant,
            id=CreditApplicationId.new(),
            credit_note_id=CreditNoteId(credit.document_id),
            invoice_id=InvoiceId(owed.document_id),
            amount_minor=amount.minor,
            currency=amount.currency,
            applied_at=work.now,
        )
    )
    return amount


def use_credits(work: Work, owed: OpenItem) -> None:
    """Set the account's open credits against an invoice, oldest first."""
    for credit in store.open_items(
        work, owed.account_id, currency=owed.currency, kind=DocumentType.CREDIT_NOTE, lock=True
    ):
        if owed.open_minor == 0:
            return
        apply_credit(work, credit, owed)
