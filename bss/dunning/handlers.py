"""What dunning does about the facts of others; gateway/dispatch.py subscribes them."""

from __future__ import annotations

from bss.dunning import service as dunning
from bss.invoices.events import CreditNoteIssued, InvoiceOverdue, InvoiceSettled
from bss.payments.events import PaymentSucceeded, PaymentUnapplied
from kernel.work import Work


def on_overdue(work: Work, event: InvoiceOverdue) -> None:
    """An invoice was not paid in time: its account may have a case."""
    dunning.look(work, event.account_id)


def on_payment(work: Work, event: PaymentSucceeded) -> None:
    """Money came in: what is cured is lifted at once."""
    dunning.cured(work, event.account_id)


def on_settled(work: Work, event: InvoiceSettled) -> None:
    """An invoice is owed no more, however that came about."""
    dunning.cured(work, event.account_id)


def on_credit(work: Work, event: CreditNoteIssued) -> None:
    """A debt became smaller."""
    dunning.cured(work, event.account_id)


def on_unapplied(work: Work, event: PaymentUnapplied) -> None:
    """Money was taken back from an invoice: a debt may be back."""
    dunning.look(work, event.account_id)
