"""How a held order is mended: without the step that failed, with other values, or by taking it all back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from kernel.errors import Conflict, Invalid
from kernel.work import Work
from oss.inventory import exchange
from oss.inventory import service as inventory
from oss.inventory.model import ServiceId
from oss.orders import events, finish, prepare, undo
from oss.orders import service as orders
from oss.orders.decompose import decompose
from oss.orders.machine import OrderMove, OrderState, TaskMove, TaskState
from oss.orders.model import Fallout, OrderId, Phase, Priority, ServiceOrder, Verb
from oss.orders.plan import NOBODY, PARTLY, Plan
from oss.orders.scratch import Scratch, intent_of, intent_text
from oss.orders.service import Placed
from oss.orders.store import OrderRow, TaskRow
from oss.specs.compose import Intent, Target

# ---- without the step


def skip(work: Work, fallout: Fallout, *, reason: str) -> Placed:
    """Go on without a step: what waits for it goes on, its component stays unbilled, the order ends partial.

    A skipped undo leaves on what it names.
    """
    scratch, order = _held(work, fallout.order_id)
    tasks = scratch.take(scratch.store.tasks_of(scratch.unit, [order.key]))
    task = next(each for each in tasks if each.seq == fallout.seq)
    scratch.step(task, TaskMove.SKIP, error=reason)
    scratch.settle(order, task)
    finish.close_fallout(scratch, order, resolution=f"skipped: {reason}", seq=task.seq)
    work.audit("taskSkipped", OrderId(order.id), {"seq": task.seq, "step": task.said[0], "reason": reason})
    if order.phase is Phase.DO:
        step = next(each for each in Plan.loads(order.plan).steps if each.seq == task.seq)
        order.done |= 1 << step.seq | (PARTLY if step.enforcing else 0)
        scratch.changed_orders[order.key] = order
    if not finish.waits_for_a_person(work, order):
        _go_on(scratch, order, tasks)
    scratch.write()
    return _placed(order)


def _go_on(scratch: Scratch, order: OrderRow, tasks: Sequence[TaskRow]) -> None:
    scratch.move(order, OrderMove.RELEASE)
    order.reason = None
    scratch.fact(events.ServiceOrderReleased, order)
    if order.phase is Phase.DO:
        finish.resume(scratch, order, tasks)
    else:
        undo.proceed(scratch, order)


# ---- taken back


def take_back(work: Work, order_id: OrderId, *, reason: str) -> Placed:
    """Undo what a held order (and its group) did; it ends failed."""
    scratch, order = _held(work, order_id)
    orders.check_undoable(order)
    undo.check_return(scratch, order)
    undo.begin(scratch, order, reason=reason)
    undo.proceed(scratch, order)
    work.audit("orderUndoAsked", order_id, {"reason": reason})
    scratch.write()
    return _placed(order)


# ---- with other values


def correct(
    work: Work, order_id: OrderId, *, profile: Mapping[str, str], resources: Mapping[str, str] | None = None
) -> Placed:
    """Want other characteristics, or another piece of the stock, and go on with a new plan.

    Raises Invalid outside the service's grammar, Conflict when the order is not one that shapes its line or when the
    piece to be exchanged was reached already.
    """
    scratch, order = _held(work, order_id)
    if order.phase is Phase.UNDO or order.verb not in (Verb.ADD, Verb.MODIFY):
        message = f"{order_id} ({order.verb}, phase {order.phase}) has nothing to correct"
        raise Conflict(message, field="order", fix="retry it, skip the step, or take it back")
    if not profile and not resources:
        raise Invalid("nothing is corrected", field="profile", fix="name a characteristic or a resource: NAME=VALUE")
    service_id = ServiceId(order.service_id)
    before = prepare.targets(work, prepare.lock(work, service_id), intent_of(order))
    wanted = {**inventory.get(work, service_id).profile, **profile}
    inventory.reshape(work, service_id, profile=wanted)
    for alias, value in (resources or {}).items():
        exchange.piece(work, service_id, alias=alias, value=value)
    subject = prepare.lock(work, service_id)
    intent = prepare.today(work, order, replace(intent_of(order), profile=wanted))
    work.audit("orderCorrected", order_id, {"profile": dict(profile), "resources": dict(resources or {})})
    scratch.fact(events.ServiceOrderCorrected, order, profile=wanted)
    if subject.generation > order.generation and order.verb is not Verb.ADD:
        return _anew(scratch, order, intent)
    return _replan(scratch, order, subject, intent, before=before)


def _anew(scratch: Scratch, order: OrderRow, intent: Intent) -> Placed:
    work = scratch.of(order.tenant)
    finish.cancel_unsent(scratch, order, reason="corrected, and placed anew for the newer generation")
    scratch.write()
    return orders.place(
        work,
        ServiceId(order.service_id),
        intent=intent,
        verb=order.verb,
        priority=Priority(order.priority),
        on_error=order.on_error,
        parent=order.parent,
    )


def _replan(
    scratch: Scratch, order: OrderRow, subject: prepare.Subject, intent: Intent, *, before: Sequence[Target]
) -> Placed:
    """What is done and still right stays; what differs gets new steps behind the old ones, never an old number."""
    work = scratch.of(order.tenant)
    tasks = scratch.take(scratch.store.tasks_of(scratch.unit, [order.key]))
    after = prepare.targets(work, subject, intent)
    _check_unreached(before, after, tasks)
    shown, kinds = prepare.shown_by(work, subject.id, doubtful=tasks)
    left = prepare.leftovers(after, shown, kinds)
    reach = prepare.reach(work, [*after, *left])
    guarded = subject.protected and not prepare.approved(work, subject.id)
    waits, order_of = prepare.outside(work, subject, order.verb, intent)
    over = {task.said[0] for task in tasks if task.lane == NOBODY and task.state in (TaskState.DONE, TaskState.SKIPPED)}
    ahead = ([each for each in waits if each.name not in over], order_of)
    plan = decompose(order.verb, after, shown=shown, reach=reach, protected=guarded, leftovers=left, outside=ahead)
    fresh = plan.steps
    kept = [step for step in Plan.loads(order.plan).steps if any(task.seq == step.seq for task in tasks)]
    shift = max((step.seq for step in kept), default=-1) + 1
    moved = [replace(s, seq=s.seq + shift, requires=tuple(r + shift for r in s.requires)) for s in fresh]
    for task in tasks:
        _withdraw(scratch, task)
    order.plan, order.whole = Plan((*kept, *moved)).dumps(), Plan(tuple(moved)).whole
    _store_intent(work, order, intent)
    finish.close_fallout(scratch, order, resolution="corrected")
    _go_on(scratch, order, tasks)
    scratch.write()
    return _placed(order)


def _withdraw(scratch: Scratch, task: TaskRow) -> None:
    """What failed or was not sent is overtaken by the new steps."""
    if task.state is TaskState.FAILED:
        scratch.step(task, TaskMove.RETRY)
    if task.state is TaskState.READY:
        scratch.step(task, TaskMove.SUPERSEDE, error="corrected")


def _check_unreached(before: Sequence[Target], after: Sequence[Target], tasks: Sequence[TaskRow]) -> None:
    places = {(target.element, target.key) for target in after}
    left = {(target.element, target.key) for target in before} - places
    for task in tasks:
        if (task.said[1], task.key) in left and task.owner is not None:
            message = f"{task.key} on {task.said[1]} was reached already and would be left behind"
            raise Conflict(message, field="resources", fix="take the order back, and order it anew")


def _store_intent(work: Work, order: OrderRow, intent: Intent) -> None:
    order.intent = intent_text(intent)
    prepare.write_plan(work, order)
    mine = (ServiceOrder.tenant == order.tenant, ServiceOrder.id == order.id)
    work.connection.execute(sa.update(ServiceOrder).where(*mine).values(intent=intent.document()))


def _held(work: Work, order_id: OrderId) -> tuple[Scratch, OrderRow]:
    scratch, order = orders.locked(work, order_id)
    if order.state is not OrderState.HELD:
        message = f"{order_id} is {order.state} and waits for nobody"
        raise Conflict(message, field="order", fix="see trunkline fallout list")
    return scratch, order


def _placed(order: OrderRow) -> Placed:
    return Placed(OrderId(order.id), order.state, order.generation)
