"""How an order starts and how it ends: confirmed alone or with its group, failed after its undo, cancelled, held."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from kernel.tables import from_micros
from kernel.work import Work
from oss.inventory import activation, alarms, reverting
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.model import AlarmKind, ServiceId
from oss.orders import events, guard, prepare, store
from oss.orders.machine import ORDER, OrderMove, OrderState, TaskMove, TaskState
from oss.orders.model import OVERLAYS, Fallout, FalloutId, GroupState, OrderGroup, OrderId, Phase, ServiceOrder, Verb
from oss.orders.plan import PARTLY, Plan, forget
from oss.orders.scratch import Scratch, intent_of, intent_text
from oss.orders.store import OrderRow, TaskRow
from oss.orders.supersede import Effect, effects, strongest
from oss.specs.compose import Intent


def start(scratch: Scratch, order: OrderRow, subject: prepare.Subject, intent: Intent, *, plan: Plan) -> None:
    """Write the plan and let the first steps be born; a plan with nothing to enforce is confirmed at once."""
    order.plan, order.whole = plan.dumps(), plan.whole
    order.intent = intent_text(intent)
    store.insert_plan(scratch.unit, order)
    for step in plan.first():
        scratch.bear(order, step)
    if order.whole == 0:
        scratch.confirmed.append(order)


def settle_confirmed(scratch: Scratch) -> None:
    """Complete what is confirmed, groups only as a whole, and let go what waited behind it."""
    ready: list[OrderRow] = []
    while scratch.confirmed:
        order = scratch.confirmed.pop()
        ready += _of_group(scratch, order) if order.group_id else [order]
    complete(scratch, ready)
    release_next(scratch)


def _of_group(scratch: Scratch, order: OrderRow) -> list[OrderRow]:
    work = scratch.of(order.tenant)
    row = work.connection.execute(
        sa.update(OrderGroup)
        .where(OrderGroup.tenant == order.tenant, OrderGroup.id == order.group_id)
        .values(confirmed=OrderGroup.confirmed + 1)
        .returning(OrderGroup.confirmed, OrderGroup.size, OrderGroup.state)
    ).one()
    if row.state is not GroupState.OPEN or row.confirmed < row.size:
        return []
    close_group(scratch, order, GroupState.CLOSED)
    scratch.write()
    return scratch.lock(scratch.store.members(scratch.unit, order.tenant, order.group_id or 0))


def close_group(scratch: Scratch, order: OrderRow, state: GroupState) -> None:
    """Say what a group does from now on."""
    scratch.of(order.tenant).connection.execute(
        sa.update(OrderGroup)
        .where(OrderGroup.tenant == order.tenant, OrderGroup.id == order.group_id)
        .values(state=state)
    )


def complete(scratch: Scratch, ready: Sequence[OrderRow]) -> None:
    """Every enforcing element has confirmed them: the services become what the orders wanted."""
    at = from_micros(scratch.at)
    for order in [each for each in ready if each.done & PARTLY]:
        scratch.write()
        settle_partly(scratch, order, scratch.take(scratch.store.tasks_of(scratch.unit, [order.key])))
    ready = [each for each in ready if not each.done & PARTLY]
    for order in ready:
        scratch.move(order, OrderMove.COMPLETE)
        order.completed_at = scratch.at
        forget(order.plan)
    activation.become_all(scratch.unit, [_confirmed(scratch, order, at) for order in ready])
    for order in ready:
        work = scratch.of(order.tenant)
        work.audit("orderCompleted", OrderId(order.id), {"verb": order.verb, "generation": order.generation})
        scratch.fact(events.ServiceOrderCompleted, order, generation=order.generation, at=at)
        scratch.freed.add((order.tenant, order.service_id))


def _confirmed(scratch: Scratch, order: OrderRow, at: datetime) -> activation.Confirmed:
    work = scratch.of(order.tenant)
    over = order.verb in OVERLAYS
    return activation.Confirmed(work, ServiceId(order.service_id), order.generation, intent_of(order), at, over)


def settle_partly(scratch: Scratch, order: OrderRow, tasks: list[TaskRow]) -> None:
    """What could be done is on and confirmed, the rest is given up and named."""
    missing = _missing(order, tasks)
    scratch.move(order, OrderMove.SETTLE_PARTLY)
    order.completed_at, order.reason = scratch.at, f"without {', '.join(missing)}"
    at = from_micros(scratch.at)
    inventory.become(
        scratch.of(order.tenant),
        ServiceId(order.service_id),
        generation=order.generation,
        intent=intent_of(order),
        at=at,
    )
    scratch.of(order.tenant).audit("orderPartial", OrderId(order.id), {"missing": missing})
    scratch.fact(events.ServiceOrderPartial, order, missing=missing, generation=order.generation, at=at)
    scratch.freed.add((order.tenant, order.service_id))


def _missing(order: OrderRow, tasks: Sequence[TaskRow]) -> list[str]:
    """The components that are not on: given up, skipped, or never come to; what still goes on is not among them."""
    by_seq = {task.seq: task for task in tasks}
    on = {task.said[0] for task in tasks if task.state is TaskState.DONE}
    given_up = (TaskState.FAILED, TaskState.SKIPPED, TaskState.SUPERSEDED)
    names = [
        step.name
        for step in Plan.loads(order.plan).steps
        if (step.enforcing if step.seq not in by_seq else by_seq[step.seq].state in given_up) and step.name not in on
    ]
    return list(dict.fromkeys(names))


def resume(scratch: Scratch, order: OrderRow, tasks: Sequence[TaskRow]) -> None:
    """A held order goes on: what its other branches made possible meanwhile is born, and it may be confirmed."""
    for step in Plan.loads(order.plan).unborn({task.seq for task in tasks}, order.done):
        scratch.bear(order, step)
    if order.done & order.whole == order.whole:
        scratch.confirmed.append(order)
    settle_confirmed(scratch)


def fail(scratch: Scratch, order: OrderRow) -> None:
    """Everything it had done is undone; an activation gives its reservation back."""
    cancelled = order.state is OrderState.PENDING_CANCELLATION
    scratch.move(order, OrderMove.CANCEL if cancelled else OrderMove.FAIL)
    order.completed_at = scratch.at
    work, service_id = scratch.of(order.tenant), ServiceId(order.service_id)
    if order.verb is Verb.ADD:
        inventory.release(work, service_id)
    else:
        want_again(scratch, order)
    work.audit("orderCancelled" if cancelled else "orderFailed", OrderId(order.id), {"reason": order.reason})
    kind = events.ServiceOrderCancelled if cancelled else events.ServiceOrderFailed
    scratch.fact(kind, order, reason=order.reason or "")
    scratch.freed.add((order.tenant, order.service_id))


def want_again(scratch: Scratch, order: OrderRow) -> None:
    """The service wants what its newest other order of that sort asks for, or what the network last confirmed."""
    if order.verb in (Verb.RESTRICT, Verb.LIFT):
        return
    scratch.write()
    others = scratch.store.open_of(scratch.unit, [(order.tenant, order.service_id)])
    others = [o for o in others if o.id != order.id and o.phase is Phase.DO]
    work, service_id = scratch.of(order.tenant), ServiceId(order.service_id)
    if order.verb is Verb.THROTTLE:
        throttling = [o for o in others if o.verb is Verb.THROTTLE]
        reverting.unthrottle(work, service_id, to=intent_of(throttling[-1]) if throttling else None)
        return
    shaping = [o for o in others if o.verb not in OVERLAYS]
    reverting.revert(work, service_id, to=intent_of(shaping[-1]) if shaping else None)


def cancel_unsent(scratch: Scratch, order: OrderRow, *, reason: str) -> None:
    """Call off an order of which nothing was sent, or a held one that a newer one overtakes."""
    if order.state is OrderState.HELD:
        close_fallout(scratch, order, resolution=reason)
        for task in scratch.take(scratch.store.tasks_of(scratch.unit, [order.key])):
            if task.state is TaskState.READY:
                scratch.step(task, TaskMove.SUPERSEDE, error=reason)
    scratch.move(order, OrderMove.CANCEL)
    order.completed_at, order.reason = scratch.at, reason
    scratch.fact(events.ServiceOrderCancelled, order, reason=reason)


def hold(scratch: Scratch, order: OrderRow, task: TaskRow, *, cause: str, message: str, suggestion: str) -> None:
    """Stop for a person: the order is held and the fallout list says where, why and what to do."""
    if order.state is not OrderState.HELD:
        scratch.move(order, OrderMove.HOLD)
        order.reason = message
        scratch.fact(events.ServiceOrderHeld, order, reason=message)
    work = scratch.of(order.tenant)
    row = Fallout(
        tenant=work.tenant,
        id=FalloutId.new(),
        order_id=OrderId(order.id),
        seq=task.seq,
        opened_at=from_micros(scratch.at),
        service_id=ServiceId(order.service_id),
        element=task.said[1] or task.said[2],
        key=task.key,
        cause=cause,
        message=message,
        suggestion=suggestion,
    )
    work.session.add(row)
    alarms.set_off(work, AlarmKind.FALLOUT, element=row.element, key=row.key, message=message)


def close_fallout(scratch: Scratch, order: OrderRow, *, resolution: str, seq: int | None = None) -> None:
    """Somebody, or a newer order, has dealt with it: with one step, or with all of the order."""
    work = scratch.of(order.tenant)
    work.session.flush()
    one = (Fallout.seq == seq,) if seq is not None else ()
    closed = work.connection.execute(
        sa.update(Fallout)
        .where(Fallout.tenant == order.tenant, Fallout.order_id == order.id, Fallout.closed_at.is_(None), *one)
        .values(closed_at=from_micros(scratch.at), closed_by=work.actor.name, resolution=resolution)
        .returning(Fallout.element, Fallout.key)
    ).all()
    for element, key in closed:
        same = (Fallout.element == element, Fallout.key == key, Fallout.closed_at.is_(None))
        if not work.session.scalar(sa.select(sa.exists().where(Fallout.tenant == order.tenant, *same))):
            alarms.clear(work, AlarmKind.FALLOUT, element=element, key=key)


def waits_for_a_person(work: Work, order: OrderRow) -> bool:
    """Whether anything of an order stands in the fallout list still."""
    mine = (Fallout.tenant == order.tenant, Fallout.order_id == order.id, Fallout.closed_at.is_(None))
    return bool(work.session.scalar(sa.select(sa.exists().where(*mine))))


def release_next(scratch: Scratch) -> None:
    """Start what waited for a service let go in this transaction, unless an older order still stands before it."""
    freed = sorted(scratch.freed)
    scratch.freed.clear()
    if not freed:
        return
    before: dict[tuple[int, int], list[OrderRow]] = {}
    for row in scratch.store.open_of(scratch.unit, freed):
        order = scratch.orders.setdefault(row.key, row)
        older = before.setdefault((order.tenant, order.service_id), [])
        if _may_start(scratch, order) and strongest(effects(older, order.verb)) is Effect.PASS:
            _start_waiting(scratch, order)
        if not ORDER.final(order.state):
            older.append(order)
    if scratch.confirmed:
        settle_confirmed(scratch)


def _may_start(scratch: Scratch, order: OrderRow) -> bool:
    """Whether it only waits for its turn; one held for its number of cuts has none before it is approved."""
    if order.state is OrderState.HELD and order.unplanned:
        return guard.cleared(scratch.of(order.tenant), OrderId(order.id))
    return order.state is OrderState.PENDING


def _start_waiting(scratch: Scratch, order: OrderRow) -> None:
    scratch.write_evidence()
    work = scratch.of(order.tenant)
    subject = prepare.lock(work, ServiceId(order.service_id))
    if order.verb is not Verb.TERMINATE and inventory.get(work, subject.id).state is ServiceState.TERMINATED:
        cancel_unsent(scratch, order, reason="the service ended before it")
        return
    intent = prepare.today(work, order, intent_of(order))
    if subject.confirmed is not None:
        intent = prepare.kept(intent, subject.confirmed, order.verb)
    plan = prepare.plan(work, subject, order.verb, intent)
    held = order.state is OrderState.HELD
    scratch.move(order, OrderMove.RELEASE if held else OrderMove.START)
    order.reason = None
    start(scratch, order, subject, intent, plan=plan)
    work.connection.execute(
        sa.update(ServiceOrder)
        .where(ServiceOrder.tenant == order.tenant, ServiceOrder.id == order.id)
        .values(intent=json.loads(order.intent), whole=order.whole)
    )
    scratch.fact(events.ServiceOrderReleased if held else events.ServiceOrderStarted, order)


def recompose(scratch: Scratch, order: OrderRow, subject: prepare.Subject) -> None:
    """Put today's restrictions into the steps of an activation that are not sent yet, so it never comes up open."""
    work = scratch.of(order.tenant)
    intent = prepare.today(work, order, intent_of(order))
    state = {(t.element, t.key): t.state for t in prepare.targets(work, subject, intent)}
    tasks = {t.seq: t for t in scratch.take(scratch.store.tasks_of(scratch.unit, [order.key]))}
    steps = []
    for step in Plan.loads(order.plan).steps:
        task = tasks.get(step.seq)
        if not step.lane or (task is not None and task.state not in (TaskState.READY, TaskState.FAILED)):
            steps.append(step)
            continue
        fresh = replace(step, state=state[step.element, step.key])
        steps.append(fresh)
        if task is not None:
            scratch.retell(task, fresh)
    order.plan = Plan(tuple(steps)).dumps()
    prepare.write_plan(work, order)
