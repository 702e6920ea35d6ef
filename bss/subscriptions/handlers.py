"""What subscriptions do about facts of the network; each may be told twice and acts once."""

from __future__ import annotations

from bss.subscriptions import revival, second_thoughts
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Subscription
from kernel.work import Work
from oss.inventory.events import RestrictionLapsed
from oss.inventory.model import ServiceId
from oss.orders.events import (
    ServiceOrderCancelled,
    ServiceOrderCompleted,
    ServiceOrderFailed,
    ServiceOrderPartial,
)
from oss.orders.model import Verb


def on_service_order_completed(work: Work, event: ServiceOrderCompleted) -> None:
    """What was agreed up to the confirmed generation is so: active, changed or terminated."""
    subscription = _owner(work, event.service_id)
    if subscription is not None:
        subscriptions.confirmed(work, subscription.id, verb=event.verb, generation=event.generation, at=event.at)


def on_service_order_partial(work: Work, event: ServiceOrderPartial) -> None:
    """Some of a line is on: it goes on with that, and what is missing is not charged."""
    subscription = _owner(work, event.service_id)
    if subscription is not None:
        subscriptions.confirmed(
            work,
            subscription.id,
            verb=event.verb,
            generation=event.generation,
            at=event.at,
            missing=event.missing,
        )


def on_service_order_failed(work: Work, event: ServiceOrderFailed | ServiceOrderCancelled) -> None:
    """A change that the network could not make is dropped, an end that was taken back is none.

    An activation's failure is ordering's to settle, unless the line had ended and was to come back.
    """
    subscription = _owner(work, event.service_id)
    if subscription is not None and event.verb is Verb.MODIFY:
        failed = isinstance(event, ServiceOrderFailed)
        subscriptions.unchanged(work, subscription.id, order_id=event.order_id, failed=failed, reason=event.reason)
    if subscription is not None and event.verb is Verb.TERMINATE:
        second_thoughts.reinstate(work, subscription.id)
    if subscription is not None and event.verb is Verb.ADD:
        revival.lost(work, subscription.id)


def on_restriction_lapsed(work: Work, event: RestrictionLapsed) -> None:
    """A restriction came to its own end: its line is opened again by an order."""
    subscription = _owner(work, event.service_id)
    if subscription is not None:
        subscriptions.lapsed(work, subscription.id, event.restriction_id)


def on_service_order_cancelled(work: Work, event: ServiceOrderCancelled) -> None:
    """A change that was called off is dropped; one that was overtaken goes on in the newer order."""
    on_service_order_failed(work, event)


def _owner(work: Work, service_id: ServiceId) -> Subscription | None:
    return subscriptions.by_service(work, service_id)
