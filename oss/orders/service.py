"""Orders for services: placed in the transaction of the change they serve; the row is the hand-off to the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from kernel import rows
from kernel.database import now_micros
from kernel.errors import Conflict, NotFound
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.model import ServiceId
from oss.orders import events, finish, guard, prepare, store, undo
from oss.orders.machine import ORDER, OrderMove, OrderState, TaskMove, TaskState
from oss.orders.model import GroupId, GroupState, OnError, OrderId, Phase, Priority, ServiceOrder, Task, Verb
from oss.orders.plan import UNDO
from oss.orders.scratch import Scratch, intent_of, intent_text, opened
from oss.orders.store import OrderRow
from oss.orders.supersede import Effect, effects, strongest
from oss.specs.compose import Intent

ON_ERROR = {
    Verb.ADD: OnError.ROLLBACK,
    Verb.MODIFY: OnError.ROLLBACK,
    Verb.THROTTLE: OnError.HOLD,
    Verb.RESTRICT: OnError.HOLD,
    Verb.LIFT: OnError.HOLD,
    Verb.TERMINATE: OnError.HOLD,
}
"""What a failed order does when its placer does not say: what protects money or ends a life waits for a person."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What a placement answers: the order and whether it started, waits, or had nothing to do."""

    order_id: OrderId
    state: OrderState
    generation: int


def group(work: Work, size: int) -> GroupId:
    """The shared row of `size` orders that complete together or are undone together."""
    group_id = GroupId.new()
    columns = ("tenant", "id", "size", "confirmed", "state")
    row = (int(work.tenant), int(group_id), size, 0, str(GroupState.OPEN))
    rows.insert(work.connection, "order_group", columns, [row])
    return group_id


def place(
    work: Work,
    service_id: ServiceId,
    *,
    intent: Intent,
    verb: Verb,
    priority: Priority = Priority.NORMAL,
    on_error: OnError | None = None,
    group: GroupId | None = None,
    parent: str | None = None,
    order_id: OrderId | None = None,
) -> Placed:
    """Raise the service's generation and order the network to follow its intent.

    `parent` is the caller's own reference and comes back in every fact; `order_id` is the one that was promised to
    whoever planned it. Raises NotFound for an unknown service,
    Conflict when an open order does not let this one in (oss/orders/supersede.py).
    """
    found = prepare.approach(work, service_id)
    subject = found.subject
    scratch = opened(work, now=found.now)
    order = OrderRow(
        tenant=int(work.tenant),
        id=int(order_id or OrderId.new()),
        service_id=int(service_id),
        verb=verb,
        state=ORDER.initial,
        phase=Phase.DO,
        priority=priority,
        on_error=on_error or ON_ERROR[verb],
        generation=subject.generation,
        done=0,
        whole=0,
        group_id=None if group is None else int(group),
        parent=parent,
        owner=subject.owner,
        intent="",
        placed_at=scratch.at,
    )
    scratch.orders[order.key] = order
    _admit(scratch, order, found, intent)
    return Placed(OrderId(order.id), order.state, order.generation)


