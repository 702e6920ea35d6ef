"""A line goes on under another SIM, another number or on another port; its price and its life stay as they are."""

from __future__ import annotations

from bss.subscriptions import store
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Subscription, SubscriptionId
from kernel.errors import Conflict, Invalid, NotFound
from kernel.work import Work
from oss.inventory import moving
from oss.inventory import service as inventory
from oss.orders import service as orders
from oss.orders.model import OnError, OrderId, Priority, Verb

SIM, NUMBER, PORT = "sim", "msisdn", "port"
"""What the resources of a line are called in its specification, unless told."""


def swap_sim(work: Work, subscription_id: SubscriptionId, *, iccid: str | None = None) -> OrderId:
    """Put the line on another SIM, the one named or any in stock; the old one rests once the network shows the new."""
    return move(work, subscription_id, resource=SIM, to=iccid)


def change_number(work: Work, subscription_id: SubscriptionId, *, msisdn: str | None = None) -> OrderId:
    """Give the line another number; usage of the old one stays the line's for as long as it was."""
    return move(work, subscription_id, resource=NUMBER, to=msisdn)


def move(
    work: Work, subscription_id: SubscriptionId, *, resource: str = PORT, to: str | None = None, on: str | None = None
) -> OrderId:
    """Put the line on another piece of the stock (`to`), or on any that an element carries (`on`).

    Made on the new one, confirmed, and only then taken off the old one; a failure takes all of it back.
    """
    if to is not None and on is not None:
        raise Invalid("a piece and an element are both named", field="on", fix="name one of them")
    subscription = _up(work, subscription_id)
    service_id = subscription.service_id
    moving.replace(work, service_id, alias=resource, to=to, element=on)
    placed = orders.place(
        work,
        service_id,
        intent=inventory.intent(work, service_id),
        verb=Verb.MODIFY,
        priority=Priority.INTERACTIVE,
        on_error=OnError.ROLLBACK,
        parent=str(subscription_id),
    )
    work.audit("subscription.moving", subscription_id, {"resource": resource, "to": to, "on": on})
    return placed.order_id


def _up(work: Work, subscription_id: SubscriptionId) -> Subscription:
    work.flush()
    subscription = store.locked(work, subscription_id)
    if subscription is None:
        message = f"no subscription {subscription_id}"
        raise NotFound(message, field="subscription_id", fix="see trunkline subscription list")
    if subscription.state is not SubscriptionState.ACTIVE:
        message = f"{subscription_id} is {subscription.state}"
        raise Conflict(message, field="subscription_id", fix="only an active line is moved")
    return subscription
