"""Documents of money owed, what they charge and credit, and what was set against them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from bss.catalog.model import PriceKind
from bss.customers.model import AccountId
from bss.invoices.machine import InvoiceState
from bss.ledger.model import JournalId, SellerId
from bss.subscriptions.model import PricePhaseId, SubscriptionId
from kernel.ids import Id
from kernel.tables import Base, Tenanted

_DRAFT = sql(f"state = '{InvoiceState.DRAFT}'")
_OPEN = sql("open_minor <> 0")
_UNSAID = sql("open_minor <> 0 AND announced_at IS NULL AND overdue_at IS NOT NULL")


class InvoiceId(Id, prefix="inv"):
    """An invoice."""


class InvoiceLineId(Id, prefix="inl"):
    """A line of an invoice."""


class CreditNoteId(Id, prefix="crn"):
    """A credit note."""


class AllocationId(Id, prefix="alc"):
    """Money of a payment set against an invoice."""


class CreditApplicationId(Id, prefix="cra"):
    """Part of a credit note set against an invoice."""


class WriteOffId(Id, prefix="wro"):
    """A debt given up."""


class DisputeId(Id, prefix="dsp"):
    """A payer's objection to an invoice."""


class DocumentType(StrEnum):
    """What a number series numbers; the value begins the number."""

    INVOICE = "INV"
    CREDIT_NOTE = "CRN"


class LineKind(StrEnum):
    """What a line is for."""

    ONE_TIME = PriceKind.ONE_TIME
    RECURRING = PriceKind.RECURRING
    USAGE = PriceKind.USAGE
    REVERSAL = "reversal"


class Invoice(Tenanted, Base):
    """One bill; `upto` is the local day it was composed for, totals are zero until it is sealed from its quote."""

    __tablename__ = "invoice"
    __table_args__ = (
        Index("ix_invoice_account", "tenant", "account_id", "id"),
        Index("ix_invoice_number", "tenant", "seller_id", "number"),
        Index("uq_invoice_sequence", "tenant", "seller_id", "year", "shard", "sequence", unique=True),
        Index("ix_invoice_draft", "quote_after", sqlite_where=_DRAFT, postgresql_where=_DRAFT),
    )
    id: Mapped[InvoiceId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId]
    seller_id: Mapped[SellerId]
    state: Mapped[InvoiceState]
    currency: Mapped[str]
    upto: Mapped[date]
    usage_cut_off: Mapped[datetime]
    order_ref: Mapped[str | None]
    parties: Mapped[dict[str, Any]]
    drafted_at: Mapped[datetime]
    quote_after: Mapped[datetime]
    quote_attempts: Mapped[int] = mapped_column(default=0)
    held_reason: Mapped[str | None]
    quote: Mapped[dict[str, Any] | None]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    total_minor: Mapped[int]
    tax_point: Mapped[date | None]
    issued_on: Mapped[date | None]
    issued_at: Mapped[datetime | None]
    due_on: Mapped[date | None]
    number: Mapped[str | None]
    year: Mapped[int | None]
    shard: Mapped[int | None]
    sequence: Mapped[int | None]
    journal_id: Mapped[JournalId | None]
    hash: Mapped[str | None]


