"""A customer's order: everything is reserved when it is submitted; the network is asked once its gates are open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bss.catalog import service as catalog
from bss.catalog.model import Price
from bss.customers.model import AccountId
from bss.ordering import ending, holding, planning, starting, store
from bss.ordering.events import (
    ProductOrderAcknowledged,
    ProductOrderHeld,
    ProductOrderStarted,
)
from bss.ordering.machine import PRODUCT_ORDER, ProductOrderMove, ProductOrderState
from bss.ordering.model import JOINED, Action, ProductOrder, ProductOrderGate, ProductOrderId, ProductOrderItem
from bss.ordering.request import SubmitRequest
from bss.subscriptions import second_thoughts
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import SubscriptionId
from kernel.errors import Conflict, NotFound
from kernel.ids import TenantId
from kernel.money import Money
from kernel.work import SystemWork, Work
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.service import RESERVATION
from oss.orders import service as orders
from oss.orders.events import (
    ServiceOrderCancelled,
    ServiceOrderCompleted,
    ServiceOrderFailed,
    ServiceOrderHeld,
    ServiceOrderPartial,
    ServiceOrderReleased,
)
from oss.orders.model import GroupId, OrderId, Priority

PAYMENT = "payment"
"""The gate that opens when the amount is held on the customer's method."""
PAGE = 200
"""Orders listed in one answer at most."""

S, M = ProductOrderState, ProductOrderMove


# ---- looking


def get(work: Work, order_id: ProductOrderId) -> ProductOrder:
    """An order of the tenant. Raises NotFound."""
    return ending.found(store.order(work, order_id), order_id)


def items(work: Work, order_id: ProductOrderId) -> list[ProductOrderItem]:
    """An order's items as submitted."""
    return store.items(work, order_id)


def gates(work: Work, order_id: ProductOrderId) -> list[ProductOrderGate]:
    """What an order waited or waits for."""
    return store.gates(work, order_id)


def of_account(work: Work, account_id: AccountId, *, limit: int = PAGE) -> list[ProductOrder]:
    """An account's latest orders, the newest first."""
    return store.of_account(work, account_id, limit=min(limit, PAGE))


# ---- submitting


def submit(work: Work, request: SubmitRequest, *, priority: Priority = Priority.INTERACTIVE) -> ProductOrder:
    """Accept an order: freeze its prices, reserve all it needs, and wait at its gates or begin.

    The same key with the same body answers with the same order; one that names its plan uses what was held for it.
    Raises Conflict for another body or a stale plan, and whatever names a bad offering, number, currency or line;
    nothing is changed then.
    """
    known = store.by_key(work, request.key)
    if known is not None:
        return _repeated(known, request)
    plan = planning.plan(work, request)
    held = holding.claim(work, request, plan)
    order = ProductOrder(
        tenant=work.tenant,
        id=ProductOrderId.new(),
        account_id=request.account_id,
        state=PRODUCT_ORDER.initial,
        atomic=request.atomic,
        method_id=request.method_id,
        amount_minor=plan.owed.minor,
        currency=plan.owed.currency,
        priority=priority,
        key=request.key,
        body_hash=request.body_hash(),
        submitted_by=work.actor.name,
        submitted_at=work.now,
        start_at=request.start_at,
    )
    work.session.add(order)
    work.session.add_all(planning.reserve(work, order, plan, held=held))
    starting.keep(work, order)
    dated = (starting.START,) if request.start_at is not None else ()
    gated = (*dated, *((PAYMENT,) if plan.gated else ()))
    work.emit(
        ProductOrderAcknowledged(
            order_id=order.id,
            account_id=order.account_id,
            amount_minor=order.amount_minor,
            currency=order.currency,
            method_id=order.method_id,
            gates=dated or gated,
        )
    )
    work.audit("order.submitted", order.id, {"items": len(plan.lines), "amount": str(plan.owed), "gates": gated})
    if gated:
        _wait(work, order, gated)
    else:
        _begin(work, order)
    return order


def preview(work: Work, request: SubmitRequest) -> Money:
    """What an order would owe on its first day, tax included; reserves and stores nothing."""
    return planning.plan(work, request).owed


def _repeated(known: ProductOrder, request: SubmitRequest) -> ProductOrder:
    if known.body_hash != request.body_hash():
        raise Conflict(
            f"{request.key!r} was used for another order, {known.id}",
            field="key",
            fix="give each order its own key; repeat a key only with the same body",
        )
    return known


def _wait(work: Work, order: ProductOrder, gates: Sequence[str]) -> None:
    order.state = PRODUCT_ORDER.after(order.state, M.WAIT)
    for item in store.items(work, order.id):
        item.state = PRODUCT_ORDER.after(item.state, M.WAIT)
    for name in gates:
        later = order.start_at if name == starting.START else None
        deadline = later if order.start_at is not None else work.now + RESERVATION
        work.session.add(ProductOrderGate(tenant=work.tenant, order_id=order.id, name=name, deadline=deadline))


