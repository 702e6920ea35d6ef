"""Every query on documents, open items and what was set against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TypeVar

import sqlalchemy as sa

from bss.customers.model import AccountId, BillingAccount
from bss.invoices.machine import InvoiceState
from bss.invoices.model import (
    Allocation,
    AllocationId,
    CreditApplication,
    CreditNote,
    CreditNoteId,
    CreditNoteLine,
    Dispute,
    DocumentType,
    Invoice,
    InvoiceId,
    InvoiceLine,
    InvoiceLineId,
    LineKind,
    OpenItem,
    Recognition,
    WriteOff,
)
from bss.ledger.model import SellerId
from bss.subscriptions.model import SubscriptionId
from kernel.ids import TenantId
from kernel.work import SystemWork, Work

T = TypeVar("T")

CHUNK = 500
"""Ids bound in one statement at most."""
_FRESH = {"populate_existing": True}
"""A row that was waited for is read as it is now."""
_DRAFT: sa.ColumnElement[str] = sa.literal_column(f"'{InvoiceState.DRAFT}'")
_ZERO: sa.ColumnElement[int] = sa.literal_column("0")
"""As literals, so that the partial indexes serve the queries."""


# ---- invoices


def invoice(work: Work, invoice_id: InvoiceId) -> Invoice | None:
    """An invoice of this tenant."""
    return work.session.get(Invoice, (work.tenant, invoice_id))


def locked(work: Work, invoice_id: InvoiceId) -> Invoice | None:
    """An invoice, held until this Work ends."""
    return work.session.scalars(
        sa.select(Invoice).where(Invoice.tenant == work.tenant, Invoice.id == invoice_id).with_for_update(),
        execution_options=_FRESH,
    ).first()


def numbered(work: Work, seller_id: SellerId, number: str) -> Invoice | None:
    """The invoice that bears a number."""
    return work.session.scalars(
        sa.select(Invoice).where(
            Invoice.tenant == work.tenant, Invoice.seller_id == seller_id, Invoice.number == number
        )
    ).first()


def listed(work: Work, account_id: AccountId | None, *, after: InvoiceId | None, limit: int) -> Sequence[Invoice]:
    """A page of invoices, oldest first, of one account or of all."""
    query = sa.select(Invoice).where(Invoice.tenant == work.tenant)
    if account_id is not None:
        query = query.where(Invoice.account_id == account_id)
    if after is not None:
        query = query.where(Invoice.id > after)
    return work.session.scalars(query.order_by(Invoice.id).limit(limit)).all()


def lines(work: Work, invoice_id: InvoiceId) -> Sequence[InvoiceLine]:
    """An invoice's lines as printed."""
    return work.session.scalars(
        sa.select(InvoiceLine)
        .where(InvoiceLine.tenant == work.tenant, InvoiceLine.invoice_id == invoice_id)
        .order_by(InvoiceLine.number)
    ).all()


def to_quote(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, InvoiceId]]:
    """Drafts of any tenant whose tax may be asked for now; those of parked accounts wait."""
    rows = work.session.execute(
        sa.select(Invoice.tenant, Invoice.id)
        .join(
            BillingAccount,
            sa.and_(BillingAccount.tenant == Invoice.tenant, BillingAccount.id == Invoice.account_id),
        )
        .where(Invoice.state == _DRAFT, Invoice.quote_after <= now, BillingAccount.parked_reason.is_(None))
        .order_by(Invoice.quote_after)
        .limit(limit)
    )
    return [(tenant, invoice_id) for tenant, invoice_id in rows]


# ---- what was charged


