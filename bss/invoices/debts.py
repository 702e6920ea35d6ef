"""A debt's later life: overdue, disputed, given up."""

from __future__ import annotations

from datetime import datetime

from bss.invoices import items, store
from bss.invoices import service as invoices
from bss.invoices.events import InvoiceOverdue
from bss.invoices.model import Dispute, DisputeId, InvoiceId, WriteOff, WriteOffId
from bss.ledger import service as ledger
from kernel.errors import Conflict, NotFound
from kernel.ids import TenantId
from kernel.money import Money
from kernel.time import local_date
from kernel.work import SystemWork, Work


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, InvoiceId]]:
    """Open invoices whose due date has ended and of which it was not yet said; the edge calls `fall_overdue`."""
    return store.unsaid_overdue(work, now, limit)


def next_due(work: SystemWork) -> datetime | None:
    """When the next open invoice becomes overdue."""
    return store.next_overdue(work)


def fall_overdue(work: Work, invoice_id: InvoiceId) -> bool:
    """Say once that an invoice is overdue; False when it is not, or was said already."""
    item = items.held(work, invoice_id)
    late = item.overdue_at is not None and item.overdue_at <= work.now
    if not late or item.announced_at is not None or item.open_minor <= 0:
        return False
    item.announced_at = work.now
    work.emit(
        InvoiceOverdue(
            invoice_id=invoice_id,
            account_id=item.account_id,
            open_minor=item.open_minor,
            currency=item.currency,
            due_on=item.due_on,
        )
    )
    return True


def dispute(work: Work, invoice_id: InvoiceId, *, reason: str) -> Dispute:
    """Note the payer's objection; until it is settled the invoice is neither collected nor dunned."""
    invoices.issued(work, invoice_id)
    items.held(work, invoice_id)
    if store.disputes(work, [invoice_id]):
        raise Conflict(f"{invoice_id} is disputed already", field="invoice_id")
    row = Dispute(
        tenant=work.tenant,
        id=DisputeId.new(),
        invoice_id=invoice_id,
        reason=invoices.check_reason(reason),
        opened_at=work.now,
        closed_at=None,
    )
    work.session.add(row)
    work.session.flush()
    work.audit("invoice.disputed", invoice_id, {"reason": reason})
    return row


def settle_dispute(work: Work, invoice_id: InvoiceId) -> None:
    """The objection is settled; what it left open is owed again, and overdue is said once more if it is."""
    row = store.disputes(work, [invoice_id]).get(invoice_id)
    if row is None:
        raise NotFound(f"{invoice_id} has no open dispute", field="invoice_id")
    row.closed_at = work.now
    items.held(work, invoice_id).announced_at = None
    work.session.flush()
    work.audit("invoice.disputeSettled", invoice_id)


def write_off(work: Work, invoice_id: InvoiceId, *, reason: str, amount: Money | None = None) -> WriteOff:
    """Give up what is open on an invoice, or a part of it."""
    invoice = invoices.issued(work, invoice_id)
    item = items.held(work, invoice_id)
    given_up = amount or Money(item.open_minor, item.currency)
    items.reduce(work, item, given_up)
    seller = ledger.seller(work, invoice.seller_id)
    row = WriteOff(
        tenant=work.tenant,
        id=WriteOffId.new(),
        invoice_id=invoice_id,
        amount_minor=given_up.minor,
        currency=given_up.currency,
        reason=invoices.check_reason(reason),
        written_off_at=work.now,
        journal_id=ledger.post(
            work,
            "writtenOff",
            seller_id=seller.id,
            on=local_date(work.now, seller.zone),
            amounts={"amount": given_up},
            refs={"invoice": invoice_id, "account": invoice.account_id},
        ),
    )
    work.session.add(row)
    work.session.flush()
    work.audit("invoice.writtenOff", invoice_id, {"amount": str(given_up), "reason": reason})
    return row