# ---- gates


def open_gate(work: Work, order_id: ProductOrderId, gate: str = PAYMENT) -> ProductOrder:
    """What the order waited for is there: the network is asked once no gate is shut; twice is once.

    An order that has ended meanwhile says so again, so that what was held for it is let go.
    """
    order = ending.locked(work, order_id)
    row = _gate(work, order, gate)
    if row.closed_at is not None:
        ending.say_failed(work, order)
    elif row.opened_at is None:
        row.opened_at, row.deadline = work.now, None
        work.audit("order.gate.opened", order_id, {"gate": gate})
        if all(other.opened_at is not None for other in store.gates(work, order_id)):
            _begin(work, order)
    return order


def close_gate(work: Work, order_id: ProductOrderId, gate: str = PAYMENT, *, reason: str) -> ProductOrder:
    """What the order waited for will not come: it is cancelled and its reservations go back; twice is once."""
    order = ending.locked(work, order_id)
    row = _gate(work, order, gate)
    if row.opened_at is None and row.closed_at is None:
        row.reason = reason
        _cancel(work, order, reason=reason)
    return order


def cancel(work: Work, order_id: ProductOrderId, *, reason: str) -> ProductOrder:
    """The customer withdraws while nothing has been asked of the network. Raises IllegalTransition after that."""
    order = ending.locked(work, order_id)
    _cancel(work, order, reason=reason)
    return order


def expire(work: Work, order_id: ProductOrderId) -> bool:
    """Let a dated order begin; cancel one whose gate stayed shut past its deadline; False when it is not so."""
    order = ending.locked(work, order_id)
    late = [row for row in store.gates(work, order_id) if row.deadline is not None and row.deadline <= work.now]
    if late and late[0].name == starting.START:
        _start(work, order)
    elif late:
        _cancel(work, order, reason=f"the {late[0].name} gate stayed shut until its deadline")
    return bool(late)


def _start(work: Work, order: ProductOrder) -> None:
    """Its date has come: it is paid for and begins, unless what it asks for can no longer be done."""
    reason = starting.refused(work, order)
    if reason is not None:
        _cancel(work, order, reason=reason)
        return
    open_gate(work, order.id, starting.START)
    shut = [row for row in store.gates(work, order.id) if row.opened_at is None]
    for row in shut:
        row.deadline = work.now + RESERVATION
    if shut:
        starting.ask_payment(work, order)


def lost_reservation(work: Work, subscription_id: SubscriptionId) -> None:
    """What an order held for a new line went back to the stock: it is cancelled if it still waits; twice is once."""
    for item in store.items_of(work, subscription_id):
        order = ending.locked(work, item.order_id)
        if order.state is S.PENDING:
            _cancel(work, order, reason="its reservation ran out")


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, ProductOrderId]]:
    """Orders whose gate's deadline has passed; give each to `expire`."""
    return store.due(work, now, limit)


def next_due(work: SystemWork) -> datetime | None:
    """The earliest deadline of a gate that is still shut."""
    return store.next_due(work)


def _cancel(work: Work, order: ProductOrder, *, reason: str) -> None:
    order.state = PRODUCT_ORDER.after(order.state, M.CANCEL)
    order.ended_at, order.reason = work.now, reason
    for row in store.gates(work, order.id):
        if row.deadline is not None:
            row.closed_at, row.deadline = work.now, None
    for item in store.items(work, order.id):
        item.state = PRODUCT_ORDER.after(item.state, M.CANCEL)
        if item.action is Action.ADD:
            _give_back(work, item)
    work.audit("order.cancelled", order.id, {"reason": reason})
    ending.say_failed(work, order)


def _give_back(work: Work, item: ProductOrderItem) -> None:
    if inventory.get(work, item.service_id).state is ServiceState.RESERVED:
        inventory.release(work, item.service_id)


# ---- delivering


def _begin(work: Work, order: ProductOrder) -> None:
    order.state = PRODUCT_ORDER.after(order.state, M.START)
    order.started_at = work.now
    rows = store.items(work, order.id)
    joined = [item for item in rows if item.action in JOINED]
    group = orders.group(work, len(joined)) if order.atomic and len(joined) > 1 else None
    for item in rows:
        item.state = PRODUCT_ORDER.after(item.state, M.START)
        item.service_order_id = _deliver(work, order, item, group=group)
    work.emit(ProductOrderStarted(order_id=order.id, account_id=order.account_id))
    work.audit("order.started", order.id)
    for item in rows:
        if item.action is Action.NO_CHANGE:
            ending.end_item(work, item, M.COMPLETE, reason=None)


