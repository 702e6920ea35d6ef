"""An invoice as people and programs read it: computed status, lines with their spans and sources, in plain words."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bss.customers.model import AccountId
from bss.invoices import document, store
from bss.invoices import service as invoices
from bss.invoices.model import DocumentType, Invoice, InvoiceId, InvoiceLine, LineKind
from bss.subscriptions import service as subscriptions
from kernel.money import Money
from kernel.work import Work


class Status(StrEnum):
    """What an invoice is to its payer, computed."""

    DRAFT = "draft"
    HELD = "held"
    DISCARDED = "discarded"
    OPEN = "open"
    PART_PAID = "partPaid"
    PAID = "paid"
    OVERDUE = "overdue"
    DISPUTED = "disputed"
    WRITTEN_OFF = "writtenOff"


def status(work: Work, invoice_id: InvoiceId) -> Status:
    """What the invoice is to its payer at this instant."""
    invoice = invoices.get(work, invoice_id)
    item = store.open_item(work, invoice_id)
    if item is None:
        return Status(invoice.state)
    if item.open_minor == 0:
        return Status.WRITTEN_OFF if store.write_offs(work, invoice_id) else Status.PAID
    if store.disputes(work, [invoice_id]):
        return Status.DISPUTED
    if item.overdue_at is not None and item.overdue_at <= work.now:
        return Status.OVERDUE
    return Status.PART_PAID if item.open_minor < invoice.total_minor else Status.OPEN


def open_credit(work: Work, account_id: AccountId, *, currency: str) -> Money:
    """What of an account's credit notes found no invoice to be set against."""
    rows = store.open_items(work, account_id, currency=currency, kind=DocumentType.CREDIT_NOTE, lock=False)
    return Money(-sum(row.open_minor for row in rows), currency)


def show(work: Work, invoice_id: InvoiceId) -> dict[str, Any]:
    """The whole invoice as a document for the API and the command line; amounts are text in major units."""
    invoice = invoices.get(work, invoice_id)
    rows = store.lines(work, invoice_id)
    return {
        **summary(work, invoice),
        "parties": invoice.parties,
        "order": invoice.order_ref,
        "tax_point": _day(invoice.tax_point),
        "usage_cut_off": invoice.usage_cut_off.isoformat(),
        "held_reason": invoice.held_reason,
        "hash": invoice.hash,
        "lines": [_line(line, order=_order(work, line)) for line in rows],
        "taxes": _taxes(rows),
        "tax_evidence": (invoice.quote or {}).get("evidence"),
        "settled_by": _settled_by(work, invoice_id),
    }


def summary(work: Work, invoice: Invoice) -> dict[str, Any]:
    """An invoice in one row."""
    return {
        "id": str(invoice.id),
        "number": invoice.number,
        "account": str(invoice.account_id),
        "status": str(status(work, invoice.id)),
        "issued_on": _day(invoice.issued_on),
        "due_on": _day(invoice.due_on),
        "currency": invoice.currency,
        "net": _plain(invoice.net_minor, invoice.currency),
        "tax": _plain(invoice.tax_minor, invoice.currency),
        "total": _plain(invoice.total_minor, invoice.currency),
        "open": invoices.open_amount(work, invoice.id).plain(),
    }


def explain(work: Work, invoice_id: InvoiceId) -> list[str]:
    """Each line in a sentence, then the sum."""
    invoice = invoices.get(work, invoice_id)
    told = [_sentence(line) for line in store.lines(work, invoice_id)]
    total = Money(invoice.total_minor or invoice.net_minor, invoice.currency)
    return [*told, f"In all {total}, of which {Money(invoice.tax_minor, invoice.currency)} is tax."]


def _sentence(line: InvoiceLine) -> str:
    amount = Money(line.net_minor, line.currency)
    days, whole = (line.span_end - line.span_start).days, (line.period_end - line.period_start).days
    rate = f"{line.rate.normalize():f} {line.currency}"
    span = f"from {line.span_start} until before {line.span_end}"
    if line.kind is LineKind.ONE_TIME:
        return f"{line.number}. {line.description}: {amount}, charged once for {line.span_start}."
    if line.kind is LineKind.USAGE:
        return f"{line.number}. {line.description}: {line.quantity} at {rate} {span}, {amount}."
    part = "the whole period" if days == whole else f"{days} of {whole} days"
    times = "" if line.quantity == 1 else f" for {line.quantity}"
    kind = "taken back" if line.kind is LineKind.REVERSAL else "charged"
    return f"{line.number}. {line.description}: {rate}{times} {kind} {span}, {part}: {amount}."


def _line(line: InvoiceLine, *, order: str) -> dict[str, Any]:
    return {
        "number": line.number,
        "description": line.description,
        "kind": str(line.kind),
        "from": line.span_start.isoformat(),
        "until": line.span_end.isoformat(),
        "quantity": line.quantity,
        "rate": f"{line.rate.normalize():f}",
        "net": _plain(line.net_minor, line.currency),
        "tax": _plain(line.tax_minor, line.currency),
        "tax_rate": document.percent(line.tax_rate),
        "tax_category": line.tax_category,
        "tax_reason": line.tax_reason,
        "subscription": str(line.subscription_id),
        "phase": str(line.phase_id),
        "order": order,
        "takes_back": None if line.reverses is None else str(line.reverses),
        "id": str(line.id),
    }


def _order(work: Work, line: InvoiceLine) -> str:
    return subscriptions.get(work, line.subscription_id).order_ref


def _taxes(lines: Any) -> list[dict[str, str | None]]:
    sums: dict[tuple[str, str, Decimal, str | None], list[int]] = defaultdict(lambda: [0, 0])
    for line in lines:
        if line.tax_jurisdiction is None:
            continue
        group = sums[line.tax_jurisdiction, line.tax_category or "", line.tax_rate or Decimal(0), line.tax_reason]
        group[0] += line.net_minor
        group[1] += line.tax_minor
    currency = lines[0].currency if lines else "EUR"
    return [
        {
            "jurisdiction": jurisdiction,
            "category": category,
            "rate": document.percent(rate),
            "reason": reason,
            "net": _plain(net, currency),
            "tax": _plain(tax, currency),
        }
        for (jurisdiction, category, rate, reason), (net, tax) in sums.items()
    ]


def _settled_by(work: Work, invoice_id: InvoiceId) -> list[dict[str, str | None]]:
    paid = [
        {
            "kind": "payment",
            "id": str(row.id),
            "amount": _plain(row.amount_minor, row.currency),
            "on": row.allocated_at.isoformat(),
            "undone": row.undone_reason if row.undone_at is not None else None,
        }
        for row in store.allocations(work, invoice_id)
    ]
    credited = [
        {
            "kind": "credit",
            "id": str(row.credit_note_id),
            "amount": _plain(row.amount_minor, row.currency),
            "on": row.applied_at.isoformat(),
            "undone": None,
        }
        for row in store.applications(work, invoice_id)
    ]
    given_up = [
        {
            "kind": "writeOff",
            "id": str(row.id),
            "amount": _plain(row.amount_minor, row.currency),
            "on": row.written_off_at.isoformat(),
            "undone": None,
        }
        for row in store.write_offs(work, invoice_id)
    ]
    return [*paid, *credited, *given_up]


def _plain(minor: int, currency: str) -> str:
    return Money(minor, currency).plain()


def _day(day: Any) -> str | None:
    return None if day is None else day.isoformat()
