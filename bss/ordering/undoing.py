"""An end taken back: while the network is asked for it, or as long as what the line stood on rests."""

from __future__ import annotations

from bss.ordering import cancelling
from bss.subscriptions import revival
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import SubscriptionId
from kernel.errors import Conflict
from kernel.work import Work
from oss.orders import views
from oss.orders.machine import OPEN_ORDERS
from oss.orders.model import OrderId, Verb

REASON = "its end was taken back"


def undo_terminate(work: Work, subscription_id: SubscriptionId) -> OrderId:
    """Let a line go on with the number and the SIM it had; the order that is taken back, or that brings it up again.

    Raises Conflict for a line that is not ending and has not ended, or whose number rests no more.
    """
    subscription = subscriptions.get(work, subscription_id)
    if subscription.state is SubscriptionState.TERMINATED:
        return revival.revive(work, subscription_id)
    if subscription.state is not SubscriptionState.PENDING_TERMINATE:
        message = f"{subscription_id} is {subscription.state}"
        raise Conflict(message, field="subscription_id", fix="there is no end to take back")
    for order in views.of_service(work, subscription.service_id):
        if order.verb is Verb.TERMINATE and order.state in OPEN_ORDERS:
            cancelling.cancel_item(work, order.id, reason=REASON)
            return order.id
    raise Conflict(f"{subscription_id} has just ended", field="subscription_id", fix="try it again in a moment")
