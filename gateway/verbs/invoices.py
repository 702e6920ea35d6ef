"""Invoices and what is taken back of them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bss.customers.model import AccountId
from bss.invoices import service as invoices
from bss.invoices import statement
from bss.invoices.model import Invoice, InvoiceId
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, href, reading, writing
from kernel.money import Money
from kernel.work import Work


class InvoiceNamed(Asks):
    """One invoice."""

    invoice_id: InvoiceId


class InvoicesAsked(PageAsked):
    """Which invoices."""

    account_id: AccountId | None = None


class CreditAsked(InvoiceNamed):
    """What is taken back: whole lines by number, or amounts before tax of them; everything when none is named."""

    reason: str
    lines: dict[int, str | None] | None = Field(default=None, min_length=1)


class InvoiceInList(Gives):
    """An invoice in one row."""

    id: str
    href: str
    number: str | None
    account: str
    status: str
    issued_on: str | None
    due_on: str | None
    currency: str
    net: str
    tax: str
    total: str
    open: str


class InvoiceGiven(InvoiceInList):
    """The whole invoice; amounts are text in major units."""

    parties: Any = None
    order: str | None
    tax_point: str | None
    usage_cut_off: str
    held_reason: str | None
    hash: str | None
    lines: list[dict[str, Any]]
    taxes: list[dict[str, Any]]
    tax_evidence: dict[str, Any] | None
    settled_by: list[dict[str, Any]]


class CreditNoteGiven(Gives):
    """A credit note."""

    id: str
    number: str | None
    invoice_id: InvoiceId
    account_id: AccountId
    net: str
    tax: str
    total: str
    currency: str
    reason: str


@reading("invoice.show", "/invoices/{invoice_id}")
def show(work: Work, asked: InvoiceNamed) -> InvoiceGiven:
    """An invoice with its lines, taxes and what settled it."""
    return InvoiceGiven(href=href("invoices", asked.invoice_id), **statement.show(work, asked.invoice_id))


@reading("invoice.list", "/invoices")
def listed(work: Work, asked: InvoicesAsked) -> Page[InvoiceInList]:
    """Invoices, the newest first, of one account or of all."""
    where = () if asked.account_id is None else (Invoice.account_id == asked.account_id,)
    rows, total = store.page(work, Invoice, asked, *where)
    given = [InvoiceInList(href=href("invoices", row.id), **statement.summary(work, row)) for row in rows]
    return Page(items=given, total=total)


@writing("invoice.credit", "/invoices/{invoice_id}/credit", status=201)
def credit(work: Work, asked: CreditAsked) -> CreditNoteGiven:
    """Take an issued invoice back, whole or by line, with a numbered credit note."""
    currency = invoices.get(work, asked.invoice_id).currency
    lines = None
    if asked.lines is not None:
        lines = {number: None if text is None else Money.of(text, currency) for number, text in asked.lines.items()}
    note = invoices.credit(work, asked.invoice_id, lines=lines, reason=asked.reason)
    return CreditNoteGiven(
        id=str(note.id),
        number=note.number,
        invoice_id=note.invoice_id,
        account_id=note.account_id,
        net=Money(note.net_minor, note.currency).plain(),
        tax=Money(note.tax_minor, note.currency).plain(),
        total=Money(note.total_minor, note.currency).plain(),
        currency=note.currency,
        reason=note.reason,
    )
