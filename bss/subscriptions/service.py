"""The verbs of a subscription: each commercial decision places its order with the network in the same Work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

from bss.catalog import service as catalog
from bss.catalog.model import Offering, Price
from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.subscriptions import changing, free_days, revival, store, term
from bss.subscriptions import phases as price_phases
from bss.subscriptions.events import (
    SubscriptionActivated,
    SubscriptionCreated,
    SubscriptionTerminated,
)
from bss.subscriptions.machine import LIVE, SUBSCRIPTION, SubscriptionMove, SubscriptionState
from bss.subscriptions.model import (
    Cause,
    Chargeable,
    PhaseChange,
    PricePhase,
    Subscription,
    SubscriptionId,
)
from kernel.errors import Conflict, NotFound
from kernel.time import day_anchor, local_date
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.model import Restriction, RestrictionId, ServiceId
from oss.orders import service as orders
from oss.orders.model import GroupId, OnError, OrderId, Priority, Verb
from oss.port import Level

PAGE = 200
"""Subscriptions listed in one answer at most."""

S, M = SubscriptionState, SubscriptionMove
STANDING = (S.PENDING_ACTIVE, S.ACTIVE)
"""The states in which the network may still be asked for something else than the end."""


# ---- looking


def get(work: Work, subscription_id: SubscriptionId) -> Subscription:
    """A subscription of the tenant. Raises NotFound."""
    return _found(store.subscription(work, subscription_id), subscription_id)


def by_service(work: Work, service_id: ServiceId) -> Subscription | None:
    """The subscription a service belongs to, None when it belongs to none."""
    return store.by_service(work, service_id)


def by_services(work: Work, service_ids: Collection[ServiceId]) -> dict[ServiceId, Subscription]:
    """The subscriptions of many services, in a few statements."""
    return {found.service_id: found for found in store.by_services(work, service_ids)}


def of_account(work: Work, account_id: AccountId) -> list[Subscription]:
    """Every subscription an account has or had, oldest first."""
    return store.of_account(work, account_id)


def listed(work: Work, *, after: SubscriptionId | None = None, limit: int = PAGE) -> list[Subscription]:
    """A page of the tenant's subscriptions by id."""
    return store.listed(work, after=after or SubscriptionId(0), limit=min(limit, PAGE))


def phases(work: Work, subscription_ids: Collection[SubscriptionId]) -> list[PricePhase]:
    """The price phases of some subscriptions, oldest first."""
    return store.phases(work, subscription_ids)


def chargeable(work: Work, account_id: AccountId) -> list[Chargeable]:
    """What an account's phases make chargeable, over their whole life; billing reads this and nothing else."""
    owned = store.of_account(work, account_id)
    ids = [subscription.id for subscription in owned]
    running, free = store.phases(work, ids), store.restrictions(work, ids)
    found: list[Chargeable] = []
    for subscription in owned:
        mine = [phase for phase in running if phase.subscription_id == subscription.id]
        rows = [row for row in free if row.subscription_id == subscription.id]
        found += price_phases.chargeables(subscription, mine, rows)
    return found


def change_of(work: Work, subscription_id: SubscriptionId, order_id: OrderId) -> PhaseChange | None:
    """The change that an order was placed for."""
    return store.change_of_order(work, subscription_id, order_id)


def restricted(work: Work, subscription_id: SubscriptionId) -> Level:
    """The strictest restriction open on its line: TMF637's `suspended` is any but none."""
    return inventory.level_of(work, get(work, subscription_id).service_id)


# ---- life


def create(
    work: Work,
    account_id: AccountId,
    offering: Offering,
    *,
    order_ref: str,
    subscription_id: SubscriptionId,
    service_id: ServiceId,
    prices: Sequence[Price] | None = None,
    quantity: int = 1,
    group: GroupId | None = None,
    on_error: OnError = OnError.ROLLBACK,
    order_id: OrderId | None = None,
    priority: Priority = Priority.INTERACTIVE,
) -> tuple[Subscription, OrderId]:
    """A subscription to a reserved service, its prices as sold (the offering's unless told), and the order for it."""
    account = customers.account(work, account_id)
    subscription = Subscription(
        tenant=work.tenant,
        id=subscription_id,
        account_id=account_id,
        offering=offering.code,
        offering_hash=offering.hash,
        service_id=service_id,
        order_ref=order_ref,
        state=SUBSCRIPTION.initial,
        zone=account.zone,
        currency=account.currency,
        quantity=quantity,
        term_months=offering.term_months,
        ordered_at=work.now,
    )
    today = local_date(work.now, account.zone)
    work.session.add(subscription)
    work.session.add_all(
        price_phases.open_phases(
            subscription,
            offering.prices if prices is None else prices,
            on=today,
            anchor=day_anchor(account.billing_day, today),
            offering=(offering.code, offering.hash),
        )
    )
    inventory.own(work, service_id, owner=str(subscription_id))
    placed = orders.place(
        work,
        service_id,
        intent=inventory.intent(work, service_id),
        verb=Verb.ADD,
        priority=priority,
        on_error=on_error,
        group=group,
        parent=order_ref,
        order_id=order_id,
    )
    subscription.state = SUBSCRIPTION.after(subscription.state, M.DELIVER)
    work.emit(SubscriptionCreated(subscription_id=subscription.id, account_id=account_id, offering=offering.code))
    work.audit("subscription.created", subscription.id, {"offering": offering.code, "hash": offering.hash})
    return subscription, placed.order_id


