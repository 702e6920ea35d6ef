"""What an account is subscribed to, the price phases that tile each life, and how its restrictions are billed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from bss.catalog.model import PriceKind, Starts
from bss.customers.model import AccountId
from bss.subscriptions.machine import SubscriptionState
from kernel.errors import Invalid
from kernel.ids import Id
from kernel.money import Rate, Rounding
from kernel.tables import Base, Tenanted
from kernel.time import Span, Unit
from oss.inventory.model import RestrictionId, ServiceId
from oss.orders.model import OrderId
from oss.port import Level


class SubscriptionId(Id, prefix="sub"):
    """One subscription of one account."""


class PricePhaseId(Id, prefix="pph"):
    """One price in force for one part of a subscription's life."""


class PhaseChangeId(Id, prefix="pch"):
    """One agreed change of offering that the network has to confirm."""


class RestrictionRequestId(Id, prefix="rsq"):
    """One hard restriction that waits for a second person."""


class RestrictionBillingId(Id, prefix="rsb"):
    """How one restriction is billed on one subscription."""


class Cause(StrEnum):
    """Why a line is restricted or ended."""

    NON_PAYMENT = "nonPayment"
    CUSTOMER = "customer"
    FRAUD = "fraud"
    LOST = "lost"
    POLICY = "policy"
    LEGAL = "legal"

    @classmethod
    def parse(cls, text: str) -> Cause:
        """A cause by its word. Raises Invalid, which lists the known ones."""
        try:
            return cls(text)
        except ValueError:
            raise Invalid(f"unknown cause {text!r}", field="cause", fix=f"one of {', '.join(cls)}") from None


class Subscription(Tenanted, Base):
    """One offering an account has; `zone` is the account's at the time it was ordered and dates its days.

    `ends_on` is the first local day the customer no longer wants it, decided by whoever terminates it; `term_until` is
    the first one on which it is bound no more (None: never was); `missing` names
    the components that the network could not bring up: what pays for them waits.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        Index("ix_subscription_account", "tenant", "account_id", "id"),
        Index("uq_subscription_service", "tenant", "service_id", unique=True),
    )
    id: Mapped[SubscriptionId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId]
    offering: Mapped[str]
    offering_hash: Mapped[str]
    service_id: Mapped[ServiceId]
    order_ref: Mapped[str]
    state: Mapped[SubscriptionState]
    zone: Mapped[str]
    currency: Mapped[str]
    quantity: Mapped[int]
    missing: Mapped[str | None]
    term_months: Mapped[int | None]
    term_until: Mapped[date | None]
    ordered_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    ends_on: Mapped[date | None]
    end_cause: Mapped[Cause | None]
    terminated_at: Mapped[datetime | None]


class PricePhase(Tenanted, Base):
    """One component's price from `from_date` until `until_date` (open while None); what was sold, frozen.

    `charged_from` is set when the price's start has come: until then nothing of it is charged.
    """

    __tablename__ = "price_phase"
    __table_args__ = (Index("ix_price_phase_subscription", "tenant", "subscription_id", "component", "from_date"),)
    id: Mapped[PricePhaseId] = mapped_column(primary_key=True)
    subscription_id: Mapped[SubscriptionId]
    component: Mapped[str]
    kind: Mapped[PriceKind]
    offering: Mapped[str]
    offering_hash: Mapped[str]
    price: Mapped[dict[str, Any]]
    rate: Mapped[Decimal]
    currency: Mapped[str]
    quantity: Mapped[int]
    meter: Mapped[str | None]
    starts: Mapped[Starts]
    anchor: Mapped[date]
    from_date: Mapped[date]
    until_date: Mapped[date | None]
    charged_from: Mapped[date | None]


class PhaseChange(Tenanted, Base):
    """A change of offering that was ordered: applied on the local day of the network's confirmation, or dropped.

    It is confirmed when the service shows `profile` in a generation no older than `generation`.
    """

    __tablename__ = "phase_change"
    __table_args__ = (Index("ix_phase_change_subscription", "tenant", "subscription_id", "generation"),)
    id: Mapped[PhaseChangeId] = mapped_column(primary_key=True)
    subscription_id: Mapped[SubscriptionId]
    order_id: Mapped[OrderId]
    generation: Mapped[int]
    offering: Mapped[str]
    offering_hash: Mapped[str]
    prices: Mapped[list[Any]]
    profile: Mapped[dict[str, Any]]
    requested_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]


class RestrictionBilling(Tenanted, Base):
    """The local days, half-open, on which a restriction may make prices free; each price says whether it does."""

    __tablename__ = "restriction_billing"
    __table_args__ = (
        Index("ix_restriction_billing_subscription", "tenant", "subscription_id"),
        Index("ix_restriction_billing_restriction", "tenant", "restriction_id"),
    )
    id: Mapped[RestrictionBillingId] = mapped_column(primary_key=True)
    restriction_id: Mapped[RestrictionId]
    subscription_id: Mapped[SubscriptionId]
    cause: Mapped[Cause]
    level: Mapped[Level]
    from_date: Mapped[date]
    until_date: Mapped[date | None]


class RestrictionRequest(Tenanted, Base):
    """A hard restriction of a protected line as one person wants it; nothing happens until another has decided."""

    __tablename__ = "restriction_request"
    __table_args__ = (Index("ix_restriction_request_subscription", "tenant", "subscription_id", "id"),)
    id: Mapped[RestrictionRequestId] = mapped_column(primary_key=True)
    subscription_id: Mapped[SubscriptionId]
    cause: Mapped[Cause]
    until: Mapped[datetime | None]
    reason: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    restriction_id: Mapped[RestrictionId | None]


@dataclass(frozen=True, slots=True)
class Chargeable:
    """What one phase makes chargeable: from `start` (inclusive) to `end` (exclusive, None while open) local days.

    `billed_none` are the days within it that a restriction makes free. A phase that never came to a day has
    `start == end`. A one-time price is due once, on `start`. `rate` is per period for a recurring price,
    per unit of the meter for usage.
    """

    subscription_id: SubscriptionId
    phase_id: PricePhaseId
    component: str
    description: str
    kind: PriceKind
    rate: Rate
    unit: Unit
    count: int
    in_advance: bool
    quantity: int
    rounding: Rounding
    tax_class: str
    revenue_account: str
    start: date
    end: date | None
    billed_none: tuple[Span, ...]
    meter: str | None
    anchor: date
