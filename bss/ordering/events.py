"""What ordering announces."""

from __future__ import annotations

from bss.customers.model import AccountId
from bss.ordering.model import ProductOrderId
from bss.subscriptions.model import SubscriptionId
from kernel.events import Event


class ProductOrderAcknowledged(Event):
    """The order is accepted and all it needs is reserved; `gates` names what it waits for, none when it has begun.

    `amount_minor` is owed for its first period and one-time prices, tax included.
    """

    order_id: ProductOrderId
    account_id: AccountId
    amount_minor: int
    currency: str
    method_id: str | None
    gates: tuple[str, ...] = ()


class ProductOrderDue(Event):
    """The date of an order has come: `gates` names what it waits for still."""

    order_id: ProductOrderId
    account_id: AccountId
    amount_minor: int
    currency: str
    method_id: str | None
    gates: tuple[str, ...] = ()


class ProductOrderStarted(Event):
    """Every gate is open: the network is being asked."""

    order_id: ProductOrderId
    account_id: AccountId


class ProductOrderCompleted(Event):
    """The network has confirmed the order, or the part of it that `subscription_ids` names."""

    order_id: ProductOrderId
    account_id: AccountId
    subscription_ids: tuple[SubscriptionId, ...]
    partial: bool = False


class ProductOrderFailed(Event):
    """The order ended and delivered nothing: it failed, or was cancelled at a gate."""

    order_id: ProductOrderId
    account_id: AccountId
    reason: str


class ProductOrderHeld(Event):
    """A step of the order waits for a person."""

    order_id: ProductOrderId
    account_id: AccountId
    reason: str
