"""What becomes of a subscription when an order for it is called off, or corrected, before the network confirmed it."""

from __future__ import annotations

from collections.abc import Mapping

from bss.subscriptions import phases as price_phases
from bss.subscriptions import store
from bss.subscriptions.events import SubscriptionAborted, SubscriptionReinstated
from bss.subscriptions.machine import SUBSCRIPTION, SubscriptionMove, SubscriptionState
from bss.subscriptions.model import Subscription, SubscriptionId
from kernel.errors import NotFound
from kernel.time import local_date
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.model import ServiceId
from oss.orders.model import OrderId

S, M = SubscriptionState, SubscriptionMove


def abort(work: Work, subscription_id: SubscriptionId, *, reason: str) -> Subscription:
    """The network could not bring it up and all was undone: nothing is charged, what it held goes back."""
    subscription = _locked(work, subscription_id)
    if subscription.state is S.ABORTED:
        return subscription
    subscription.state = SUBSCRIPTION.after(subscription.state, M.ABORT)
    on = local_date(work.now, subscription.zone)
    price_phases.end(store.phases(work, [subscription_id]), ends_on=on)
    if inventory.get(work, subscription.service_id).state is ServiceState.RESERVED:
        inventory.release(work, subscription.service_id)
    work.emit(SubscriptionAborted(subscription_id=subscription_id, account_id=subscription.account_id, reason=reason))
    work.audit("subscription.aborted", subscription_id, {"reason": reason})
    return subscription


def withdraw(work: Work, subscription_id: SubscriptionId, *, reason: str) -> Subscription:
    """Its activation was called off and taken back: it never was, and nothing is charged; twice is once."""
    subscription = _locked(work, subscription_id)
    if subscription.state in (S.CANCELLED, S.ABORTED):
        return subscription
    subscription.state = SUBSCRIPTION.after(subscription.state, M.CANCEL)
    on = local_date(work.now, subscription.zone)
    price_phases.end(store.phases(work, [subscription_id]), ends_on=on)
    if inventory.get(work, subscription.service_id).state is ServiceState.RESERVED:
        inventory.release(work, subscription.service_id)
    work.emit(SubscriptionAborted(subscription_id=subscription_id, account_id=subscription.account_id, reason=reason))
    work.audit("subscription.withdrawn", subscription_id, {"reason": reason})
    return subscription


def reinstate(work: Work, subscription_id: SubscriptionId) -> Subscription:
    """Its end was called off and the network shows it still: its prices run on without a gap; twice is once."""
    subscription = _locked(work, subscription_id)
    service = inventory.get(work, subscription.service_id)
    if subscription.state is not S.PENDING_TERMINATE or not service.present or subscription.ends_on is None:
        return subscription
    subscription.state = SUBSCRIPTION.after(subscription.state, M.REINSTATE)
    price_phases.reopen(store.phases(work, [subscription_id]), ended_on=subscription.ends_on)
    subscription.ends_on = subscription.end_cause = None
    work.emit(SubscriptionReinstated(subscription_id=subscription_id, account_id=subscription.account_id))
    work.audit("subscription.reinstated", subscription_id)
    return subscription


def corrected(work: Work, service_id: ServiceId, *, order_id: OrderId, profile: Mapping[str, str]) -> None:
    """A person corrected what a held change wants: it is confirmed when the network shows that instead."""
    subscription = store.by_service(work, service_id)
    if subscription is None:
        return
    for change in store.changes(work, subscription.id):
        if change.order_id == order_id:
            change.profile = dict(profile)


def _locked(work: Work, subscription_id: SubscriptionId) -> Subscription:
    work.flush()
    found = store.locked(work, subscription_id)
    if found is None:
        raise NotFound(f"no subscription {subscription_id}", field="subscription_id")
    return found
