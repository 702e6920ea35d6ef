"""What ordering does about facts of others; each may be told twice and acts once.

A payment's fact carries the order as text (`order_ref`); what names no order here is somebody else's.
"""

from __future__ import annotations

from typing import Protocol

from bss.ordering import service as ordering
from bss.ordering.model import ProductOrderId
from bss.subscriptions.model import SubscriptionId
from kernel.work import Work
from oss.inventory.events import ReservationExpired
from oss.orders.events import (
    ServiceOrderCancelled,
    ServiceOrderCompleted,
    ServiceOrderFailed,
    ServiceOrderHeld,
    ServiceOrderPartial,
    ServiceOrderReleased,
)


class PaymentFact(Protocol):
    """As much of a payment's fact as ordering looks at; payments stand above it."""

    @property
    def order_ref(self) -> str | None:
        """The order it was for, as text."""
        ...


class PaymentRefusal(PaymentFact, Protocol):
    """That nothing is held, and why."""

    @property
    def reason(self) -> str:
        """The gateway's word."""
        ...


def on_payment_authorised(work: Work, event: PaymentFact) -> None:
    """The amount is held: the payment's gate opens."""
    order_id = _order(event.order_ref)
    if order_id is not None:
        ordering.open_gate(work, order_id, ordering.PAYMENT)


def on_payment_declined(work: Work, event: PaymentRefusal) -> None:
    """The amount is refused: the order is cancelled while it waits for it."""
    order_id = _order(event.order_ref)
    if order_id is not None:
        ordering.close_gate(work, order_id, ordering.PAYMENT, reason=event.reason)


def on_service_order_completed(work: Work, event: ServiceOrderCompleted) -> None:
    """The network confirmed an item."""
    ordering.delivered(work, event)


def on_service_order_partial(work: Work, event: ServiceOrderPartial) -> None:
    """The network confirmed a part of an item."""
    ordering.delivered(work, event)


def on_service_order_failed(work: Work, event: ServiceOrderFailed) -> None:
    """The network could not deliver an item."""
    ordering.failed(work, event)


def on_service_order_cancelled(work: Work, event: ServiceOrderCancelled) -> None:
    """The network's order for an item was called off or overtaken."""
    ordering.failed(work, event)


def on_service_order_held(work: Work, event: ServiceOrderHeld) -> None:
    """A step waits for a person."""
    ordering.held(work, event)


def on_service_order_released(work: Work, event: ServiceOrderReleased) -> None:
    """A person let it go on."""
    ordering.released(work, event)


def on_reservation_expired(work: Work, event: ReservationExpired) -> None:
    """What an unpaid order held went back to the stock: the order is cancelled."""
    if event.owner is not None and event.owner.startswith(f"{SubscriptionId.prefix}_"):
        ordering.lost_reservation(work, SubscriptionId.parse(event.owner))


def _order(order_ref: str | None) -> ProductOrderId | None:
    if order_ref is None or not order_ref.startswith(f"{ProductOrderId.prefix}_"):
        return None
    return ProductOrderId.parse(order_ref)