class InvoiceLine(Tenanted, Base):
    """One charge, or one reversal of an earlier one (`reverses`), for one span of one price phase."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        Index("ix_invoice_line_invoice", "tenant", "invoice_id", "number"),
        Index("ix_invoice_line_subscription", "tenant", "subscription_id", "span_end"),
        Index("ix_invoice_line_reverses", "tenant", "reverses"),
    )
    id: Mapped[InvoiceLineId] = mapped_column(primary_key=True)
    invoice_id: Mapped[InvoiceId]
    number: Mapped[int]
    kind: Mapped[LineKind]
    reverses: Mapped[InvoiceLineId | None]
    subscription_id: Mapped[SubscriptionId]
    phase_id: Mapped[PricePhaseId]
    component: Mapped[str]
    description: Mapped[str]
    span_start: Mapped[date]
    span_end: Mapped[date]
    period_start: Mapped[date]
    period_end: Mapped[date]
    quantity: Mapped[int]
    amount_nano: Mapped[int | None]
    rate: Mapped[Decimal]
    rounding: Mapped[str]
    currency: Mapped[str]
    net_minor: Mapped[int]
    tax_class: Mapped[str]
    tax_jurisdiction: Mapped[str | None]
    tax_category: Mapped[str | None]
    tax_rate: Mapped[Decimal | None]
    tax_reason: Mapped[str | None]
    tax_minor: Mapped[int]
    revenue_account: Mapped[str]
    deferred: Mapped[bool]


class CreditNote(Tenanted, Base):
    """A document that takes back an issued invoice, whole or by line; never changed."""

    __tablename__ = "credit_note"
    __table_args__ = (
        Index("ix_credit_note_invoice", "tenant", "invoice_id"),
        Index("ix_credit_note_account", "tenant", "account_id", "id"),
        Index("uq_credit_note_sequence", "tenant", "seller_id", "year", "shard", "sequence", unique=True),
    )
    id: Mapped[CreditNoteId] = mapped_column(primary_key=True)
    invoice_id: Mapped[InvoiceId]
    account_id: Mapped[AccountId]
    seller_id: Mapped[SellerId]
    currency: Mapped[str]
    reason: Mapped[str]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    total_minor: Mapped[int]
    issued_on: Mapped[date]
    issued_at: Mapped[datetime]
    number: Mapped[str | None]
    year: Mapped[int]
    shard: Mapped[int]
    sequence: Mapped[int | None]
    journal_id: Mapped[JournalId]
    hash: Mapped[str | None]


class CreditNoteLine(Tenanted, Base):
    """What is taken back of one invoice line; with a span when the days themselves are taken back.

    `deferred` says that it reduced what was deferred, not what was earned.
    """

    __tablename__ = "credit_note_line"
    __table_args__ = (Index("ix_credit_note_line_line", "tenant", "line_id"),)
    credit_note_id: Mapped[CreditNoteId] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[InvoiceLineId]
    description: Mapped[str]
    span_start: Mapped[date | None]
    span_end: Mapped[date | None]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    currency: Mapped[str]
    deferred: Mapped[bool]


class OpenItem(Tenanted, Base):
    """What is still owed on an invoice (above zero) or still to be used of a credit note (below); the sub-ledger of AR.

    Keyed by the document's id; `overdue_at` is the first instant after the due date, None for a credit note.
    """

    __tablename__ = "open_item"
    __table_args__ = (
        Index(
            "ix_open_item_account",
            *("tenant", "account_id", "currency", "due_on"),
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_open_item_overdue", "overdue_at", sqlite_where=_UNSAID, postgresql_where=_UNSAID),
    )
    document_id: Mapped[int] = mapped_column(primary_key=True)
    document_type: Mapped[DocumentType]
    account_id: Mapped[AccountId]
    seller_id: Mapped[SellerId]
    currency: Mapped[str]
    due_on: Mapped[date]
    overdue_at: Mapped[datetime | None]
    announced_at: Mapped[datetime | None]
    open_minor: Mapped[int]


class Allocation(Tenanted, Base):
    """Money of a payment (an opaque id from above) set against an invoice, until it is undone."""

    __tablename__ = "allocation"
    __table_args__ = (
        Index("ix_allocation_invoice", "tenant", "invoice_id"),
        Index("ix_allocation_payment", "tenant", "payment_id"),
    )
    id: Mapped[AllocationId] = mapped_column(primary_key=True)
    payment_id: Mapped[int]
    invoice_id: Mapped[InvoiceId]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    allocated_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_reason: Mapped[str | None]


class CreditApplication(Tenanted, Base):
    """Part of a credit note set against an invoice of the same account."""

    __tablename__ = "credit_application"
    __table_args__ = (
        Index("ix_credit_application_invoice", "tenant", "invoice_id"),
        Index("ix_credit_application_note", "tenant", "credit_note_id"),
    )
    id: Mapped[CreditApplicationId] = mapped_column(primary_key=True)
    credit_note_id: Mapped[CreditNoteId]
    invoice_id: Mapped[InvoiceId]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    applied_at: Mapped[datetime]


class WriteOff(Tenanted, Base):
    """A debt given up, with its reason."""

    __tablename__ = "write_off"
    __table_args__ = (Index("ix_write_off_invoice", "tenant", "invoice_id"),)
    id: Mapped[WriteOffId] = mapped_column(primary_key=True)
    invoice_id: Mapped[InvoiceId]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str]
    written_off_at: Mapped[datetime]
    journal_id: Mapped[JournalId]


class Dispute(Tenanted, Base):
    """A payer's objection: while open, the invoice is neither collected nor dunned."""

    __tablename__ = "invoice_dispute"
    __table_args__ = (Index("ix_invoice_dispute_invoice", "tenant", "invoice_id"),)
    id: Mapped[DisputeId] = mapped_column(primary_key=True)
    invoice_id: Mapped[InvoiceId]
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Recognition(Tenanted, Base):
    """A deferred invoice line whose span is over and whose revenue was booked as earned."""

    __tablename__ = "recognition"
    line_id: Mapped[InvoiceLineId] = mapped_column(primary_key=True)
    journal_id: Mapped[JournalId]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    recognised_at: Mapped[datetime]


class NumberSeries(Tenanted, Base):
    """The last number drawn for (seller, document type, year, shard); 1..last without a hole."""

    __tablename__ = "number_series"
    seller_id: Mapped[SellerId] = mapped_column(primary_key=True)
    document_type: Mapped[DocumentType] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]
    last_on: Mapped[date]