def activate(
    work: Work, subscription_id: SubscriptionId, at: datetime, *, missing: Collection[str] = ()
) -> Subscription:
    """The network confirmed it, without what is `missing`: its prices run from that local day; twice is once."""
    subscription = _locked(work, subscription_id)
    if subscription.activated_at is not None:
        return revival.revived(work, subscription, at, missing=missing)
    subscription.state = SUBSCRIPTION.after(subscription.state, M.ACTIVATE)
    on, subscription.activated_at = local_date(at, subscription.zone), at
    subscription.term_until = term.end(on, subscription.term_months)
    price_phases.start(store.phases(work, [subscription_id]), confirmed_on=on, missing=missing)
    work.emit(SubscriptionActivated(subscription_id=subscription_id, account_id=subscription.account_id, at=at))
    work.audit("subscription.activated", subscription_id, {"at": at.isoformat(), "missing": sorted(missing)})
    return subscription


def terminate(
    work: Work,
    subscription_id: SubscriptionId,
    *,
    cause: str,
    parent: str | None = None,
    priority: Priority = Priority.NORMAL,
    order_id: OrderId | None = None,
) -> OrderId:
    """End it from today on, whenever the network follows. Raises Forbidden for the debt of a protected line."""
    subscription = _locked(work, subscription_id)
    subscription.state = SUBSCRIPTION.after(subscription.state, M.TERMINATE)
    subscription.end_cause = Cause.parse(cause)
    subscription.ends_on = local_date(work.now, subscription.zone)
    price_phases.end(store.phases(work, [subscription_id]), ends_on=subscription.ends_on)
    service_id = subscription.service_id
    inventory.retire(work, service_id, cause=subscription.end_cause)
    placed = orders.place(
        work,
        service_id,
        intent=inventory.intent(work, service_id),
        verb=Verb.TERMINATE,
        priority=priority,
        on_error=OnError.HOLD,
        parent=parent or str(subscription_id),
        order_id=order_id,
    )
    work.audit("subscription.terminate", subscription_id, {"cause": cause})
    return placed.order_id


def terminated(work: Work, subscription_id: SubscriptionId, at: datetime) -> Subscription:
    """The network confirmed the end: only the last invoice is to come; twice is once."""
    subscription = _locked(work, subscription_id)
    if subscription.terminated_at is not None:
        return subscription
    subscription.state = SUBSCRIPTION.after(subscription.state, M.END)
    subscription.terminated_at = at
    ends_on = subscription.ends_on or local_date(at, subscription.zone)
    for change in store.changes(work, subscription_id):
        change.dropped_at = work.now
    for row in store.restrictions(work, [subscription_id]):
        row.until_date = row.until_date or max(ends_on, row.from_date)
    account_id = subscription.account_id
    work.emit(SubscriptionTerminated(subscription_id=subscription_id, account_id=account_id, ends_on=ends_on, at=at))
    work.audit("subscription.terminated", subscription_id, {"at": at.isoformat()})
    return subscription


def change(
    work: Work,
    subscription_id: SubscriptionId,
    offering: str,
    *,
    version: str | None = None,
    parent: str | None = None,
    group: GroupId | None = None,
    on_error: OnError = OnError.ROLLBACK,
    order_id: OrderId | None = None,
    priority: Priority = Priority.INTERACTIVE,
) -> OrderId:
    """Move the line to another offering of its kind; prices follow on the local day the network confirms it."""
    subscription = _locked(work, subscription_id)
    wanted = catalog.offering(work, offering, version)
    changing.check(work, subscription, wanted)
    service = inventory.get(work, subscription.service_id)
    inventory.reshape(work, service.id, profile={**service.profile, **wanted.characteristics})
    placed = orders.place(
        work,
        service.id,
        intent=inventory.intent(work, service.id),
        verb=Verb.MODIFY,
        priority=priority,
        on_error=on_error,
        group=group,
        parent=parent or str(subscription_id),
        order_id=order_id,
    )
    changing.record(work, subscription, wanted, placed=placed)
    return placed.order_id


