"""What of an account's credit notes found no invoice to be set against, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass

from bss.customers.model import AccountId
from bss.invoices import items, store
from bss.invoices.model import CreditNoteId, DocumentType, InvoiceId
from kernel.money import Money
from kernel.work import Work


@dataclass(frozen=True, slots=True)
class OpenCredit:
    """The open rest of a credit note, in minor units, and the invoice that it credits."""

    credit_note_id: CreditNoteId
    invoice_id: InvoiceId
    open_minor: int


def standing(work: Work, account_id: AccountId, *, currency: str) -> list[OpenCredit]:
    """An account's open credits, the oldest first."""
    rows = store.open_items(work, account_id, currency=currency, kind=DocumentType.CREDIT_NOTE, lock=False)
    notes = [(row, store.credit_note(work, CreditNoteId(row.document_id))) for row in rows]
    return [OpenCredit(note.id, note.invoice_id, -row.open_minor) for row, note in notes if note is not None]


def use(work: Work, credit: OpenCredit, invoice_id: InvoiceId) -> Money:
    """Set a credit against an invoice as far as both go; how much that was."""
    return items.apply_credit(work, items.held(work, credit.credit_note_id), items.held(work, invoice_id))
