"""How customers pay: their methods, their payments, each step asked of the gateway, refunds and what was told to us."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from bss.customers.model import AccountId
from bss.invoices.model import InvoiceId
from bss.ledger.model import SellerId
from bss.payments.machine import PaymentState, RefundState, StepState
from bss.payments.port import AdviceKind, PaymentStepId, StepKind
from kernel.ids import Id
from kernel.tables import Base, Tenanted

OPEN_STEPS = (StepState.READY, StepState.SENT, StepState.UNKNOWN)
"""A step that the edge still has to do something about."""
IN_FLIGHT = (PaymentState.CREATED, PaymentState.REQUIRES_ACTION, PaymentState.PENDING, PaymentState.UNKNOWN)
"""A payment whose outcome is still to come."""
_OPEN = sql(f"state IN ({', '.join(repr(str(state)) for state in OPEN_STEPS)})")
_STANDING = sql("removed_at IS NULL")


class PaymentMethodId(Id, prefix="pmt"):
    """A way to pay."""


class PaymentId(Id, prefix="pay"):
    """A payment."""


class RefundId(Id, prefix="ref"):
    """A refund."""


class SettlementId(Id, prefix="stl"):
    """A payout of a gateway."""


class Purpose(StrEnum):
    """Why money is asked for: held for an order, taken for invoices, or taken before anything is delivered."""

    AUTHORISE = "authorise"
    CHARGE = "charge"
    DEPOSIT = "deposit"


class PaymentMethod(Tenanted, Base):
    """A token that the gateway made of a card, and what may be shown of it; never its number."""

    __tablename__ = "payment_method"
    __table_args__ = (
        Index("ix_payment_method_account", "tenant", "account_id", sqlite_where=_STANDING, postgresql_where=_STANDING),
    )
    id: Mapped[PaymentMethodId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId]
    token: Mapped[str]
    brand: Mapped[str]
    last4: Mapped[str]
    label: Mapped[str | None]
    standard: Mapped[bool]
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class Payment(Tenanted, Base):
    """One sum asked of one method; what is not allocated or given back of `captured_minor` is unapplied.

    `authorisation` and `taken` are the gateway's ids of the hold and of the capture or charge; `deposit_minor` is the
    part still held as a deposit; `released_at` says that its order no longer wants it.
    """

    __tablename__ = "payment"
    __table_args__ = (
        Index("ix_payment_account", "tenant", "account_id", "id"),
        Index("ix_payment_order", "tenant", "order_ref"),
        Index("ix_payment_invoice", "tenant", "invoice_id"),
    )
    id: Mapped[PaymentId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId]
    seller_id: Mapped[SellerId]
    method_id: Mapped[PaymentMethodId]
    gateway: Mapped[str]
    purpose: Mapped[Purpose]
    state: Mapped[PaymentState]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    captured_minor: Mapped[int] = mapped_column(default=0)
    deposit_minor: Mapped[int] = mapped_column(default=0)
    order_ref: Mapped[str | None]
    invoice_id: Mapped[InvoiceId | None]
    authorisation: Mapped[str | None]
    taken: Mapped[str | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class PaymentStep(Tenanted, Base):
    """One instruction wanted of the gateway; written before a byte leaves.

    `run_at` is on the database's own clock: when to send it or, once sent, when to look up what became of it.
    `attempts` counts sendings, `lookups` the questions since the last one.
    """

    __tablename__ = "payment_step"
    __table_args__ = (
        Index("ix_payment_step_run", "run_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_payment_step_payment", "tenant", "payment_id", "id"),
    )
    id: Mapped[PaymentStepId] = mapped_column(primary_key=True)
    payment_id: Mapped[PaymentId]
    refund_id: Mapped[RefundId | None]
    kind: Mapped[StepKind]
    state: Mapped[StepState]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    idempotency_key: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    lookups: Mapped[int] = mapped_column(default=0)
    run_at: Mapped[datetime]
    wanted_at: Mapped[datetime]
    operation: Mapped[str | None]
    error: Mapped[str | None]


class Refund(Tenanted, Base):
    """Money given back of one payment; a payment may have many."""

    __tablename__ = "refund"
    __table_args__ = (Index("ix_refund_payment", "tenant", "payment_id"),)
    id: Mapped[RefundId] = mapped_column(primary_key=True)
    payment_id: Mapped[PaymentId]
    state: Mapped[RefundState]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str]
    requested_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PaymentAdvice(Tenanted, Base):
    """A notice of the gateway that was heard; the same one is heard once."""

    __tablename__ = "payment_advice"
    gateway: Mapped[str] = mapped_column(primary_key=True)
    advice_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[AdviceKind]
    payment_id: Mapped[PaymentId | None]
    heard_at: Mapped[datetime]
    effect: Mapped[str]


class Settlement(Tenanted, Base):
    """A gateway's payout to the seller's bank: what it took, less what it kept."""

    __tablename__ = "settlement"
    __table_args__ = (UniqueConstraint("tenant", "gateway", "reference"),)
    id: Mapped[SettlementId] = mapped_column(primary_key=True)
    seller_id: Mapped[SellerId]
    gateway: Mapped[str]
    reference: Mapped[str]
    gross_minor: Mapped[int]
    fee_minor: Mapped[int]
    currency: Mapped[str]
    booked_on: Mapped[date]
