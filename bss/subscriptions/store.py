"""The queries of subscriptions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.subscriptions.model import (
    PhaseChange,
    PricePhase,
    RestrictionBilling,
    RestrictionRequest,
    RestrictionRequestId,
    Subscription,
    SubscriptionId,
)
from kernel.work import Work
from oss.inventory.model import RestrictionId, ServiceId

CHUNK = 500
"""Ids in one IN list: below every database's limit of parameters."""


def chunks(ids: Collection[int]) -> Iterator[list[int]]:
    """The ids in lists that fit one statement."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def subscription(work: Work, subscription_id: SubscriptionId) -> Subscription | None:
    """One subscription."""
    return work.session.get(Subscription, (work.tenant, subscription_id))


def locked(work: Work, subscription_id: SubscriptionId) -> Subscription | None:
    """One subscription whose row nobody else may change until the commit."""
    statement = sa.select(Subscription).where(Subscription.tenant == work.tenant, Subscription.id == subscription_id)
    return work.session.scalars(statement.with_for_update().execution_options(populate_existing=True)).one_or_none()


def of_account(work: Work, account_id: AccountId) -> list[Subscription]:
    """Every subscription an account has or had, oldest first."""
    statement = sa.select(Subscription).where(Subscription.tenant == work.tenant, Subscription.account_id == account_id)
    return list(work.session.scalars(statement.order_by(Subscription.id)))


def listed(work: Work, *, after: SubscriptionId, limit: int) -> list[Subscription]:
    """A page of the tenant's subscriptions by id."""
    statement = sa.select(Subscription).where(Subscription.tenant == work.tenant, Subscription.id > after)
    return list(work.session.scalars(statement.order_by(Subscription.id).limit(limit)))


def by_service(work: Work, service_id: ServiceId) -> Subscription | None:
    """The subscription a service belongs to."""
    statement = sa.select(Subscription).where(Subscription.tenant == work.tenant, Subscription.service_id == service_id)
    return work.session.scalars(statement).one_or_none()


def by_services(work: Work, service_ids: Collection[ServiceId]) -> list[Subscription]:
    """The subscriptions of many services."""
    found: list[Subscription] = []
    for some in chunks(service_ids):
        statement = sa.select(Subscription).where(Subscription.tenant == work.tenant, Subscription.service_id.in_(some))
        found += work.session.scalars(statement)
    return found


def phases(work: Work, subscription_ids: Collection[SubscriptionId]) -> list[PricePhase]:
    """The phases of some subscriptions, by component and day."""
    found: list[PricePhase] = []
    for some in chunks(subscription_ids):
        statement = sa.select(PricePhase).where(PricePhase.tenant == work.tenant, PricePhase.subscription_id.in_(some))
        order = (PricePhase.subscription_id, PricePhase.from_date, PricePhase.id)
        found += work.session.scalars(statement.order_by(*order))
    return found


def changes(work: Work, subscription_id: SubscriptionId) -> list[PhaseChange]:
    """The changes that are neither applied nor dropped, oldest first."""
    statement = sa.select(PhaseChange).where(
        PhaseChange.tenant == work.tenant,
        PhaseChange.subscription_id == subscription_id,
        PhaseChange.applied_at.is_(None),
        PhaseChange.dropped_at.is_(None),
    )
    return list(work.session.scalars(statement.order_by(PhaseChange.generation)))


def change_of_order(work: Work, subscription_id: SubscriptionId, order_id: int) -> PhaseChange | None:
    """The change that an order was placed for."""
    statement = sa.select(PhaseChange).where(
        PhaseChange.tenant == work.tenant,
        PhaseChange.subscription_id == subscription_id,
        PhaseChange.order_id == order_id,
    )
    return work.session.scalars(statement).one_or_none()


def restrictions(work: Work, subscription_ids: Collection[SubscriptionId]) -> Sequence[RestrictionBilling]:
    """The days on which restrictions count for billing."""
    found: list[RestrictionBilling] = []
    for some in chunks(subscription_ids):
        statement = sa.select(RestrictionBilling).where(
            RestrictionBilling.tenant == work.tenant, RestrictionBilling.subscription_id.in_(some)
        )
        found += work.session.scalars(statement)
    return found


def restriction(work: Work, restriction_id: RestrictionId) -> RestrictionBilling | None:
    """The billing of one restriction."""
    statement = sa.select(RestrictionBilling).where(
        RestrictionBilling.tenant == work.tenant, RestrictionBilling.restriction_id == restriction_id
    )
    return work.session.scalars(statement).one_or_none()


def requests(work: Work, subscription_id: SubscriptionId) -> list[RestrictionRequest]:
    """The restrictions of a line that were asked for, newest first."""
    mine = (RestrictionRequest.tenant == work.tenant, RestrictionRequest.subscription_id == subscription_id)
    return list(work.session.scalars(sa.select(RestrictionRequest).where(*mine).order_by(RestrictionRequest.id.desc())))


def request_held(work: Work, request_id: RestrictionRequestId) -> RestrictionRequest | None:
    """One request that nobody else decides meanwhile."""
    mine = (RestrictionRequest.tenant == work.tenant, RestrictionRequest.id == request_id)
    statement = sa.select(RestrictionRequest).where(*mine).with_for_update()
    return work.session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
