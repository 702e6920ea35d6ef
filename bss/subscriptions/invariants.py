"""What doctor asks of subscriptions: I5 (who is served, owes) and I18 (who owes, is served)."""

from __future__ import annotations

from datetime import date, timedelta

import sqlalchemy as sa

from bss.catalog.model import PriceKind, Starts
from bss.subscriptions.machine import LIVE, SubscriptionState
from bss.subscriptions.model import PricePhase, Subscription
from kernel.doctor import SHOWN, Check
from kernel.time import local_date
from kernel.work import SystemWork
from oss.inventory.machine import ServiceState
from oss.inventory.model import Service

HANDOVER = timedelta(hours=1)
"""Between the network's confirmation and the subscription's activation lies one commit; an hour is none."""


def _count(work: SystemWork, statement: sa.Select[int]) -> int:
    return work.session.scalar(statement) or 0


def _active_services(work: SystemWork) -> int:
    statement = sa.select(sa.func.count()).select_from(Service).where(Service.state == ServiceState.ACTIVE)
    return _count(work, statement)


def _unowned(work: SystemWork) -> list[str]:
    """Services confirmed active whose subscription is missing, dead, or not told for an hour."""
    late = sa.and_(Subscription.state == SubscriptionState.PENDING_ACTIVE, Service.activated_at < work.now - HANDOVER)
    statement = (
        sa.select(Service.tenant, Service.id, Subscription.id, Subscription.state)
        .join(
            Subscription,
            sa.and_(Subscription.tenant == Service.tenant, Subscription.service_id == Service.id),
            isouter=True,
        )
        .where(
            Service.state == ServiceState.ACTIVE,
            sa.or_(Subscription.id.is_(None), Subscription.state.not_in(LIVE), late),
        )
        .order_by(Service.tenant, Service.id)
        .limit(SHOWN)
    )
    return [
        f"{tenant}: {service} is served, its subscription is {state or 'missing'} ({owner})"
        for tenant, service, owner, state in work.session.execute(statement)
    ]


_CHARGED = (PricePhase.kind == PriceKind.RECURRING, PricePhase.charged_from.is_not(None))


def _charged_phases(work: SystemWork) -> int:
    phases = _count(work, sa.select(sa.func.count()).select_from(PricePhase).where(*_CHARGED))
    return phases + _active_services(work)


def _unproved(work: SystemWork) -> list[str]:
    """Prices that run on days the network confirmed nothing, then lines in service whose prices do not run."""
    return (_unserved(work) + _unpriced(work))[:SHOWN]


def _unserved(work: SystemWork) -> list[str]:
    statement = (
        sa.select(PricePhase, Subscription, Service.activated_at, Service.terminated_at)
        .join(
            Subscription,
            sa.and_(Subscription.tenant == PricePhase.tenant, Subscription.id == PricePhase.subscription_id),
        )
        .join(
            Service,
            sa.and_(Service.tenant == Subscription.tenant, Service.id == Subscription.service_id),
            isouter=True,
        )
        .where(*_CHARGED, PricePhase.starts == Starts.ON_CONFIRMED)
        .execution_options(yield_per=1000)
    )
    found = []
    for phase, subscription, up_at, down_at in work.session.execute(statement):
        first, last = _charged_days(phase, local_date(work.now, subscription.zone))
        if first >= last:
            continue
        up = None if up_at is None else local_date(up_at, subscription.zone)
        down = None if down_at is None else local_date(down_at, subscription.zone)
        if up is None or first < up or (down is not None and last > down):
            served = "never" if up is None else f"from {up} to {down or 'now'}"
            days = f"{first} to {last}"
            found.append(f"{phase.tenant}: {subscription.id} {phase.component} is charged {days}, served {served}")
            if len(found) == SHOWN:
                break
    return found


def _charged_days(phase: PricePhase, today: date) -> tuple[date, date]:
    """The elapsed charged days of a phase, half-open."""
    first = phase.charged_from or today
    return first, min(phase.until_date or today, today)


def _unpriced(work: SystemWork) -> list[str]:
    running = sa.exists().where(
        PricePhase.tenant == Subscription.tenant,
        PricePhase.subscription_id == Subscription.id,
        PricePhase.charged_from.is_not(None),
        PricePhase.until_date.is_(None),
        PricePhase.kind != PriceKind.ONE_TIME,
    )
    statement = (
        sa.select(Subscription.tenant, Subscription.id)
        .join(Service, sa.and_(Service.tenant == Subscription.tenant, Service.id == Subscription.service_id))
        .where(Service.state == ServiceState.ACTIVE, Subscription.state == SubscriptionState.ACTIVE)
        .where(Subscription.missing.is_(None), sa.not_(running))
        .order_by(Subscription.tenant, Subscription.id)
        .limit(SHOWN)
    )
    return [
        f"{tenant}: {subscription} is served and no price of it runs"
        for tenant, subscription in work.session.execute(statement)
    ]


CHECKS = (
    Check("I5", "a service confirmed active has a live subscription", _active_services, _unowned),
    Check("I18", "every charged day is a served day, every served line is priced", _charged_phases, _unproved),
)
