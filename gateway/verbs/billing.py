"""What a person does with bills: looked at beforehand, held, released, discarded, explained, disputed, given up."""

from __future__ import annotations

from datetime import date, timedelta

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices import debts, statement
from bss.invoices import preview as previews
from bss.invoices import service as invoices
from bss.invoices.model import InvoiceId
from gateway.verbs.core import Asks, Gives, href, reading, writing
from gateway.verbs.invoices import InvoiceGiven, InvoiceNamed
from gateway.verbs.planning import PreviewGiven, preview_given
from kernel.errors import Invalid
from kernel.money import Money
from kernel.time import local_date
from kernel.work import Work

FARTHEST = timedelta(days=366)
"""How far from today a bill is looked at: beyond a yearly period nobody knows what will be."""


class BillAsked(Asks):
    """Whose next bill, as of its next billing day unless told."""

    account_id: AccountId
    on: date | None = None


class InvoiceReason(InvoiceNamed):
    """One invoice, and why something is done with it."""

    reason: str


class WriteOffAsked(InvoiceReason):
    """What is given up: a part, or all that is open."""

    amount: str | None = None


class ExplainedGiven(Gives):
    """An invoice in sentences: one for each line, then the sum."""

    invoice_id: InvoiceId
    sentences: list[str]


@reading("invoice.preview", "/accounts/{account_id}/next-invoice")
def preview(work: Work, asked: BillAsked) -> PreviewGiven:
    """What an account's next bill would say; nothing is stored."""
    account = customers.account(work, asked.account_id)
    on = asked.on or local_date(account.next_bill_at, account.zone)
    if asked.on is not None and abs(on - local_date(work.now, account.zone)) > FARTHEST:
        raise Invalid(f"{on} is too far away", field="on", fix=f"give a day within {FARTHEST.days} days")
    return preview_given(previews.preview(work, account.id, on=on))


@reading("invoice.explain", "/invoices/{invoice_id}/explanation")
def explain(work: Work, asked: InvoiceNamed) -> ExplainedGiven:
    """Each line of an invoice in a sentence: which days, at which price, why this amount."""
    return ExplainedGiven(invoice_id=asked.invoice_id, sentences=statement.explain(work, asked.invoice_id))


@writing("invoice.hold", "/invoices/{invoice_id}/hold")
def hold(work: Work, asked: InvoiceReason) -> InvoiceGiven:
    """Keep a draft from being issued until somebody releases it."""
    invoices.hold(work, asked.invoice_id, reason=invoices.check_reason(asked.reason))
    return _shown(work, asked)


@writing("invoice.release", "/invoices/{invoice_id}/release")
def release(work: Work, asked: InvoiceNamed) -> InvoiceGiven:
    """Ask for a held invoice's tax again, with the account as it is now; with an answer it is issued."""
    invoices.release(work, asked.invoice_id)
    return _shown(work, asked)


@writing("invoice.discard", "/invoices/{invoice_id}/discard")
def discard(work: Work, asked: InvoiceReason) -> InvoiceGiven:
    """Throw a held invoice or a draft away; what it charged is billed anew."""
    invoices.discard(work, asked.invoice_id, reason=asked.reason)
    return _shown(work, asked)


@writing("invoice.dispute", "/invoices/{invoice_id}/dispute")
def dispute(work: Work, asked: InvoiceReason) -> InvoiceGiven:
    """Note the payer's objection: until it is settled the invoice is neither collected nor dunned."""
    debts.dispute(work, asked.invoice_id, reason=asked.reason)
    return _shown(work, asked)


@writing("invoice.settle-dispute", "/invoices/{invoice_id}/settle-dispute")
def settle_dispute(work: Work, asked: InvoiceNamed) -> InvoiceGiven:
    """End an objection; what it left open is owed again."""
    debts.settle_dispute(work, asked.invoice_id)
    return _shown(work, asked)


@writing("invoice.write-off", "/invoices/{invoice_id}/write-off")
def write_off(work: Work, asked: WriteOffAsked) -> InvoiceGiven:
    """Give up what is open on an invoice, or a part of it, and post the loss."""
    currency = invoices.get(work, asked.invoice_id).currency
    amount = None if asked.amount is None else Money.of(asked.amount, currency)
    debts.write_off(work, asked.invoice_id, reason=asked.reason, amount=amount)
    return _shown(work, asked)


def _shown(work: Work, asked: InvoiceNamed) -> InvoiceGiven:
    work.flush()
    return InvoiceGiven(href=href("invoices", asked.invoice_id), **statement.show(work, asked.invoice_id))
