"""Usage taken in once, resolved and rated at the instant it happened; an allowance used up throttles the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bss.catalog.model import Then
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import SubscriptionId
from bss.usage import rate, screen, store
from bss.usage.events import AllowanceRenewed, AllowanceUsedUp, UsageIngested
from bss.usage.model import (
    Ingested,
    Rated,
    Rejected,
    UsageBatch,
    UsageBatchId,
    UsageCounter,
    UsageCounterId,
    UsageEvent,
    UsageRecord,
    UsageRecordId,
    UsageRejection,
    UsageRejectionId,
)
from bss.usage.resolve import Owned, Owners
from kernel.errors import Exhausted
from kernel.ids import TenantId
from kernel.time import Span, local_date, midnight
from kernel.work import SystemWork, Work

BATCH = 10_000
"""Events in one delivery: a Work longer than that would keep others waiting."""
PAGE = 200
"""Rows listed in one answer at most."""


# ---- taking in


def ingest(work: Work, rows: Sequence[UsageEvent]) -> Ingested:
    """Take a delivery in: each event is accepted, rejected with its reason, or a duplicate, and none spoils another.

    An event counts once however often it is delivered. Raises Exhausted for more than 10,000 events.
    """
    if len(rows) > BATCH:
        raise Exhausted(f"{len(rows)} events", field="rows", fix=f"deliver at most {BATCH} at once")
    batch_id = UsageBatchId.new()
    fresh, rejected, duplicate = _screened(work, rows)
    owners = Owners(work, fresh)
    resolved = [owners.resolve(event) for event in fresh]
    rejected += [each for each in resolved if isinstance(each, Rejected)]
    owned = [each for each in resolved if isinstance(each, Owned)]
    claimed = store.claim(work, [(each.event.event_id, each.event.at) for each in owned])
    accepted = [each for each in owned if each.event.event_id in claimed]
    duplicate += len(owned) - len(accepted)
    _rate(work, batch_id, accepted)
    store.add(work, UsageRejection, [_rejection_row(work, batch_id, each) for each in rejected])
    answer = Ingested(batch_id, len(accepted), tuple(rejected), duplicate)
    _note(work, answer, received=len(rows))
    return answer


def _screened(work: Work, rows: Sequence[UsageEvent]) -> tuple[list[UsageEvent], list[Rejected], int]:
    rejected, fresh, seen = [], [], set[str]()
    known = store.known(work, {row.event_id for row in rows if isinstance(row.event_id, str)})
    duplicate = 0
    for row in rows:
        if row.event_id in known or row.event_id in seen:
            duplicate += 1
        elif problem := screen.reject(row, now=work.now):
            rejected.append(problem)
        else:
            seen.add(row.event_id)
            fresh.append(row)
    return fresh, rejected, duplicate


def _note(work: Work, answer: Ingested, *, received: int) -> None:
    counts = {"accepted": answer.accepted, "rejected": len(answer.rejected), "duplicate": answer.duplicate}
    work.session.add(
        UsageBatch(tenant=work.tenant, id=answer.batch_id, received=received, received_at=work.now, **counts)
    )
    work.emit(UsageIngested(batch_id=answer.batch_id, **counts))
    work.audit("usage.ingested", answer.batch_id, counts)


# ---- rating


@dataclass(slots=True)
class _Counters:
    """The counters of a delivery's periods, found or begun."""

    work: Work
    rows: dict[tuple[SubscriptionId, str, Span], UsageCounter] = field(default_factory=dict)

    def load(self, accepted: Sequence[Owned]) -> None:
        """Read those that stand already."""
        since = min(each.period.start for each in accepted)
        for row in store.counters(self.work, {each.subscription.id for each in accepted}, since=since):
            self.rows[row.subscription_id, row.meter, Span(row.period_start, row.period_end)] = row

    def of(self, owned: Owned) -> UsageCounter:
        """The counter of an event's period."""
        key = (owned.subscription.id, owned.event.meter, owned.period)
        if key not in self.rows:
            self.rows[key] = UsageCounter(
                tenant=self.work.tenant,
                id=UsageCounterId.new(),
                subscription_id=owned.subscription.id,
                meter=owned.event.meter,
                period_start=owned.period.start,
                period_end=owned.period.end,
                quantity=0,
            )
            self.work.session.add(self.rows[key])
        return self.rows[key]


