"""A line that had ended comes back with its number and its SIM; its old prices run again from the confirmed day."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from bss.catalog.model import PriceKind
from bss.subscriptions import phases as price_phases
from bss.subscriptions import store
from bss.subscriptions.events import SubscriptionReinstated
from bss.subscriptions.machine import SUBSCRIPTION, SubscriptionMove, SubscriptionState
from bss.subscriptions.model import PricePhase, Subscription, SubscriptionId
from kernel.errors import NotFound
from kernel.time import local_date
from kernel.work import Work
from oss.inventory import reverting
from oss.inventory import service as inventory
from oss.inventory.service import RESERVATION
from oss.orders import service as orders
from oss.orders.model import OnError, OrderId, Priority, Verb

S, M = SubscriptionState, SubscriptionMove


def revive(work: Work, subscription_id: SubscriptionId) -> OrderId:
    """Bring a terminated line up again on what it stood on. Raises Conflict once any of it rests no more."""
    subscription = _locked(work, subscription_id)
    subscription.state = SUBSCRIPTION.after(subscription.state, M.REVIVE)
    service_id = subscription.service_id
    reverting.revive(work, service_id, until=work.now + RESERVATION)
    placed = orders.place(
        work,
        service_id,
        intent=inventory.intent(work, service_id),
        verb=Verb.ADD,
        priority=Priority.RESTORE,
        on_error=OnError.ROLLBACK,
        parent=str(subscription_id),
    )
    work.audit("subscription.revive", subscription_id)
    return placed.order_id


def revived(work: Work, subscription: Subscription, at: datetime, *, missing: Collection[str] = ()) -> Subscription:
    """The network shows it again: what was charged until its end is charged from that local day on; twice is once."""
    if subscription.state is not S.PENDING_ACTIVE or subscription.terminated_at is None:
        return subscription
    subscription.state = SUBSCRIPTION.after(subscription.state, M.ACTIVATE)
    on = local_date(at, subscription.zone)
    phases = store.phases(work, [subscription.id])
    begun = _begun(subscription, phases, on=on)
    price_phases.start(begun, confirmed_on=on, missing=missing)
    work.session.add_all(begun)
    subscription.terminated_at = subscription.ends_on = subscription.end_cause = None
    work.emit(SubscriptionReinstated(subscription_id=subscription.id, account_id=subscription.account_id))
    work.audit("subscription.revived", subscription.id, {"at": at.isoformat()})
    return subscription


def lost(work: Work, subscription_id: SubscriptionId) -> None:
    """The network could not bring it up again: it has ended as it had; twice is once."""
    subscription = _locked(work, subscription_id)
    if subscription.state is S.PENDING_ACTIVE and subscription.terminated_at is not None:
        subscription.state = SUBSCRIPTION.after(subscription.state, M.END)
        work.audit("subscription.stays_ended", subscription_id)


def _begun(subscription: Subscription, phases: Sequence[PricePhase], *, on: date) -> list[PricePhase]:
    """The prices that ended with it, once more; a setup is not repeated, and no day is charged twice."""
    offering = (subscription.offering, subscription.offering_hash)
    last = {phase.component: phase for phase in sorted(phases, key=lambda each: (each.from_date, each.id))}
    begun: list[PricePhase] = []
    for phase in last.values():
        if phase.kind is PriceKind.ONE_TIME or not price_phases.ended_with(phase, ended_on=subscription.ends_on or on):
            continue
        first = max(on, phase.until_date or on)
        begun += price_phases.open_phases(
            subscription, [price_phases.sold(phase)], on=first, anchor=phase.anchor, offering=offering
        )
    return begun


def _locked(work: Work, subscription_id: SubscriptionId) -> Subscription:
    work.flush()
    found = store.locked(work, subscription_id)
    if found is None:
        raise NotFound(f"no subscription {subscription_id}", field="subscription_id")
    return found
