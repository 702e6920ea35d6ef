"""Credit notes: part of an issued invoice taken back, by line, with that part's own tax; never more than the line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from bss.invoices import document, items, series, store
from bss.invoices.events import CreditNoteIssued
from bss.invoices.model import (
    CreditNote,
    CreditNoteId,
    CreditNoteLine,
    DocumentType,
    Invoice,
    InvoiceLine,
    InvoiceLineId,
)
from bss.ledger import service as ledger
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from kernel.time import Span, local_date
from kernel.work import Work


@dataclass(frozen=True, slots=True)
class Part:
    """What is taken back of one invoice line: money, and with a span also its days."""

    line: InvoiceLine
    net_minor: int
    span: Span | None = None


def left(work: Work, lines: Sequence[InvoiceLine]) -> dict[InvoiceLineId, int]:
    """What of each line's net was not taken back yet, by credit notes or by later invoices."""
    ids = [line.id for line in lines]
    found = {line.id: line.net_minor for line in lines}
    for credit in store.credit_lines(work, ids):
        found[credit.line_id] -= credit.net_minor
    for back in store.reversals(work, ids):
        if back.reverses is not None:
            found[back.reverses] += back.net_minor
    return found


def chosen(
    lines: Sequence[InvoiceLine], remaining: Mapping[InvoiceLineId, int], wanted: Mapping[int, Money | None] | None
) -> list[Part]:
    """The parts of a credit: every line's rest, or of the named lines an amount (None: their rest)."""
    if wanted is None:
        parts = [Part(line, remaining[line.id]) for line in lines if remaining[line.id]]
    else:
        by_number = {line.number: line for line in lines}
        if unknown := sorted(wanted.keys() - by_number.keys()):
            raise Invalid(f"no line {unknown[0]}", field="lines", fix=f"1 to {len(lines)}")
        parts = [_part(by_number[number], remaining, amount) for number, amount in sorted(wanted.items())]
    total = sum(part.net_minor for part in parts)
    if total <= 0:
        raise Conflict("nothing is left to credit", field="lines")
    if total > sum(remaining.values()):
        raise Conflict("that is more than is left of the invoice", field="lines", fix="credit it whole")
    return parts


def _part(line: InvoiceLine, remaining: Mapping[InvoiceLineId, int], amount: Money | None) -> Part:
    rest = Money(remaining[line.id], line.currency)
    if amount is None:
        return Part(line, rest.minor)
    if amount.currency != line.currency:
        raise Invalid(f"line {line.number} is in {line.currency}, not {amount.currency}", field="currency")
    if amount.minor <= 0:
        raise Invalid(f"{amount} is not above zero", field="amount")
    if amount.minor > rest.minor:
        raise Conflict(f"line {line.number} has {rest} left, less than {amount}", field="amount")
    return Part(line, amount.minor)


def tax_of(line: InvoiceLine, *, before: int, net_minor: int) -> int:
    """The tax of a part of a line, such that the parts of the whole line sum to the line's tax."""

    def tax_until(net: int) -> int:
        share = Decimal(line.tax_minor) * net / line.net_minor if line.net_minor else Decimal(0)
        return int(share.quantize(Decimal(1), rounding=ROUND_HALF_UP))

    return tax_until(before + net_minor) - tax_until(before)


def issue(work: Work, invoice: Invoice, parts: Sequence[Part], *, reason: str) -> CreditNote:
    """A numbered, posted credit note, set against its invoice; the rest stays the account's open credit."""
    seller = ledger.seller(work, invoice.seller_id)
    issued_on = local_date(work.now, seller.zone)
    note_id = CreditNoteId.new()
    rows = _rows(work, note_id, parts)
    lines = {line.id: line for line in (part.line for part in parts)}
    shares = [_share(lines[row.line_id], row) for row in rows]
    net, tax = sum(row.net_minor for row in rows), sum(row.tax_minor for row in rows)
    journal_id = ledger.post(
        work,
        "creditNoteIssued",
        seller_id=seller.id,
        on=issued_on,
        amounts=document.amounts(shares, currency=invoice.currency),
        refs={"credit_note": note_id, "invoice": invoice.id, "account": invoice.account_id},
    )
    note = CreditNote(
        tenant=work.tenant,
        id=note_id,
        invoice_id=invoice.id,
        account_id=invoice.account_id,
        seller_id=seller.id,
        currency=invoice.currency,
        reason=reason,
        net_minor=net,
        tax_minor=tax,
        total_minor=net + tax,
        issued_on=issued_on,
        issued_at=work.now,
        year=issued_on.year,
        shard=series.SHARD,
        journal_id=journal_id,
    )
    work.session.add_all([note, *rows])
    _apply(work, note)
    work.session.flush()
    drawn = series.draw(work, seller.id, DocumentType.CREDIT_NOTE, on=issued_on)
    note.number, note.sequence = drawn.text, drawn.sequence
    note.hash = document.credit_note_hash(note, rows)
    work.session.flush()
    return note


def _apply(work: Work, note: CreditNote) -> None:
    credit = items.open_credit(work, note)
    items.apply_credit(work, credit, items.held(work, note.invoice_id))
    work.emit(
        CreditNoteIssued(
            credit_note_id=note.id,
            invoice_id=note.invoice_id,
            account_id=note.account_id,
            total_minor=note.total_minor,
            open_minor=-credit.open_minor,
            currency=note.currency,
        )
    )


def _rows(work: Work, note_id: CreditNoteId, parts: Sequence[Part]) -> list[CreditNoteLine]:
    lines = list({part.line.id: part.line for part in parts}.values())
    remaining = left(work, lines)
    earned = store.recognised(work, [line.id for line in lines])
    before = {line.id: line.net_minor - remaining[line.id] for line in lines}
    sums: dict[InvoiceLineId, int] = defaultdict(int)
    rows = []
    for number, part in enumerate(parts, 1):
        line = part.line
        rows.append(
            CreditNoteLine(
                tenant=work.tenant,
                credit_note_id=note_id,
                number=number,
                line_id=line.id,
                description=line.description,
                span_start=part.span.start if part.span else None,
                span_end=part.span.end if part.span else None,
                net_minor=part.net_minor,
                tax_minor=tax_of(line, before=before[line.id] + sums[line.id], net_minor=part.net_minor),
                currency=line.currency,
                deferred=line.deferred and line.id not in earned,
            )
        )
        sums[line.id] += part.net_minor
    return rows


def _share(line: InvoiceLine, row: CreditNoteLine) -> document.Share:
    return document.Share(
        line.revenue_account, row.deferred, row.net_minor, line.tax_jurisdiction or "", line.tax_rate, row.tax_minor
    )
