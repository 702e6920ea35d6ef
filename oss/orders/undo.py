"""Taking back: the done steps of an order, or of its whole group, one by one, last confirmed first.

An undo is a task with the same life. Its target is what the previous confirmed generation asks for under today's
restrictions; a refused step is taken back too, because nobody vouches for what it left behind.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernel.errors import Conflict
from oss.inventory.model import ServiceId
from oss.orders import finish, prepare
from oss.orders.machine import IN_FLIGHT, OrderMove, OrderState, TaskMove, TaskState
from oss.orders.model import GroupState, OrderId, Phase
from oss.orders.plan import UNDO, Plan
from oss.orders.scratch import Scratch
from oss.orders.store import OrderRow, TaskRow

_OPEN = (OrderState.IN_PROGRESS, OrderState.PENDING, OrderState.PENDING_CANCELLATION, OrderState.HELD)

_REACHED = (TaskState.DONE, TaskState.FAILED, TaskState.SKIPPED, TaskState.SUPERSEDED)
"""The states of a task whose words, once a worker owned it, may have left something behind."""


def members(scratch: Scratch, order: OrderRow) -> list[OrderRow]:
    """The order, or every open order of its group, locked in id order."""
    if order.group_id is None:
        return [order]
    scratch.write()
    keys = scratch.store.members(scratch.unit, order.tenant, order.group_id)
    return [o for o in scratch.lock(keys) if o.state in _OPEN]


def past_return(scratch: Scratch, order: OrderRow) -> str | None:
    """The step of an order, or of its group, that was its point of no return and may have been taken; else None."""
    for member in members(scratch, order):
        final = {step.seq: step.name for step in Plan.loads(member.plan).steps if step.final}
        for task in scratch.take(scratch.store.tasks_of(scratch.unit, [member.key])) if final else ():
            if task.seq in final and task.state in (*IN_FLIGHT, TaskState.DONE):
                return final[task.seq]
    return None


def check_return(scratch: Scratch, order: OrderRow) -> None:
    """Raises Conflict for an order that is past its point of no return."""
    past = past_return(scratch, order)
    if past is not None:
        message = f"{OrderId(order.id)} is past its point of no return ({past})"
        raise Conflict(message, field="order", fix="let it go on, then order the opposite")


def begin(scratch: Scratch, order: OrderRow, *, reason: str, cancelled: bool = False) -> None:
    """Turn an order and its group round: nothing new is sent, what is in flight is awaited, then all is taken back."""
    together = members(scratch, order)
    if order.group_id is not None:
        finish.close_group(scratch, order, GroupState.UNDOING)
    for member in together:
        _turn_round(scratch, member, reason=reason, cancelled=cancelled)
    for task in scratch.take(scratch.store.tasks_of(scratch.unit, [m.key for m in together])):
        if task.seq < UNDO and task.state is TaskState.READY:
            scratch.step(task, TaskMove.SUPERSEDE, error=reason)
    scratch.undoing.add(order.key)


def _turn_round(scratch: Scratch, member: OrderRow, *, reason: str, cancelled: bool) -> None:
    if member.state is OrderState.PENDING:
        finish.cancel_unsent(scratch, member, reason=reason)
        finish.want_again(scratch, member)
        return
    if member.state is OrderState.HELD:
        finish.close_fallout(scratch, member, resolution=reason)
        scratch.move(member, OrderMove.RELEASE)
    if cancelled:
        scratch.move(member, OrderMove.ASK_CANCELLATION)
        scratch.move(member, OrderMove.ACCEPT_CANCELLATION)
    member.phase, member.reason = Phase.UNDO, reason
    scratch.changed_orders[member.key] = member


def proceed(scratch: Scratch, order: OrderRow) -> None:
    """Send the next undo, or end the members when nothing is left to take back; what cannot be stays held."""
    together = [m for m in members(scratch, order) if m.phase is Phase.UNDO]
    scratch.write()
    tasks = scratch.take(scratch.store.tasks_of(scratch.unit, [m.key for m in together]))
    if any(t.state in IN_FLIGHT or (t.seq >= UNDO and t.state is TaskState.READY) for t in tasks):
        return
    last = _last_confirmed(tasks)
    if last is not None:
        _take_back(scratch, next(m for m in together if m.id == last.order_id), last)
        return
    stuck = {t.order_id for t in tasks if t.seq >= UNDO and t.state is TaskState.FAILED}
    for member in together:
        if member.id not in stuck:
            finish.fail(scratch, member)
    if order.group_id is not None and not stuck:
        finish.close_group(scratch, order, GroupState.CLOSED)
    finish.release_next(scratch)


def _last_confirmed(tasks: Sequence[TaskRow]) -> TaskRow | None:
    taken_back = {(t.order_id, t.seq - UNDO) for t in tasks if t.seq >= UNDO}
    reached = [
        t
        for t in tasks
        if t.seq < UNDO and t.owner is not None and t.state in _REACHED and (t.order_id, t.seq) not in taken_back
    ]
    return max(reached, key=lambda t: (t.settled_at or 0, t.order_id, t.seq), default=None)


def _take_back(scratch: Scratch, order: OrderRow, task: TaskRow) -> None:
    step = next(s for s in Plan.loads(order.plan).steps if s.seq == task.seq)
    work = scratch.of(order.tenant)
    subject = prepare.lock(work, ServiceId(order.service_id))
    target = prepare.undo_state(work, subject, step.element, step.key)
    scratch.bear_undo(order, step, target)
