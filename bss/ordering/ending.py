"""How items end, and their order with the last of them."""

from __future__ import annotations

from collections.abc import Sequence

from bss.ordering import store
from bss.ordering.events import ProductOrderCompleted, ProductOrderFailed
from bss.ordering.machine import PRODUCT_ORDER, ProductOrderMove, ProductOrderState
from bss.ordering.model import Action, ProductOrder, ProductOrderId, ProductOrderItem
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import SubscriptionId
from kernel.errors import NotFound
from kernel.work import Work
from oss.orders.model import Verb

S, M = ProductOrderState, ProductOrderMove
OPEN = (S.IN_PROGRESS, S.HELD)
"""An item, or an order, that the network is being asked for."""
MOVING = (*OPEN, S.PENDING_CANCELLATION)
"""The same, and what is being taken back."""
DELIVERS = {Action.ADD: Verb.ADD, Action.DELETE: Verb.TERMINATE}
"""Which confirmed order of the network ends an item; a change ends when its prices are switched."""


def settle(
    work: Work,
    subscription_id: SubscriptionId,
    *,
    completed: Verb | None,
    reason: str,
    missing: Sequence[str] = (),
) -> None:
    """End every item about a subscription that the network's word, or the drop of a change, decides."""
    work.flush()
    for item in store.items_of(work, subscription_id):
        move = _outcome(work, item, completed=completed) if item.state in OPEN else None
        if move is M.COMPLETE and missing:
            end_item(work, item, M.PART, reason=f"without {', '.join(missing)}")
        elif move is not None:
            end_item(work, item, move, reason=reason if move is M.FAIL else None)


def _outcome(work: Work, item: ProductOrderItem, *, completed: Verb | None) -> ProductOrderMove | None:
    if item.action is not Action.MODIFY:
        return M.COMPLETE if completed is not None and completed is DELIVERS.get(item.action) else None
    if item.service_order_id is None:
        return None
    change = subscriptions.change_of(work, item.subscription_id, item.service_order_id)
    if change is None:
        return None
    if change.applied_at is not None:
        return M.COMPLETE
    return None if change.dropped_at is None else M.FAIL


def end_item(work: Work, item: ProductOrderItem, move: ProductOrderMove, *, reason: str | None) -> None:
    """End an item, and its order with the last one."""
    item.state = PRODUCT_ORDER.after(item.state, move)
    item.reason = reason
    order = locked(work, item.order_id)
    rows = store.items(work, order.id)
    if order.state not in MOVING or any(each.state in MOVING for each in rows):
        return
    rows = [each for each in rows if each.action is not Action.NO_CHANGE] or rows
    done = [each for each in rows if each.state in (S.COMPLETED, S.PARTIAL)]
    whole = all(each.state is S.COMPLETED for each in rows)
    called_off = order.state is S.PENDING_CANCELLATION or all(each.state is S.CANCELLED for each in rows)
    move = M.COMPLETE if whole else M.PART if done else M.CANCEL if called_off else M.FAIL
    for each in (M.ASSESS, M.WITHDRAW) if move is M.CANCEL and order.state in OPEN else ():
        order.state = PRODUCT_ORDER.after(order.state, each)
    order.state = PRODUCT_ORDER.after(order.state, move)
    order.ended_at = work.now
    order.reason = next((each.reason for each in rows if each.reason), None)
    work.audit("order.ended", order.id, {"state": str(order.state), "reason": order.reason})
    if not done:
        say_failed(work, order)
        return
    work.emit(
        ProductOrderCompleted(
            order_id=order.id,
            account_id=order.account_id,
            subscription_ids=tuple(each.subscription_id for each in done if each.action is not Action.NO_CHANGE),
            partial=order.state is S.PARTIAL,
        )
    )


def say_failed(work: Work, order: ProductOrder) -> None:
    """Say that an order delivered nothing, so that what was held for it is let go."""
    work.emit(ProductOrderFailed(order_id=order.id, account_id=order.account_id, reason=order.reason or ""))


def locked(work: Work, order_id: ProductOrderId) -> ProductOrder:
    """An order, held until this Work ends. Raises NotFound."""
    work.flush()
    return found(store.locked(work, order_id), order_id)


def found(order: ProductOrder | None, order_id: ProductOrderId) -> ProductOrder:
    """The order that was looked for. Raises NotFound."""
    if order is None:
        raise NotFound(f"no order {order_id}", field="order_id", fix="see the account's orders")
    return order