def standing(
    work: Work, subscription_ids: Sequence[SubscriptionId], *, since: date
) -> list[tuple[InvoiceLine, InvoiceState]]:
    """The charges of some subscriptions whose days reach past a date, discarded invoices left out."""
    found: list[tuple[InvoiceLine, InvoiceState]] = []
    for some in _chunks(subscription_ids):
        rows = work.session.execute(
            sa.select(InvoiceLine, Invoice.state)
            .join(Invoice, sa.and_(Invoice.tenant == InvoiceLine.tenant, Invoice.id == InvoiceLine.invoice_id))
            .where(
                InvoiceLine.tenant == work.tenant,
                InvoiceLine.subscription_id.in_(some),
                InvoiceLine.span_end >= since,
                InvoiceLine.kind != LineKind.REVERSAL,
                Invoice.state != InvoiceState.DISCARDED,
            )
            .order_by(InvoiceLine.id)
        )
        found += [(line, state) for line, state in rows]
    return found


def reversals(work: Work, line_ids: Sequence[InvoiceLineId]) -> list[InvoiceLine]:
    """The invoice lines that take some lines back, discarded invoices left out."""
    found: list[InvoiceLine] = []
    for some in _chunks(line_ids):
        found += work.session.scalars(
            sa.select(InvoiceLine)
            .join(Invoice, sa.and_(Invoice.tenant == InvoiceLine.tenant, Invoice.id == InvoiceLine.invoice_id))
            .where(
                InvoiceLine.tenant == work.tenant,
                InvoiceLine.reverses.in_(some),
                Invoice.state != InvoiceState.DISCARDED,
            )
            .order_by(InvoiceLine.id)
        )
    return found


def credit_lines(work: Work, line_ids: Sequence[InvoiceLineId]) -> list[CreditNoteLine]:
    """What credit notes took back of some lines."""
    found: list[CreditNoteLine] = []
    for some in _chunks(line_ids):
        found += work.session.scalars(
            sa.select(CreditNoteLine)
            .where(CreditNoteLine.tenant == work.tenant, CreditNoteLine.line_id.in_(some))
            .order_by(CreditNoteLine.credit_note_id, CreditNoteLine.number)
        )
    return found


def recognised(work: Work, line_ids: Sequence[InvoiceLineId]) -> set[InvoiceLineId]:
    """Which of some lines were booked as earned."""
    found: set[InvoiceLineId] = set()
    for some in _chunks(line_ids):
        found |= set(
            work.session.scalars(
                sa.select(Recognition.line_id).where(Recognition.tenant == work.tenant, Recognition.line_id.in_(some))
            )
        )
    return found


def elapsed(work: Work, account_id: AccountId, *, day: date, since: date) -> Sequence[InvoiceLine]:
    """An account's deferred lines whose span is over on a day and which are not yet booked as earned."""
    done = sa.exists().where(Recognition.tenant == work.tenant, Recognition.line_id == InvoiceLine.id)
    return work.session.scalars(
        sa.select(InvoiceLine)
        .join(Invoice, sa.and_(Invoice.tenant == InvoiceLine.tenant, Invoice.id == InvoiceLine.invoice_id))
        .where(
            Invoice.tenant == work.tenant,
            Invoice.account_id == account_id,
            Invoice.state == InvoiceState.ISSUED,
            Invoice.upto >= since,
            InvoiceLine.deferred.is_(True),
            InvoiceLine.span_end <= day,
            ~done,
        )
        .order_by(InvoiceLine.id)
    ).all()


# ---- credit notes


def credit_note(work: Work, credit_note_id: CreditNoteId) -> CreditNote | None:
    """A credit note of this tenant."""
    return work.session.get(CreditNote, (work.tenant, credit_note_id))


def credit_notes(work: Work, invoice_id: InvoiceId) -> Sequence[CreditNote]:
    """The credit notes to an invoice."""
    return work.session.scalars(
        sa.select(CreditNote)
        .where(CreditNote.tenant == work.tenant, CreditNote.invoice_id == invoice_id)
        .order_by(CreditNote.id)
    ).all()


def note_lines(work: Work, credit_note_id: CreditNoteId) -> Sequence[CreditNoteLine]:
    """A credit note's lines as printed."""
    return work.session.scalars(
        sa.select(CreditNoteLine)
        .where(CreditNoteLine.tenant == work.tenant, CreditNoteLine.credit_note_id == credit_note_id)
        .order_by(CreditNoteLine.number)
    ).all()


