"""The queries of usage, set-based: a delivery costs a few statements, not a few per event."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from bss.subscriptions.model import SubscriptionId
from bss.usage.model import (
    Rated,
    UsageBatch,
    UsageCounter,
    UsageCounterId,
    UsageKey,
    UsageRecord,
    UsageRejection,
)
from kernel.ids import TenantId
from kernel.tables import to_micros
from kernel.work import SystemWork, Work
from oss.inventory.model import Binding

CHUNK = 400
"""Values in one statement: below every database's limit of parameters, also with two columns each."""

T = TypeVar("T")


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """The values in lists that fit one statement."""
    ordered = list(values)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def known(work: Work, event_ids: Collection[str]) -> set[str]:
    """Which events were accepted before."""
    found: set[str] = set()
    for some in chunks(event_ids):
        statement = sa.select(UsageKey.event_id).where(UsageKey.tenant == work.tenant, UsageKey.event_id.in_(some))
        found |= set(work.session.scalars(statement))
    return found


def claim(work: Work, keys: Sequence[tuple[str, datetime]]) -> set[str]:
    """Take the events' ids for this Work; those that a peer took first are not among the answer."""
    taken: set[str] = set()
    for some in chunks(keys):
        values: dict[str, Any] = {"tenant": int(work.tenant)}
        for n, (event_id, at) in enumerate(some):
            values |= {f"e{n}": event_id, f"a{n}": to_micros(at)}
        rows = ", ".join(f"(:tenant, :e{n}, :a{n})" for n in range(len(some)))
        statement = f"INSERT INTO usage_key (tenant, event_id, at) VALUES {rows} ON CONFLICT DO NOTHING"
        taken |= set(work.session.scalars(sa.text(f"{statement} RETURNING event_id"), values))
    return taken


def bindings(work: Work, identities: Collection[tuple[str, str]]) -> list[Binding]:
    """Every interval in which one of the tenant's services had one of the identities."""
    found: list[Binding] = []
    kinds = {kind for kind, _ in identities}
    for kind in sorted(kinds):
        for some in chunks(sorted({value for each, value in identities if each == kind})):
            statement = sa.select(Binding).where(
                Binding.tenant == work.tenant, Binding.kind == kind, Binding.value.in_(some)
            )
            found += work.session.scalars(statement.order_by(Binding.from_at))
    return found


def counters(work: Work, subscription_ids: Collection[SubscriptionId], *, since: date) -> list[UsageCounter]:
    """The counters of some subscriptions' periods that begin on a day or later, locked until the commit."""
    found: list[UsageCounter] = []
    order = (UsageCounter.subscription_id, UsageCounter.meter, UsageCounter.period_start)
    for some in chunks(sorted(subscription_ids)):
        statement = sa.select(UsageCounter).where(
            UsageCounter.tenant == work.tenant,
            UsageCounter.subscription_id.in_(some),
            UsageCounter.period_start >= since,
        )
        locked = statement.order_by(*order).with_for_update().execution_options(populate_existing=True)
        found += work.session.scalars(locked)
    return found


def counter(work: Work, counter_id: UsageCounterId) -> UsageCounter | None:
    """One counter, locked until the commit."""
    statement = sa.select(UsageCounter).where(UsageCounter.tenant == work.tenant, UsageCounter.id == counter_id)
    return work.session.scalars(statement.with_for_update().execution_options(populate_existing=True)).one_or_none()


def counters_of(work: Work, subscription_id: SubscriptionId) -> list[UsageCounter]:
    """A subscription's counters, by period."""
    statement = sa.select(UsageCounter).where(
        UsageCounter.tenant == work.tenant, UsageCounter.subscription_id == subscription_id
    )
    return list(work.session.scalars(statement.order_by(UsageCounter.period_start, UsageCounter.meter)))


def throttled(work: Work, subscription_id: SubscriptionId, *, after: datetime) -> bool:
    """Whether a counter throttles the line beyond an instant."""
    statement = sa.select(UsageCounter.id).where(
        UsageCounter.tenant == work.tenant,
        UsageCounter.subscription_id == subscription_id,
        UsageCounter.throttled_until.is_not(None),
        UsageCounter.throttled_until > after,
    )
    return work.session.scalars(statement.limit(1)).first() is not None


def add(work: Work, table: type[UsageRecord | UsageRejection], rows: Sequence[dict[str, Any]]) -> None:
    """Write many rows in one stroke."""
    if rows:
        work.connection.execute(sa.insert(table), list(rows))


def rated(work: Work, subscription_id: SubscriptionId, component: str, *, start: date, end: date) -> Rated:
    """The sums over a component's events on some local days, and the first and the last of them."""
    record = UsageRecord
    statement = sa.select(
        sa.func.coalesce(sa.func.sum(record.quantity), 0),
        sa.func.coalesce(sa.func.sum(record.amount_nano), 0),
        sa.func.min(record.at),
        sa.func.max(record.at),
        sa.func.coalesce(sa.func.sum(record.billable), 0),
    ).where(
        record.tenant == work.tenant,
        record.subscription_id == subscription_id,
        record.component == component,
        record.day >= start,
        record.day < end,
    )
    quantity, amount_nano, first, last, billable = work.session.execute(statement).one()
    return Rated(int(quantity), int(amount_nano), first, last, int(billable))


def records(work: Work, subscription_id: SubscriptionId, component: str, *, limit: int) -> list[UsageRecord]:
    """A component's latest events."""
    statement = sa.select(UsageRecord).where(
        UsageRecord.tenant == work.tenant,
        UsageRecord.subscription_id == subscription_id,
        UsageRecord.component == component,
    )
    return list(work.session.scalars(statement.order_by(UsageRecord.day.desc(), UsageRecord.id.desc()).limit(limit)))


def batches(work: Work, *, limit: int) -> list[UsageBatch]:
    """The latest deliveries."""
    statement = sa.select(UsageBatch).where(UsageBatch.tenant == work.tenant)
    return list(work.session.scalars(statement.order_by(UsageBatch.id.desc()).limit(limit)))


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, UsageCounterId]]:
    """Counters whose throttle is over, the longest overdue first."""
    statement = (
        sa.select(UsageCounter.tenant, UsageCounter.id)
        .where(UsageCounter.throttled_until.is_not(None), UsageCounter.throttled_until <= now)
        .order_by(UsageCounter.throttled_until)
        .limit(limit)
    )
    return [(tenant, counter_id) for tenant, counter_id in work.session.execute(statement)]


def next_due(work: SystemWork) -> datetime | None:
    """The earliest end of a throttle."""
    statement = sa.select(UsageCounter.throttled_until).where(UsageCounter.throttled_until.is_not(None))
    return work.session.scalars(statement.order_by(UsageCounter.throttled_until).limit(1)).first()