def _admit(scratch: Scratch, order: OrderRow, found: prepare.Approached, intent: Intent) -> None:
    work, subject, older = scratch.of(order.tenant), found.subject, found.older
    words = effects(older, order.verb)
    cuts = order.verb in guard.CUTS and Effect.REFUSE not in words
    if cuts and not guard.admit(work, parent=order.parent):
        _hold(scratch, order, intent)
        return
    for other, word in zip(older, words, strict=True):
        scratch.orders[other.key] = other
        if word is Effect.REFUSE:
            raise Conflict(
                f"{order.verb} cannot pass {OrderId(other.id)} ({other.verb}, {other.state}) on {subject.id}",
                field="service",
                fix=f"see trunkline order show {OrderId(other.id)}",
            )
        if word is Effect.SUPERSEDE:
            finish.cancel_unsent(scratch, other, reason=f"overtaken by {OrderId(order.id)}")
        elif word is Effect.MERGE:
            finish.recompose(scratch, other, subject)
        elif word is Effect.PASS and subject.confirmed is not None:
            intent = prepare.kept(intent, subject.confirmed, order.verb)
        elif word is Effect.PASS and other.verb is Verb.ADD:
            finish.recompose(scratch, other, subject)
    waits = strongest(words) is Effect.WAIT
    order.intent = intent_text(intent)
    scratch.move(order, OrderMove.QUEUE if waits else OrderMove.START)
    scratch.fact(events.ServiceOrderAcknowledged, order, generation=order.generation, state=order.state)
    work.audit("orderPlaced", OrderId(order.id), {"verb": order.verb, "service": str(subject.id)})
    if waits:
        _lend_priority(work, order, older)
    else:
        doubtful = scratch.store.tasks_of(scratch.unit, [o.key for o in older if o.state is OrderState.HELD])
        plan = prepare.plan(work, subject, order.verb, intent, doubtful=doubtful, near=found.near)
        finish.start(scratch, order, subject, intent, plan=plan)
    del scratch.changed_orders[order.key]
    store.insert_orders(scratch.unit, [order])
    finish.settle_confirmed(scratch)
    scratch.write()


def _hold(scratch: Scratch, order: OrderRow, intent: Intent) -> None:
    """It would cut more lines than it may: it is stored and touches nothing until a second person approves it."""
    work = scratch.of(order.tenant)
    order.intent, order.reason = intent_text(intent), guard.hold(work, OrderId(order.id))
    scratch.move(order, OrderMove.HOLD)
    scratch.fact(events.ServiceOrderAcknowledged, order, generation=order.generation, state=order.state)
    scratch.fact(events.ServiceOrderHeld, order, reason=order.reason)
    del scratch.changed_orders[order.key]
    store.insert_orders(scratch.unit, [order])
    scratch.write()


def approve(work: Work, order_id: OrderId) -> Placed:
    """Let a cut go that was held for its number, as the second person; one that fell out since is sent again.

    Raises NotFound, Conflict when it waits for nobody, Forbidden for whoever placed it.
    """
    scratch, order = locked(work, order_id)
    prepare.lock(work, ServiceId(order.service_id))
    if order.state is not OrderState.HELD:
        raise Conflict(f"{order_id} is {order.state}", field="order_id", fix="see trunkline guard held")
    guard.approve(work, order_id, parent=order.parent)
    if order.unplanned:
        scratch.freed.add((order.tenant, order.service_id))
        finish.release_next(scratch)
        scratch.write()
        return Placed(order_id, order.state, order.generation)
    return retry(work, order_id)


def _lend_priority(work: Work, order: OrderRow, older: list[OrderRow]) -> None:
    """What others wait for goes at the pace of the most urgent of them."""
    slower = [o.id for o in older if o.priority > order.priority]
    if not slower:
        return
    work.connection.execute(
        sa.update(ServiceOrder)
        .where(ServiceOrder.tenant == work.tenant, ServiceOrder.id.in_(slower))
        .values(priority=order.priority)
    )
    work.connection.execute(
        sa.update(Task)
        .where(Task.tenant == work.tenant, Task.order_id.in_(slower), Task.state == TaskState.READY)
        .values(priority=order.priority)
    )


# ---- for people