# ---- open items


def open_item(work: Work, document_id: InvoiceId | CreditNoteId) -> OpenItem | None:
    """A document's open item."""
    return work.session.get(OpenItem, (work.tenant, int(document_id)))


def locked_item(work: Work, document_id: InvoiceId | CreditNoteId) -> OpenItem | None:
    """A document's open item, held until this Work ends."""
    work.session.flush()
    return work.session.scalars(
        sa.select(OpenItem)
        .where(OpenItem.tenant == work.tenant, OpenItem.document_id == int(document_id))
        .with_for_update(),
        execution_options=_FRESH,
    ).first()


def open_items(
    work: Work, account_id: AccountId, *, currency: str, kind: DocumentType, lock: bool
) -> Sequence[OpenItem]:
    """An account's open invoices or open credits, oldest due first; `lock` holds them until this Work ends."""
    work.session.flush()
    query = (
        sa.select(OpenItem)
        .where(
            OpenItem.tenant == work.tenant,
            OpenItem.account_id == account_id,
            OpenItem.currency == currency,
            OpenItem.document_type == kind,
            OpenItem.open_minor != _ZERO,
        )
        .order_by(OpenItem.due_on, OpenItem.document_id)
    )
    return work.session.scalars(query.with_for_update() if lock else query, execution_options=_FRESH).all()


def unsaid_overdue(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, InvoiceId]]:
    """Invoices of any tenant that have become overdue and of which it was not yet said."""
    rows = work.session.execute(
        sa.select(OpenItem.tenant, OpenItem.document_id)
        .where(_unsaid(), OpenItem.overdue_at <= now)
        .order_by(OpenItem.overdue_at)
        .limit(limit)
    )
    return [(tenant, InvoiceId(document_id)) for tenant, document_id in rows]


def next_overdue(work: SystemWork) -> datetime | None:
    """When the next open invoice becomes overdue."""
    return work.session.scalar(sa.select(OpenItem.overdue_at).where(_unsaid()).order_by(OpenItem.overdue_at).limit(1))


def _unsaid() -> sa.ColumnElement[bool]:
    return sa.and_(OpenItem.open_minor != _ZERO, OpenItem.announced_at.is_(None), OpenItem.overdue_at.is_not(None))


def allocation(work: Work, allocation_id: AllocationId) -> Allocation | None:
    """One allocation."""
    return work.session.get(Allocation, (work.tenant, allocation_id))


def allocations(work: Work, invoice_id: InvoiceId) -> Sequence[Allocation]:
    """What payments were set against an invoice, undone ones included."""
    return work.session.scalars(
        sa.select(Allocation)
        .where(Allocation.tenant == work.tenant, Allocation.invoice_id == invoice_id)
        .order_by(Allocation.id)
    ).all()


def applications(work: Work, invoice_id: InvoiceId) -> Sequence[CreditApplication]:
    """What credit notes were set against an invoice."""
    return work.session.scalars(
        sa.select(CreditApplication)
        .where(CreditApplication.tenant == work.tenant, CreditApplication.invoice_id == invoice_id)
        .order_by(CreditApplication.id)
    ).all()


def write_offs(work: Work, invoice_id: InvoiceId) -> Sequence[WriteOff]:
    """What was given up of an invoice."""
    return work.session.scalars(
        sa.select(WriteOff).where(WriteOff.tenant == work.tenant, WriteOff.invoice_id == invoice_id)
    ).all()


def disputes(work: Work, invoice_ids: Sequence[InvoiceId]) -> dict[InvoiceId, Dispute]:
    """The open dispute of each of some invoices that has one."""
    found: dict[InvoiceId, Dispute] = {}
    for some in _chunks(invoice_ids):
        rows = work.session.scalars(
            sa.select(Dispute).where(
                Dispute.tenant == work.tenant, Dispute.invoice_id.in_(some), Dispute.closed_at.is_(None)
            )
        )
        found |= {row.invoice_id: row for row in rows}
    return found


def _chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
