"""How tasks end that no element answers: by an event, by a person, at an instant, or past their deadline."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kernel.errors import Conflict, Forbidden, Invalid
from kernel.events import EventRow
from kernel.work import Work
from oss.orders import events, finish, run, settle, waits
from oss.orders import service as orders
from oss.orders.incidents import sentence
from oss.orders.machine import TaskMove, TaskState
from oss.orders.model import OrderId, SignalId, TaskId
from oss.orders.plan import PARTLY, Plan
from oss.orders.scratch import Scratch
from oss.orders.store import OrderRow, TaskRow
from oss.orders.waits import Signal, Wait
from oss.specs.tasks import FIELDS, VALUE_LENGTH, OnTimeout, TaskKind, filled_in

TIMEOUT, REFUSED = "timeout", "refused"
"""Why such a task falls out: nobody came in time, or whoever came said no."""


@dataclass(frozen=True, slots=True)
class Signalled:
    """What became of an event: the tasks that it ended, or none, and then it is kept; `repeated` was known before."""

    signal: Signal
    tasks: tuple[TaskId, ...]
    repeated: bool = False


# ---- an event from outside


def signal(
    work: Work,
    event: str,
    key: str,
    *,
    reference: str | None = None,
    good: bool = True,
    reason: str | None = None,
    answers: Mapping[str, str] | None = None,
) -> Signalled:
    """Something happened outside: every task that waits for it goes on or, when it is bad news, fails.

    The same `reference` counts once. An event that nobody waits for yet is kept for seven days. Raises Invalid.
    """
    event, key = _named(event, "event"), _named(key, "correlation")
    known = _known(work, event, key, reference)
    if known is not None:
        return Signalled(known, (), repeated=True)
    told = None if reason is None else sentence(reason, field="reason")
    if not good and told is None:
        raise Invalid("bad news needs its reason", field="reason", fix="say it in a sentence")
    row = Signal(
        tenant=work.tenant,
        id=SignalId.new(),
        event=event,
        key=key,
        reference=None if reference is None else _named(reference, "reference"),
        good=good,
        reason=told,
        answers=_answers(answers or {}),
        at=work.now,
        sent_by=work.actor.name,
        until=work.now + waits.KEPT,
        used_at=None,
    )
    work.session.add(row)
    work.audit("signal.came", row.id, {"event": event, "key": key, "good": good, "reference": reference})
    ended = [wait.id for wait in waits.open_for(work, event, key) if _take(work, wait, row)]
    work.flush()
    return Signalled(row, tuple(ended))


def _take(work: Work, wait: Wait, found: Signal) -> bool:
    """Let one task take an event; False when it was over already."""
    held = _held(work, wait.id)
    if held is None:
        return False
    scratch, order, task, row = held
    found.used_at = work.now
    row.answers = dict(found.answers)
    detail = {"step": row.name, "event": found.event, "key": found.key, "by": found.sent_by, **found.answers}
    work.audit("task.signalled", row.order_id, detail)
    if found.good:
        _fulfil(scratch, order, task)
    else:
        _fail(scratch, order, task, cause=REFUSED, message=found.reason or "bad news")
    _finished(scratch)
    return True


def _known(work: Work, event: str, key: str, reference: str | None) -> Signal | None:
    if reference is None:
        return None
    same = (Signal.tenant == work.tenant, Signal.event == event, Signal.key == key, Signal.reference == reference)
    return work.session.scalars(sa.select(Signal).where(*same)).one_or_none()


def _named(text: str, field: str) -> str:
    told = text.strip()
    if not told or len(told) > VALUE_LENGTH or not told.isprintable():
        raise Invalid(f"has 1 to {VALUE_LENGTH} printable characters", field=field, fix="give it as it is known")
    return told


def _answers(given: Mapping[str, str]) -> dict[str, Any]:
    if len(given) > FIELDS:
        raise Invalid(f"{len(given)} values", field="values", fix=f"at most {FIELDS}")
    return {_named(name, "values"): _named(value, name) for name, value in given.items()}


# ---- a person


def assign(work: Work, task_id: TaskId, *, to: str) -> Wait:
    """Give a manual task to another person (`kind:name`: nobody else may end it) or queue."""
    _, _, _, row = _manual(work, task_id)
    row.assigned = _named(to, "to")
    work.audit("task.assigned", row.order_id, {"step": row.name, "task": str(task_id), "to": row.assigned})
    return row


def complete(work: Work, task_id: TaskId, *, values: Mapping[str, str], not_by: Collection[str] = ()) -> Wait:
    """A person did it and fills in its form: what waits for it goes on.

    Raises Invalid naming a field of the form, Forbidden for who may not, Conflict when it is over or another's.
    """
    scratch, order, task, row = _mine(work, task_id, not_by=not_by)
    row.answers = filled_in(waits.form(row), values)
    work.audit("task.completed", row.order_id, {"step": row.name, "task": str(task_id), **row.answers})
    _fulfil(scratch, order, task)
    _finished(scratch)
    return row


def refuse(work: Work, task_id: TaskId, *, reason: str, not_by: Collection[str] = ()) -> Wait:
    """A person says that it cannot or must not be done: its order does what it does when a step fails."""
    told = sentence(reason, field="reason")
    scratch, order, task, row = _mine(work, task_id, not_by=not_by)
    work.audit("task.refused", row.order_id, {"step": row.name, "task": str(task_id), "reason": told})
    _fail(scratch, order, task, cause=REFUSED, message=f"{work.actor.name} says: {told}")
    _finished(scratch)
    return row


def placer(work: Work, order_id: OrderId) -> str | None:
    """Who placed an order with the network."""
    kind = events.ServiceOrderAcknowledged.kind()
    mine = (EventRow.tenant == work.tenant, EventRow.subject == int(order_id), EventRow.kind == kind)
    return work.session.scalar(sa.select(EventRow.actor).where(*mine).limit(1))


def _mine(work: Work, task_id: TaskId, *, not_by: Collection[str]) -> tuple[Scratch, OrderRow, TaskRow, Wait]:
    found = _manual(work, task_id)
    row, me = found[-1], work.actor.name
    if row.assigned is not None and ":" in row.assigned and row.assigned != me:
        fix = f"trunkline task assign {task_id} --to {me}"
        raise Conflict(f"{task_id} is assigned to {row.assigned}", field="task_id", fix=fix)
    if row.second_person and me in {*not_by, placer(work, row.order_id)}:
        raise Forbidden(f"{me} placed the order", field="task_id", fix="another person must decide it")
    return found


def _manual(work: Work, task_id: TaskId) -> tuple[Scratch, OrderRow, TaskRow, Wait]:
    row = waits.get(work, task_id)
    if row.kind is not TaskKind.MANUAL:
        fix = f"trunkline task signal --event {row.event} --correlation {row.key}" if row.event else "wait for it"
        raise Conflict(f"{task_id} is a {row.kind} task and no person's", field="task_id", fix=fix)
    found = _held(work, task_id)
    if found is None:
        row = waits.get(work, task_id)
        message = f"{task_id} is over: {row.outcome} by {row.closed_by}"
        raise Conflict(message, field="task_id", fix="see trunkline task list")
    return found


# ---- an instant


def look(work: Work, task_id: TaskId) -> bool:
    """Its instant has come: a timer ends, a kept event is taken, and anything else has missed its deadline."""
    held = _held(work, task_id)
    if held is None or held[-1].due_at is None or held[-1].due_at > work.now:
        return False
    scratch, order, task, row = held
    found = None if row.event is None else waits.kept(work, row.event, row.key)
    if found is not None:
        return _take(work, row, found)
    if row.kind is TaskKind.TIMER:
        _fulfil(scratch, order, task)
    else:
        _missed(scratch, order, task, row)
    _finished(scratch)
    return True


def _missed(scratch: Scratch, order: OrderRow, task: TaskRow, row: Wait) -> None:
    waited = f"{row.assigned} has not completed it" if row.kind is TaskKind.MANUAL else f"no {row.event} of {row.key}"
    message = f"{waited} within its deadline"
    work = scratch.of(order.tenant)
    work.audit("task.timedOut", row.order_id, {"step": row.name, "then": str(row.on_timeout)})
    if row.on_timeout is OnTimeout.FAIL:
        _fail(scratch, order, task, cause=TIMEOUT, message=message)
        return
    scratch.step(task, TaskMove.GIVE_UP, error=message)
    if row.on_timeout is OnTimeout.SKIP:
        scratch.step(task, TaskMove.SKIP, error=message)
        step = next(each for each in Plan.loads(order.plan).steps if each.seq == task.seq)
        order.done |= PARTLY if step.enforcing else 0
        scratch.settle(order, task)
        settle.go_on(scratch, order, task)
        return
    scratch.settle(order, task)
    suggestion = "retry to wait once more, skip it, or take the order back"
    finish.hold(scratch, order, task, cause=TIMEOUT, message=f"{row.name}: {message}", suggestion=suggestion)


# ---- what all of them share


def _held(work: Work, task_id: TaskId) -> tuple[Scratch, OrderRow, TaskRow, Wait] | None:
    """A task with its order, locked; None when it is over."""
    order_id = waits.get(work, task_id).order_id
    scratch, order = orders.locked(work, order_id)
    row = waits.get(work, task_id)
    (task,) = scratch.take(scratch.store.tasks(work, [(int(work.tenant), int(order_id), row.seq)]))
    if row.closed_at is not None or task.state is not TaskState.READY:
        return None
    return scratch, order, task, row


def _fulfil(scratch: Scratch, order: OrderRow, task: TaskRow) -> None:
    scratch.step(task, TaskMove.FULFIL)
    scratch.settle(order, task)
    settle.go_on(scratch, order, task)


def _fail(scratch: Scratch, order: OrderRow, task: TaskRow, *, cause: str, message: str) -> None:
    scratch.step(task, TaskMove.GIVE_UP, error=message)
    settle.failed(scratch, order, task, cause=cause, message=message)


def _finished(scratch: Scratch) -> None:
    run.conclude(scratch)
    scratch.write()
