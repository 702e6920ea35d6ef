"""Facts about what is owed."""

from __future__ import annotations

from datetime import date

from bss.customers.model import AccountId
from bss.invoices.model import CreditNoteId, InvoiceId
from kernel.events import Event


class InvoiceIssued(Event):
    """An invoice is numbered and posted; `open_minor` is what is left after open credits were applied."""

    invoice_id: InvoiceId
    account_id: AccountId
    total_minor: int
    open_minor: int
    currency: str
    due_on: date
    order_ref: str | None


class InvoiceHeld(Event):
    """No tax quote was to be had; the invoice waits for a person."""

    invoice_id: InvoiceId
    account_id: AccountId
    reason: str


class InvoiceOverdue(Event):
    """An invoice was not paid in full when its due date ended; said once."""

    invoice_id: InvoiceId
    account_id: AccountId
    open_minor: int
    currency: str
    due_on: date


class InvoiceSettled(Event):
    """Nothing is owed on an invoice any more, by payment, credit or write-off."""

    invoice_id: InvoiceId
    account_id: AccountId


class CreditNoteIssued(Event):
    """A credit note is numbered and posted; `open_minor` of it found no invoice to be set against."""

    credit_note_id: CreditNoteId
    invoice_id: InvoiceId
    account_id: AccountId
    total_minor: int
    open_minor: int
    currency: str
