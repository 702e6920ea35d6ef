"""Subscriptions, and the lines they are: restricted, lifted, terminated."""

from __future__ import annotations

from datetime import date, datetime

from bss.customers.model import AccountId
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Subscription, SubscriptionId
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, href, reading, writing
from kernel.errors import Invalid
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.model import Restriction, RestrictionId, ServiceId
from oss.orders.model import OrderId
from oss.port import Level


class SubscriptionNamed(Asks):
    """One subscription."""

    subscription_id: SubscriptionId


class SubscriptionsAsked(PageAsked):
    """Which subscriptions."""

    account_id: AccountId | None = None


class RestrictionAsked(SubscriptionNamed):
    """What is taken away, and why."""

    cause: str
    level: Level
    until: datetime | None = None


class LiftAsked(SubscriptionNamed):
    """The reason that is no more."""

    cause: str


class PhaseGiven(Gives):
    """A price in force for a part of a subscription's life."""

    component: str
    offering: str
    rate: str
    currency: str
    from_date: date
    until_date: date | None


class SubscriptionGiven(Gives):
    """A subscription, and what its line is."""

    id: SubscriptionId
    href: str
    account_id: AccountId
    offering: str
    state: SubscriptionState
    restricted: Level
    service_id: ServiceId
    values: dict[str, str]
    throttle: str | None
    missing: str | None
    moving: dict[str, str] | None
    term_until: date | None
    generation: int
    confirmed_generation: int
    ordered_at: datetime
    activated_at: datetime | None
    ends_on: date | None
    terminated_at: datetime | None
    phases: list[PhaseGiven]


class RestrictionGiven(Gives):
    """One reason why a line is not wholly open."""

    id: RestrictionId
    subscription_id: SubscriptionId
    cause: str
    level: Level
    from_at: datetime
    until: datetime | None
    lifted_at: datetime | None


class TerminationGiven(Gives):
    """The order by which a line is ended."""

    subscription_id: SubscriptionId
    service_order_id: OrderId
    ends_on: date | None


@reading("subscription.show", "/subscriptions/{subscription_id}")
def show(work: Work, asked: SubscriptionNamed) -> SubscriptionGiven:
    """A subscription with its prices, its identities and what the network has confirmed."""
    return _given(work, subscriptions.get(work, asked.subscription_id))


@reading("subscription.list", "/subscriptions")
def listed(work: Work, asked: SubscriptionsAsked) -> Page[SubscriptionGiven]:
    """Subscriptions, the newest first, of one account or of all."""
    where = () if asked.account_id is None else (Subscription.account_id == asked.account_id,)
    rows, total = store.page(work, Subscription, asked, *where)
    return Page(items=[_given(work, row) for row in rows], total=total)


@writing("line.restrict", "/subscriptions/{subscription_id}/restrict")
def restrict(work: Work, asked: RestrictionAsked) -> RestrictionGiven:
    """Stop a line outgoing only (soft) or wholly (hard), for a cause."""
    if asked.until is not None and asked.until.tzinfo is None:
        raise Invalid("an instant needs its offset", field="until", fix="as in 2026-07-01T00:00:00+02:00")
    placed = subscriptions.restrict(
        work, asked.subscription_id, cause=asked.cause, level=asked.level, until=asked.until
    )
    return _restriction(asked.subscription_id, placed)


@writing("line.lift", "/subscriptions/{subscription_id}/lift")
def lift(work: Work, asked: LiftAsked) -> Page[RestrictionGiven]:
    """Take back the restrictions of one cause, and no other."""
    lifted = subscriptions.lift(work, asked.subscription_id, cause=asked.cause)
    given = [_restriction(asked.subscription_id, row) for row in lifted]
    return Page(items=given, total=len(given))


@writing("line.terminate", "/subscriptions/{subscription_id}/terminate")
def terminate(work: Work, asked: LiftAsked) -> TerminationGiven:
    """End a line from today on."""
    order_id = subscriptions.terminate(work, asked.subscription_id, cause=asked.cause)
    ends_on = subscriptions.get(work, asked.subscription_id).ends_on
    return TerminationGiven(subscription_id=asked.subscription_id, service_order_id=order_id, ends_on=ends_on)


def _restriction(subscription_id: SubscriptionId, row: Restriction) -> RestrictionGiven:
    return RestrictionGiven(
        id=row.id,
        subscription_id=subscription_id,
        cause=row.cause,
        level=row.level,
        from_at=row.from_at,
        until=row.until,
        lifted_at=row.lifted_at,
    )


def _given(work: Work, row: Subscription) -> SubscriptionGiven:
    service = inventory.get(work, row.service_id)
    phases = [
        PhaseGiven(
            component=phase.component,
            offering=phase.offering,
            rate=format(phase.rate, "f"),
            currency=phase.currency,
            from_date=phase.from_date,
            until_date=phase.until_date,
        )
        for phase in subscriptions.phases(work, [row.id])
    ]
    return SubscriptionGiven(
        id=row.id,
        href=href("subscriptions", row.id),
        account_id=row.account_id,
        offering=row.offering,
        state=row.state,
        restricted=inventory.level_of(work, row.service_id),
        service_id=row.service_id,
        values={name: str(value) for name, value in service.values.items()},
        throttle=service.throttle if row.terminated_at is None else None,
        missing=row.missing,
        moving=None if service.moving is None else {**service.moving["values"], **service.moving["elements"]},
        term_until=row.term_until,
        generation=service.generation,
        confirmed_generation=service.confirmed_generation,
        ordered_at=row.ordered_at,
        activated_at=row.activated_at,
        ends_on=row.ends_on,
        terminated_at=row.terminated_at,
        phases=phases,
    )
