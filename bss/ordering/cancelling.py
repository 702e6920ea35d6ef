"""Calling an order off: at its gates at once, later by taking back what the network did, item by item."""

from __future__ import annotations

from collections.abc import Sequence

from bss.ordering import ending, store
from bss.ordering import service as ordering
from bss.ordering.ending import M, S
from bss.ordering.machine import PRODUCT_ORDER
from bss.ordering.model import JOINED, ProductOrder, ProductOrderId, ProductOrderItem
from kernel.errors import Conflict
from kernel.work import Work
from oss.orders import service as orders
from oss.orders import views
from oss.orders.incidents import sentence
from oss.orders.machine import OPEN_ORDERS, OrderState
from oss.orders.model import OrderId, ServiceOrder


def cancel(work: Work, order_id: ProductOrderId, *, reason: str) -> ProductOrder:
    """Call all of an order off that can be. Raises Conflict when nothing of it can."""
    told, order = sentence(reason, field="reason"), ending.locked(work, order_id)
    if order.state is S.PENDING_CANCELLATION:
        message = f"{order_id} is being taken back already ({order.reason})"
        raise Conflict(message, field="order_id", fix="wait for its end, or see trunkline fallout list")
    if order.state not in ending.OPEN:
        return ordering.cancel(work, order_id, reason=told)
    return _withdraw(work, order, store.items(work, order_id), reason=told)


def cancel_item(work: Work, service_order_id: OrderId, *, reason: str) -> None:
    """Call an order of the network off, and the item it is for; one of an atomic order takes the others along."""
    told = sentence(reason, field="reason")
    item = store.item_of(work, service_order_id)
    if item is None or item.state not in ending.OPEN:
        orders.cancel(work, service_order_id, reason=told)
        return
    order = ending.locked(work, item.order_id)
    rows = store.items(work, order.id)
    joined = order.atomic and item.action in JOINED
    chosen = [row for row in rows if row.action in JOINED] if joined else [item]
    _withdraw(work, order, chosen, reason=told)


def _withdraw(work: Work, order: ProductOrder, chosen: Sequence[ProductOrderItem], *, reason: str) -> ProductOrder:
    """Judge each item that is open (assessingCancellation), then let it be taken back, or go on as it was."""
    asked = [item for item in chosen if item.state in ending.OPEN]
    refused: list[Conflict] = []
    for item in asked:
        item.state = PRODUCT_ORDER.after(item.state, M.ASSESS)
        try:
            _call_off(work, order, item, reason=reason)
        except Conflict as error:
            item.state = PRODUCT_ORDER.after(item.state, M.REFUSE)
            refused.append(error)
        else:
            item.state = PRODUCT_ORDER.after(item.state, M.WITHDRAW)
    if len(refused) == len(asked):
        raise refused[0] if refused else Conflict(f"nothing of {order.id} is open", field="order_id")
    if not any(row.state in ending.OPEN for row in store.items(work, order.id)):
        order.state = PRODUCT_ORDER.after(order.state, M.ASSESS)
        order.state = PRODUCT_ORDER.after(order.state, M.WITHDRAW)
    order.reason = reason
    work.audit("order.withdrawn", order.id, {"reason": reason, "items": [item.number for item in asked]})
    return order


def _call_off(work: Work, order: ProductOrder, item: ProductOrderItem, *, reason: str) -> None:
    """Its newest order of the network; one of the same group was turned round with the first."""
    mine = [row for row in views.of_parent(work, str(order.id)) if row.service_id == item.service_id]
    live: list[ServiceOrder] = [row for row in mine if row.state in OPEN_ORDERS]
    if not live:
        if any(row.state is OrderState.CANCELLED and row.reason == reason for row in mine):
            return
        raise Conflict(f"item {item.number} of {order.id} has ended", field="order_id", fix="order the opposite")
    item.service_order_id = live[-1].id
    if live[-1].state is not OrderState.PENDING_CANCELLATION:
        orders.cancel(work, live[-1].id, reason=reason)
        work.flush()
        work.session.expire_all()
