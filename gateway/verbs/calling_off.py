"""Orders called off, and by when they were promised."""

from __future__ import annotations

from datetime import datetime

from bss.ordering import cancelling
from gateway.verbs import orders as shown
from gateway.verbs.core import Asks, writing
from gateway.verbs.orders import OrderGiven, OrderNamed
from kernel.work import Work
from oss.orders import deadlines, people, views
from oss.orders.machine import OPEN_ORDERS


class CancelAsked(Asks):
    """One order, of a customer or of the network, and why it is called off."""

    order_id: str
    reason: str


class PromiseAsked(Asks):
    """One order, and the instant by which it is wanted."""

    order_id: str
    by: datetime


@writing("order.cancel", "/orders/{order_id}/cancel")
def cancel(work: Work, asked: CancelAsked) -> OrderGiven:
    """Call an order off: at a gate at once, later by taking back what the network did of it."""
    ids = shown.service_ids(work, asked.order_id)
    for order_id in ids:
        people.check_free(work, order_id)
    if shown.of_network(asked.order_id):
        cancelling.cancel_item(work, ids[0], reason=asked.reason)
    else:
        cancelling.cancel(work, shown.product_id(asked.order_id), reason=asked.reason)
    return _afresh(work, asked.order_id)


@writing("order.deadline", "/orders/{order_id}/deadline")
def promise(work: Work, asked: PromiseAsked) -> OrderGiven:
    """Say by when an order is wanted: half an hour before, one that is still open is an alarm."""
    ids = shown.service_ids(work, asked.order_id)
    waiting = [order_id for order_id in ids if views.get(work, order_id).state in OPEN_ORDERS]
    for order_id in waiting or ids:
        deadlines.promise(work, order_id, by=asked.by)
    return _afresh(work, asked.order_id)


def _afresh(work: Work, order_id: str) -> OrderGiven:
    work.flush()
    work.session.expire_all()
    return shown.shown(work, OrderNamed(order_id=order_id))