def _rate(work: Work, batch_id: UsageBatchId, accepted: Sequence[Owned]) -> None:
    if not accepted:
        return
    counters = _Counters(work)
    counters.load(accepted)
    records, used_up = [], list[tuple[Owned, UsageCounter]]()
    for owned in accepted:
        counter = counters.of(owned)
        charge = rate.charge(owned.price, before=counter.quantity, quantity=owned.event.quantity)
        if rate.used_up(owned.price, before=counter.quantity, quantity=owned.event.quantity):
            used_up.append((owned, counter))
        counter.quantity += owned.event.quantity
        records.append(_record_row(work, batch_id, owned, charge))
    store.add(work, UsageRecord, records)
    for owned, counter in used_up:
        _end_allowance(work, owned, counter)


def _end_allowance(work: Work, owned: Owned, counter: UsageCounter) -> None:
    """Announce it, and throttle the line in this very Work while the period lasts."""
    allowance, zone = owned.price.allowance, owned.subscription.zone
    if allowance is None:
        return
    running = local_date(work.now, zone) in owned.period
    if allowance.then is Then.THROTTLE and running and counter.throttled_at is None:
        counter.throttled_at, counter.throttled_until = work.now, midnight(owned.period.end, zone)
        subscriptions.throttle(work, owned.subscription.id, rate=allowance.rate)
    work.emit(
        AllowanceUsedUp(
            subscription_id=owned.subscription.id,
            meter=owned.event.meter,
            period_start=owned.period.start,
            quantity=counter.quantity,
            rate=allowance.rate,
        )
    )


def _record_row(work: Work, batch_id: UsageBatchId, owned: Owned, charge: rate.Charge) -> dict[str, Any]:
    return {
        "tenant": work.tenant,
        "id": UsageRecordId.new(),
        "event_id": owned.event.event_id,
        "batch_id": batch_id,
        "subscription_id": owned.subscription.id,
        "service_id": owned.subscription.service_id,
        "kind": owned.kind,
        "value": owned.value,
        "meter": owned.event.meter,
        "component": owned.phase.component,
        "phase_id": owned.phase.id,
        "price_hash": owned.phase.offering_hash,
        "quantity": owned.event.quantity,
        "billable": charge.billable,
        "amount_nano": charge.amount_nano,
        "currency": owned.phase.currency,
        "at": owned.event.at,
        "day": owned.day,
        "period_start": owned.period.start,
    }


def _rejection_row(work: Work, batch_id: UsageBatchId, rejected: Rejected) -> dict[str, Any]:
    event = rejected.event
    at = event.at if isinstance(event.at, datetime) and event.at.tzinfo is not None else None
    return {
        "tenant": work.tenant,
        "id": UsageRejectionId.new(),
        "batch_id": batch_id,
        "event_id": _short(event.event_id),
        "kind": _short(event.kind),
        "value": _short(event.value),
        "meter": _short(event.meter),
        "quantity": _short(event.quantity),
        "at": at,
        "reason": rejected.reason,
        "detail": rejected.detail,
    }


def _short(value: object) -> str:
    return str(value)[: screen.TEXT_LENGTH].replace("\0", "")


# ---- asking


def rated(work: Work, subscription_id: SubscriptionId, component: str, span: Span) -> Rated:
    """What a component used on some local days, late events included: a bill charges the difference to earlier ones."""
    return store.rated(work, subscription_id, component, start=span.start, end=span.end)


def counters(work: Work, subscription_id: SubscriptionId) -> list[UsageCounter]:
    """What a line used of each meter, by period."""
    return store.counters_of(work, subscription_id)


def records(work: Work, subscription_id: SubscriptionId, component: str, *, limit: int = PAGE) -> list[UsageRecord]:
    """A component's latest events, the newest first."""
    return store.records(work, subscription_id, component, limit=min(limit, PAGE))


def batches(work: Work, *, limit: int = PAGE) -> list[UsageBatch]:
    """The latest deliveries, the newest first."""
    return store.batches(work, limit=min(limit, PAGE))


# ---- the end of a throttle


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, UsageCounterId]]:
    """Counters whose period, and with it their throttle, is over; give each to `renew`."""
    return store.due(work, now, limit)


def next_due(work: SystemWork) -> datetime | None:
    """The earliest end of a throttle."""
    return store.next_due(work)


def renew(work: Work, counter_id: UsageCounterId) -> bool:
    """A new period begins: open the line wide again unless the new one is used up too; False when it is not over."""
    counter = store.counter(work, counter_id)
    if counter is None or counter.throttled_until is None or counter.throttled_until > work.now:
        return False
    counter.throttled_until = None
    if not store.throttled(work, counter.subscription_id, after=work.now):
        subscriptions.throttle(work, counter.subscription_id, rate=None)
    period_end = counter.period_end
    work.emit(AllowanceRenewed(subscription_id=counter.subscription_id, meter=counter.meter, period_end=period_end))
    return True