def confirmed(
    work: Work,
    subscription_id: SubscriptionId,
    *,
    verb: Verb,
    generation: int,
    at: datetime,
    missing: Collection[str] = (),
) -> None:
    """The network confirmed a generation of its service: whatever was agreed up to it is so now; twice is once.

    The components that are `missing` are not charged until a later change brings them.
    """
    if verb is Verb.ADD:
        activate(work, subscription_id, at, missing=missing)
    if verb is Verb.TERMINATE:
        terminated(work, subscription_id, at)
        return
    subscription = _locked(work, subscription_id)
    changing.apply(work, subscription, generation=generation, at=at, missing=missing)
    if verb in (Verb.ADD, Verb.MODIFY) and missing:
        subscription.missing = ", ".join(missing)
    elif verb is Verb.MODIFY and subscription.missing is not None:
        subscription.missing = None
        price_phases.resume(store.phases(work, [subscription_id]), on=local_date(at, subscription.zone))


def unchanged(work: Work, subscription_id: SubscriptionId, *, order_id: OrderId, failed: bool, reason: str) -> None:
    """The order for a change failed or was called off: the old prices go on; twice is once."""
    changing.drop(work, _locked(work, subscription_id), order_id=order_id, failed=failed, reason=reason)


# ---- restrictions and throttle


def restrict(
    work: Work,
    subscription_id: SubscriptionId,
    *,
    cause: str,
    level: Level,
    until: datetime | None = None,
    placed_by: str | None = None,
    approved_by: str | None = None,
    priority: Priority = Priority.NORMAL,
) -> Restriction:
    """Stop the service, wholly (hard) or outgoing only (soft), for an owner who may still come back."""
    subscription = _standing(_locked(work, subscription_id))
    service_id = subscription.service_id
    place = partial(inventory.restrict, work, service_id, cause=Cause.parse(cause), level=level, until=until)
    restriction = place(placed_by=placed_by, approved_by=approved_by)
    if store.restriction(work, restriction.id) is not None:
        return restriction
    free_days.begin(work, subscription, restriction)
    _place(work, subscription, verb=Verb.RESTRICT, priority=priority)
    return restriction


def lift(
    work: Work, subscription_id: SubscriptionId, *, cause: str, priority: Priority = Priority.RESTORE
) -> list[Restriction]:
    """Take back the restrictions of one cause and no other; a line that is going is told nothing any more."""
    subscription = _locked(work, subscription_id)
    if subscription.state not in LIVE:
        return []
    lifted = inventory.lift(work, subscription.service_id, cause=Cause.parse(cause))
    for restriction in lifted:
        free_days.end(work, restriction.id)
    if lifted and subscription.state is not S.PENDING_TERMINATE:
        _place(work, subscription, verb=Verb.LIFT, priority=priority)
    return lifted


def lapsed(work: Work, subscription_id: SubscriptionId, restriction_id: RestrictionId) -> None:
    """A restriction reached its own end: charge again, and tell the network; twice is once."""
    subscription = _locked(work, subscription_id)
    if free_days.end(work, restriction_id) and subscription.state in STANDING:
        _place(work, subscription, verb=Verb.LIFT, priority=Priority.RESTORE)


def throttle(work: Work, subscription_id: SubscriptionId, *, rate: str | None) -> OrderId | None:
    """Slow the line to a rate in kbit/s, or (None) no more; None when the line is going anyway."""
    subscription = _locked(work, subscription_id)
    if subscription.state not in STANDING:
        return None
    if inventory.get(work, subscription.service_id).throttle == rate:
        return None
    inventory.throttle(work, subscription.service_id, rate=rate)
    return _place(work, subscription, verb=Verb.THROTTLE, priority=Priority.INTERACTIVE)


def _place(work: Work, subscription: Subscription, *, verb: Verb, priority: Priority) -> OrderId:
    placed = orders.place(
        work,
        subscription.service_id,
        intent=inventory.intent(work, subscription.service_id),
        verb=verb,
        priority=priority,
        on_error=OnError.HOLD,
        parent=str(subscription.id),
    )
    return placed.order_id


def _standing(subscription: Subscription) -> Subscription:
    if subscription.state not in STANDING:
        fix = "only a line that is up, or coming up, is restricted"
        raise Conflict(f"{subscription.id} is {subscription.state}", field="subscription_id", fix=fix)
    return subscription


def _locked(work: Work, subscription_id: SubscriptionId) -> Subscription:
    work.flush()
    return _found(store.locked(work, subscription_id), subscription_id)


def _found(subscription: Subscription | None, subscription_id: SubscriptionId) -> Subscription:
    if subscription is None:
        fix = "see trunkline subscription list"
        raise NotFound(f"no subscription {subscription_id}", field="subscription_id", fix=fix)
    return subscription
