"""An agreed change of offering: recorded with its order, applied when the network confirms it, or dropped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime

from bss.catalog import service as catalog
from bss.catalog.model import Offering, Price
from bss.customers import service as customers
from bss.subscriptions import phases as price_phases
from bss.subscriptions import store
from bss.subscriptions.events import SubscriptionChanged, SubscriptionChangeDropped
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import PhaseChange, PhaseChangeId, Subscription
from kernel.errors import Conflict, Invalid
from kernel.time import day_anchor, local_date
from kernel.work import Work
from oss.inventory import service as inventory
from oss.orders import service as orders
from oss.orders.model import OnError, OrderId, Priority, Verb
from oss.orders.service import Placed
from oss.specs.compose import Intent


def check(work: Work, subscription: Subscription, wanted: Offering) -> None:
    """Whether a line may move to an offering. Raises Conflict or Invalid, which name what stands against it."""
    if subscription.state is not SubscriptionState.ACTIVE:
        message = f"{subscription.id} is {subscription.state}"
        raise Conflict(message, field="subscription_id", fix="only an active line is changed")
    if wanted.currency != subscription.currency:
        message = f"{wanted.code} is priced in {wanted.currency}, {subscription.id} in {subscription.currency}"
        raise Invalid(message, field="currency", fix="choose an offering in the subscription's currency")
    if wanted.code == subscription.offering and wanted.hash == subscription.offering_hash:
        message = f"{subscription.id} is {wanted.code} already"
        raise Conflict(message, field="offering", fix="choose another offering")
    spec = inventory.get(work, subscription.service_id).spec
    if wanted.specification != spec:
        message = f"{wanted.code} is a {wanted.specification}, the line is a {spec}"
        raise Invalid(message, field="offering", fix="order it as a new line and end this one")


def reshape(
    work: Work, subscription: Subscription, *, profile: Mapping[str, str], parent: str, priority: Priority
) -> OrderId:
    """Want other characteristics of a line under the offering it has. Raises Invalid for what that offering fixes."""
    if subscription.state is not SubscriptionState.ACTIVE or store.changes(work, subscription.id):
        message = f"{subscription.id} is {subscription.state}, or being changed"
        raise Conflict(message, field="subscription_id", fix="only an active line is changed")
    fixed = catalog.offering(work, subscription.offering, subscription.offering_hash).characteristics
    for name in profile:
        if name in fixed:
            message = f"{subscription.offering} fixes it at {fixed[name]}"
            raise Invalid(message, field=f"profile.{name}", fix="change the offering instead")
    service = inventory.get(work, subscription.service_id)
    inventory.reshape(work, service.id, profile={**service.profile, **profile})
    intent = inventory.intent(work, service.id)
    return orders.place(
        work,
        service.id,
        intent=intent,
        verb=Verb.MODIFY,
        priority=priority,
        on_error=OnError.ROLLBACK,
        parent=parent,
    ).order_id


def record(work: Work, subscription: Subscription, wanted: Offering, *, placed: Placed) -> PhaseChange:
    """Keep what was agreed, with the generation and the profile by which the network will show it."""
    change = PhaseChange(
        tenant=work.tenant,
        id=PhaseChangeId.new(),
        subscription_id=subscription.id,
        order_id=placed.order_id,
        generation=placed.generation,
        offering=wanted.code,
        offering_hash=wanted.hash,
        prices=[price.stored() for price in wanted.prices],
        profile=inventory.get(work, subscription.service_id).profile,
        requested_at=work.now,
        applied_at=None,
        dropped_at=None,
    )
    work.session.add(change)
    work.audit("subscription.change", subscription.id, {"offering": wanted.code, "hash": wanted.hash})
    return change


def apply(
    work: Work, subscription: Subscription, *, generation: int, at: datetime, missing: Collection[str] = ()
) -> None:
    """Switch to the latest change that the confirmed generation shows; earlier ones were overtaken by it.

    A restriction that passed a held change is a newer generation with the older profile, and applies nothing.
    """
    if subscription.state is not SubscriptionState.ACTIVE:
        return
    intent = inventory.get(work, subscription.service_id).confirmed_intent
    shown = None if intent is None else Intent.of(intent).profile
    carried = [change for change in store.changes(work, subscription.id) if change.generation <= generation]
    while carried and carried[-1].profile != shown:
        carried.pop()
    if not carried:
        return
    *overtaken, latest = carried
    for change in overtaken:
        _drop(work, subscription, change, reason=f"overtaken by {latest.offering}")
    latest.applied_at = at
    _switch(work, subscription, latest, on=local_date(at, subscription.zone), missing=missing)


def _switch(work: Work, subscription: Subscription, change: PhaseChange, *, on: date, missing: Collection[str]) -> None:
    billing_day = customers.account(work, subscription.account_id).billing_day
    begun = price_phases.switch(
        subscription,
        store.phases(work, [subscription.id]),
        [Price.model_validate(price) for price in change.prices],
        on=on,
        offering=(change.offering, change.offering_hash),
        anchor=day_anchor(billing_day, on),
        missing=missing,
    )
    work.session.add_all(begun)
    subscription.offering, subscription.offering_hash = change.offering, change.offering_hash
    work.emit(
        SubscriptionChanged(
            subscription_id=subscription.id,
            account_id=subscription.account_id,
            offering=change.offering,
            from_date=on,
        )
    )
    work.audit("subscription.changed", subscription.id, {"offering": change.offering, "from": on.isoformat()})


def drop(work: Work, subscription: Subscription, *, order_id: OrderId, failed: bool, reason: str) -> None:
    """An order for a change ended without it: what the service is no longer meant to show is dropped.

    A change whose order was only overtaken goes on: the newer order carries its profile.
    """
    wanted = inventory.get(work, subscription.service_id).profile
    for change in store.changes(work, subscription.id):
        if change.profile != wanted or (failed and change.order_id == order_id):
            _drop(work, subscription, change, reason=reason)


def _drop(work: Work, subscription: Subscription, change: PhaseChange, *, reason: str) -> None:
    change.dropped_at = work.now
    work.emit(
        SubscriptionChangeDropped(
            subscription_id=subscription.id,
            account_id=subscription.account_id,
            offering=change.offering,
            reason=reason,
        )
    )
