"""Usage: taken in, counted by line and period, and what was rejected."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from pydantic import Field

from bss.customers.model import AccountId
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Subscription, SubscriptionId
from bss.usage import service as usage
from bss.usage.model import (
    Reason,
    UsageBatch,
    UsageBatchId,
    UsageCounter,
    UsageCounterId,
    UsageEvent,
    UsageRecord,
    UsageRecordId,
    UsageRejection,
)
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, reading, writing
from kernel.errors import Invalid
from kernel.work import Work


class EventAsked(Asks):
    """One event: so much of a meter, by an identity of a kind (msisdn, imsi, meter ...), at an instant."""

    event_id: str
    meter: str
    kind: str
    value: str
    quantity: int
    at: datetime
    also: dict[str, str] = Field(default_factory=dict)


class UsageAsked(Asks):
    """A delivery of events."""

    events: list[EventAsked] = Field(max_length=usage.BATCH)


class RejectedGiven(Gives):
    """An event that was not accepted, and why."""

    event_id: str
    reason: Reason
    detail: str


class IngestedGiven(Gives):
    """How a delivery came out."""

    batch_id: UsageBatchId
    received: int
    accepted: int
    duplicate: int
    rejected: list[RejectedGiven]


class CountersAsked(PageAsked):
    """Whose counters."""

    account_id: AccountId | None = None
    subscription_id: SubscriptionId | None = None


class CounterGiven(Gives):
    """What a line used of one meter in one period, and whether it was slowed down for it."""

    id: UsageCounterId
    subscription_id: SubscriptionId
    meter: str
    period_start: date
    period_end: date
    quantity: int
    throttled_at: datetime | None
    throttled_until: datetime | None


class LineUsageAsked(PageAsked):
    """One line's usage; the part is one of its events."""

    subscription_id: SubscriptionId


class RecordGiven(Gives):
    """One event that counted: `billable` is what of it costs beyond an allowance."""

    id: UsageRecordId
    event_id: str
    batch_id: UsageBatchId
    at: datetime
    meter: str
    component: str
    kind: str
    value: str
    quantity: int
    billable: int


class LineUsageGiven(Gives):
    """A line's counters, and its latest events."""

    subscription_id: SubscriptionId
    counters: list[CounterGiven]
    records: list[RecordGiven]
    recorded: int


class BatchNamed(PageAsked):
    """One delivery; the part is one of its rejections."""

    batch_id: UsageBatchId


class BatchGiven(Gives):
    """A delivery and how it came out."""

    id: UsageBatchId
    received: int
    accepted: int
    duplicate: int
    rejected: int
    received_at: datetime


class RejectionGiven(Gives):
    """An event that was not accepted, as it was delivered, and why."""

    event_id: str
    kind: str
    value: str
    meter: str
    quantity: str
    at: datetime | None
    reason: Reason
    detail: str


class BatchShown(BatchGiven):
    """A delivery with what of it was rejected."""

    rejections: list[RejectionGiven]


@reading("usage.list", "/usage")
def listed(work: Work, asked: CountersAsked) -> Page[CounterGiven]:
    """What lines used of their meters, period by period, the newest counter first."""
    where: list[sa.ColumnElement[bool]] = []
    if asked.subscription_id is not None:
        where.append(UsageCounter.subscription_id == asked.subscription_id)
    if asked.account_id is not None:
        mine = (Subscription.tenant == work.tenant, Subscription.account_id == asked.account_id)
        where.append(UsageCounter.subscription_id.in_(sa.select(Subscription.id).where(*mine)))
    rows, total = store.page(work, UsageCounter, asked, *where)
    return Page(items=[CounterGiven.model_validate(row) for row in rows], total=total)


@reading("usage.show", "/usage/{subscription_id}")
def show(work: Work, asked: LineUsageAsked) -> LineUsageGiven:
    """What one line used: its counters by period, and its latest events."""
    subscriptions.get(work, asked.subscription_id)
    rows, total = store.page(work, UsageRecord, asked, UsageRecord.subscription_id == asked.subscription_id)
    counters = usage.counters(work, asked.subscription_id)
    return LineUsageGiven(
        subscription_id=asked.subscription_id,
        counters=[CounterGiven.model_validate(row) for row in counters],
        records=[RecordGiven.model_validate(row) for row in rows],
        recorded=total,
    )


@reading("usage-batch.list", "/usage-batches")
def list_batches(work: Work, asked: PageAsked) -> Page[BatchGiven]:
    """Deliveries of events and how they came out, the newest first."""
    rows, total = store.page(work, UsageBatch, asked)
    return Page(items=[BatchGiven.model_validate(row) for row in rows], total=total)


@reading("usage-batch.show", "/usage-batches/{batch_id}")
def show_batch(work: Work, asked: BatchNamed) -> BatchShown:
    """A delivery, and each event of it that was rejected with the reason."""
    row = store.one(work, UsageBatch, asked.batch_id, field="batch_id")
    found, _ = store.page(work, UsageRejection, asked, UsageRejection.batch_id == asked.batch_id)
    told = BatchGiven.model_validate(row).model_dump()
    return BatchShown(rejections=[RejectionGiven.model_validate(each) for each in found], **told)


@writing("usage.ingest", "/usage")
def ingest(work: Work, asked: UsageAsked) -> IngestedGiven:
    """Take usage events in; each is accepted, a duplicate, or rejected with its reason."""
    for position, event in enumerate(asked.events):
        if event.at.tzinfo is None:
            raise Invalid(
                "an instant needs its offset", field=f"events.{position}.at", fix="as in 2026-06-01T08:00:00Z"
            )
    answer = usage.ingest(work, [UsageEvent(**event.told()) for event in asked.events])
    return IngestedGiven(
        batch_id=answer.batch_id,
        received=len(asked.events),
        accepted=answer.accepted,
        duplicate=answer.duplicate,
        rejected=[
            RejectedGiven(event_id=each.event.event_id, reason=each.reason, detail=each.detail)
            for each in answer.rejected
        ],
    )