def _deliver(work: Work, order: ProductOrder, item: ProductOrderItem, *, group: GroupId | None) -> OrderId | None:
    if item.action is Action.NO_CHANGE:
        return None
    if item.action is Action.DELETE:
        return subscriptions.terminate(
            work, item.subscription_id, cause="customer", parent=str(order.id), order_id=item.service_order_id
        )
    if item.action is Action.MODIFY:
        return subscriptions.change(
            work,
            item.subscription_id,
            item.offering,
            version=item.offering_hash,
            parent=str(order.id),
            group=group,
            on_error=item.on_error,
            order_id=item.service_order_id,
            priority=Priority(order.priority),
        )
    _, order_id = subscriptions.create(
        work,
        order.account_id,
        catalog.offering(work, item.offering, item.offering_hash),
        order_ref=str(order.id),
        subscription_id=item.subscription_id,
        service_id=item.service_id,
        prices=[Price.model_validate(price) for price in item.prices],
        quantity=item.quantity,
        group=group,
        on_error=item.on_error,
        order_id=item.service_order_id,
        priority=Priority(order.priority),
    )
    return order_id


def delivered(work: Work, event: ServiceOrderCompleted | ServiceOrderPartial) -> None:
    """The network confirmed a service's generation, or part of it: every item it carries is done; twice is once."""
    subscription = subscriptions.by_service(work, event.service_id)
    if subscription is None:
        return
    missing = event.missing if isinstance(event, ServiceOrderPartial) else []
    subscriptions.confirmed(
        work, subscription.id, verb=event.verb, generation=event.generation, at=event.at, missing=missing
    )
    ending.settle(work, subscription.id, completed=event.verb, reason="overtaken by a newer order", missing=missing)


def failed(work: Work, event: ServiceOrderFailed | ServiceOrderCancelled) -> None:
    """The network could not deliver an item, or was called off, and what was done is undone; twice is once."""
    item = store.item_of(work, event.order_id)
    if item is None or item.state not in ending.MOVING:
        return
    gone = isinstance(event, ServiceOrderFailed)
    if item.state is S.PENDING_CANCELLATION:
        _called_off(work, item, event)
    elif item.action is Action.ADD:
        second_thoughts.abort(work, item.subscription_id, reason=event.reason)
        ending.end_item(work, item, M.FAIL, reason=event.reason)
    elif item.action is Action.MODIFY:
        subscriptions.unchanged(work, item.subscription_id, order_id=event.order_id, failed=gone, reason=event.reason)
        ending.settle(work, item.subscription_id, completed=None, reason=event.reason)
    elif gone:
        ending.end_item(work, item, M.FAIL, reason=event.reason)


def _called_off(work: Work, item: ProductOrderItem, event: ServiceOrderFailed | ServiceOrderCancelled) -> None:
    if item.action is Action.ADD:
        second_thoughts.withdraw(work, item.subscription_id, reason=event.reason)
    elif item.action is Action.MODIFY:
        subscriptions.unchanged(work, item.subscription_id, order_id=event.order_id, failed=True, reason=event.reason)
    else:
        second_thoughts.reinstate(work, item.subscription_id)
    ending.end_item(work, item, M.CANCEL, reason=event.reason)


def held(work: Work, event: ServiceOrderHeld) -> None:
    """A step of an item waits for a person, and the order with it; twice is once."""
    item = store.item_of(work, event.order_id)
    if item is None or item.state is not S.IN_PROGRESS:
        return
    item.state = PRODUCT_ORDER.after(item.state, M.HOLD)
    order = ending.locked(work, item.order_id)
    if order.state is S.IN_PROGRESS:
        order.state = PRODUCT_ORDER.after(order.state, M.HOLD)
    work.emit(ProductOrderHeld(order_id=order.id, account_id=order.account_id, reason=event.reason))


def released(work: Work, event: ServiceOrderReleased) -> None:
    """A person let a held item go on; twice is once."""
    item = store.item_of(work, event.order_id)
    if item is None or item.state is not S.HELD:
        return
    item.state = PRODUCT_ORDER.after(item.state, M.RELEASE)
    order = ending.locked(work, item.order_id)
    if order.state is S.HELD and all(each.state is not S.HELD for each in store.items(work, order.id)):
        order.state = PRODUCT_ORDER.after(order.state, M.RELEASE)


def _gate(work: Work, order: ProductOrder, name: str) -> ProductOrderGate:
    for row in store.gates(work, order.id):
        if row.name == name:
            return row
    raise NotFound(f"{order.id} has no gate {name!r}", field="gate", fix="see the order's gates")
