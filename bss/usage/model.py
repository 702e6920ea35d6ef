"""What was used: the events accepted and rated, those rejected with their reason, and the counters of each period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from bss.subscriptions.model import PricePhaseId, SubscriptionId
from kernel.ids import Id
from kernel.tables import Base, Tenanted
from oss.inventory.model import ServiceId


class UsageRecordId(Id, prefix="usg"):
    """One accepted and rated event."""


class UsageRejectionId(Id, prefix="urj"):
    """One event that was not accepted."""


class UsageBatchId(Id, prefix="ubt"):
    """One delivery of events."""


class UsageCounterId(Id, prefix="uct"):
    """What one subscription used of one meter in one period."""


class Reason(StrEnum):
    """Why an event was rejected."""

    UNKNOWN_IDENTITY = "unknownIdentity"
    OUTSIDE_BINDING = "outsideBinding"
    AMBIGUOUS_IDENTITY = "ambiguousIdentity"
    NO_SUBSCRIPTION = "noSubscription"
    OUTSIDE_SUBSCRIPTION = "outsideSubscription"
    UNKNOWN_METER = "unknownMeter"
    ABSURD_QUANTITY = "absurdQuantity"
    IN_THE_FUTURE = "inTheFuture"
    TOO_LATE = "tooLate"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One event as delivered: so much of a meter, by an identity, at an instant.

    `event_id` makes its delivery repeatable. `also` are further identities of the same event, by kind; the strongest
    one alone decides whose it is (an IMSI before an MSISDN).
    """

    event_id: str
    meter: str
    kind: str
    value: str
    quantity: int
    at: datetime
    also: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that was not accepted, with the reason for machines and for people."""

    event: UsageEvent
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a delivery; accepted + len(rejected) + duplicate = the events received."""

    batch_id: UsageBatchId
    accepted: int
    rejected: tuple[Rejected, ...]
    duplicate: int


@dataclass(frozen=True, slots=True)
class Rated:
    """A component's usage on some days: the quantity, of which `billable` costs, and the nano-units it costs."""

    quantity: int
    amount_nano: int
    first_event: datetime | None
    last_event: datetime | None
    billable: int = 0


class UsageKey(Tenanted, Base):
    """That an event was accepted; kept longer than the latest event that is still accepted."""

    __tablename__ = "usage_key"
    event_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class UsageRecord(Tenanted, Base):
    """An accepted event with its owner at event time and its price; `day` is local to its subscription."""

    __tablename__ = "usage_record"
    __table_args__ = (
        Index("ix_usage_record_day", "tenant", "subscription_id", "component", "day"),
        Index("ix_usage_record_batch", "tenant", "batch_id"),
    )
    id: Mapped[UsageRecordId] = mapped_column(primary_key=True)
    event_id: Mapped[str]
    batch_id: Mapped[UsageBatchId]
    subscription_id: Mapped[SubscriptionId]
    service_id: Mapped[ServiceId]
    kind: Mapped[str]
    value: Mapped[str]
    meter: Mapped[str]
    component: Mapped[str]
    phase_id: Mapped[PricePhaseId]
    price_hash: Mapped[str]
    quantity: Mapped[int]
    billable: Mapped[int]
    amount_nano: Mapped[int]
    currency: Mapped[str]
    at: Mapped[datetime]
    day: Mapped[date]
    period_start: Mapped[date]


class UsageRejection(Tenanted, Base):
    """An event that was not accepted, as it was delivered."""

    __tablename__ = "usage_rejection"
    __table_args__ = (Index("ix_usage_rejection_batch", "tenant", "batch_id"),)
    id: Mapped[UsageRejectionId] = mapped_column(primary_key=True)
    batch_id: Mapped[UsageBatchId]
    event_id: Mapped[str]
    kind: Mapped[str]
    value: Mapped[str]
    meter: Mapped[str]
    quantity: Mapped[str]
    at: Mapped[datetime | None]
    reason: Mapped[Reason]
    detail: Mapped[str]


class UsageBatch(Tenanted, Base):
    """A delivery and how it came out (I8)."""

    __tablename__ = "usage_batch"
    id: Mapped[UsageBatchId] = mapped_column(primary_key=True)
    received: Mapped[int]
    accepted: Mapped[int]
    rejected: Mapped[int]
    duplicate: Mapped[int]
    received_at: Mapped[datetime]


class UsageCounter(Tenanted, Base):
    """What was used in a period; `throttled_until` is the instant its throttle ends, None while there is none."""

    __tablename__ = "usage_counter"
    __table_args__ = (
        Index("uq_usage_counter_period", "tenant", "subscription_id", "meter", "period_start", unique=True),
        Index(
            "ix_usage_counter_throttled",
            "throttled_until",
            sqlite_where=text("throttled_until IS NOT NULL"),
            postgresql_where=text("throttled_until IS NOT NULL"),
        ),
    )
    id: Mapped[UsageCounterId] = mapped_column(primary_key=True)
    subscription_id: Mapped[SubscriptionId]
    meter: Mapped[str]
    period_start: Mapped[date]
    period_end: Mapped[date]
    quantity: Mapped[int]
    throttled_at: Mapped[datetime | None]
    throttled_until: Mapped[datetime | None]