def retry(work: Work, order_id: OrderId) -> Placed:
    """Let a held order go on: its failed tasks are sent again; overtaken by a newer generation, it is placed anew."""
    scratch, order = locked(work, order_id)
    prepare.lock(work, ServiceId(order.service_id))
    if order.state is OrderState.HELD and order.unplanned:
        fix = f"another person: trunkline guard approve {order_id}"
        raise Conflict(f"{order_id} waits for a second person ({order.reason})", field="order", fix=fix)
    others = [o for o in scratch.store.open_of(work, [(order.tenant, order.service_id)]) if o.id != order.id]
    if order.verb is not Verb.ADD and order.phase is Phase.DO and _passed(work, order, others):
        return _again(scratch, order, others)
    scratch.move(order, OrderMove.RELEASE)
    order.reason = None
    finish.close_fallout(scratch, order, resolution="retried")
    tasks = scratch.take(scratch.store.tasks_of(scratch.unit, [order.key]))
    for task in tasks:
        if task.state is TaskState.FAILED and not (order.phase is Phase.UNDO and task.seq < UNDO):
            scratch.step(task, TaskMove.RETRY)
            task.failures, task.run_at, task.settled_at = 0, scratch.now, None
            if task.lane:
                work.hint(f"lane:{task.lane}")
    scratch.fact(events.ServiceOrderReleased, order)
    if order.phase is Phase.DO:
        finish.resume(scratch, order, tasks)
    work.audit("orderRetried", order_id)
    scratch.write()
    return Placed(order_id, order.state, order.generation)


def _passed(work: Work, order: OrderRow, others: Sequence[OrderRow]) -> bool:
    """Whether a newer generation was sent already; one that still waits behind this order has not passed it."""
    sent = any(o.generation > order.generation and o.state is not OrderState.PENDING for o in others)
    return sent or inventory.get(work, ServiceId(order.service_id)).confirmed_generation > order.generation


def _again(scratch: Scratch, order: OrderRow, others: Sequence[OrderRow]) -> Placed:
    """Placed anew as the newest, unless another one that waits already says what the service is to be."""
    work = scratch.of(order.tenant)
    finish.cancel_unsent(scratch, order, reason="placed anew for the newer generation")
    scratch.freed.add((order.tenant, order.service_id))
    finish.release_next(scratch)
    scratch.write()
    if any(o.verb in (Verb.MODIFY, Verb.TERMINATE) and o.generation > order.generation for o in others):
        return Placed(OrderId(order.id), order.state, order.generation)
    intent = prepare.today(work, order, intent_of(order))
    return place(
        work,
        ServiceId(order.service_id),
        intent=intent,
        verb=order.verb,
        priority=Priority(order.priority),
        on_error=order.on_error,
        parent=order.parent,
    )


def cancel(work: Work, order_id: OrderId, *, reason: str) -> Placed:
    """Call an order off: a waiting one at once, a running or held one (and its group) by undoing what it did.

    Raises Conflict when it has ended, is being taken back already, or carries a restriction: that one is lifted.
    """
    scratch, order = locked(work, order_id)
    check_undoable(order)
    if order.state is OrderState.PENDING and order.group_id is None:
        finish.cancel_unsent(scratch, order, reason=reason)
        finish.want_again(scratch, order)
    else:
        undo.check_return(scratch, order)
        undo.begin(scratch, order, reason=reason, cancelled=True)
        undo.proceed(scratch, order)
    work.audit("orderCancelAsked", order_id, {"reason": reason})
    scratch.write()
    return Placed(order_id, order.state, order.generation)


def check_undoable(order: OrderRow) -> None:
    """Raises Conflict, which says why an order cannot be taken back now."""
    order_id = OrderId(order.id)
    if ORDER.final(order.state):
        raise Conflict(f"{order_id} is {order.state}", field="order", fix="order the opposite: nothing of it is open")
    if order.phase is Phase.UNDO:
        fix = "trunkline fallout list" if order.state is OrderState.HELD else "wait for its end"
        raise Conflict(f"{order_id} is being taken back already ({order.reason})", field="order", fix=fix)
    if order.verb in (Verb.RESTRICT, Verb.LIFT):
        message = f"{order_id} carries the restrictions that stand on its line"
        raise Conflict(message, field="order", fix="change them: trunkline line lift or line restrict")


def locked(work: Work, order_id: OrderId) -> tuple[Scratch, OrderRow]:
    """An order and its service, held until this Work ends. Raises NotFound."""
    work.flush()
    scratch = opened(work, now=now_micros(work))
    found = scratch.lock([(int(work.tenant), int(order_id))])
    if not found:
        raise NotFound(f"no service order {order_id}", field="order", fix="see trunkline order show")
    return scratch, found[0]
