"""One transaction per turn: finish everything answered since the last turn, claim everything ready, nothing else.

The edge opens the Work, calls `turn`, commits, then speaks each sent command through the port and brings the answers
to the next turn. A task is written `sent` before a byte leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kernel.database import now_micros
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork
from oss.inventory.model import ServiceId
from oss.orders import finish, guard, prepare, store, undo
from oss.orders.machine import IN_FLIGHT, OrderState, TaskMove, TaskState
from oss.orders.model import OrderId, Priority, named
from oss.orders.plan import command
from oss.orders.scratch import BULK_SPARES, Scratch, opened
from oss.orders.settle import SECOND, Answer, Policy, settle
from oss.orders.store import OrderRow, TaskKey, TaskRow
from oss.port import Command

STOPPED_FOR_S = 15
"""A cut that the kill switch stops is looked at again after so long; a tenant's own switch wakes it at once."""


@dataclass(slots=True)
class Sent:
    """A command written as sent (or, with `read_only`, a read-back of an unknown one) that the edge must now speak."""

    task: TaskKey
    attempt: int
    lane: str
    command: Command
    read_only: bool
    bulk: bool = False


@dataclass(slots=True)
class Turned:
    """What a turn leaves: commands to speak, lanes with more to do than room, and the tenant each lane served last."""

    sent: list[Sent] = field(default_factory=list)
    backlog: set[str] = field(default_factory=set)
    served: dict[str, int] = field(default_factory=dict)


def turn(
    work: SystemWork,
    answers: Sequence[Answer],
    *,
    worker: str,
    room: Mapping[str, int],
    policy: Policy,
    look: Collection[str] | None = None,
    spare: Mapping[str, int] | None = None,
    after: Mapping[str, int] | None = None,
) -> Turned:
    """Settle the answers and claim what fits into `room` ({leased lane: free slots}).

    Newborn tasks go to any lane of it; only the lanes of `look` (by default all) are searched for older ones. Bulk
    leaves `spare` of a lane's room; tenants take turns within a class, beginning behind the one that `after` names.
    """
    begun = store.of(work).begin(work, worker, sorted({a.task[:2] for a in answers}), [a.task for a in answers])
    scratch = opened(work, now=begun.now)
    scratch.shut, scratch.stopped = begun.shut, begun.stopped
    scratch.spare, scratch.after = spare or {}, after or {}
    scratch.orders = {order.key: order for order in begun.orders}
    scratch.take(begun.tasks)
    for answer in answers:
        settle(scratch, answer, policy)
    conclude(scratch)
    room = {lane: free for lane, free in room.items() if lane not in scratch.shut}
    turned = _claim(scratch, worker=worker, room=room, look=room if look is None else look, policy=policy)
    scratch.write()
    return turned


def conclude(scratch: Scratch) -> None:
    """What settled tasks leave to do: complete, take back, and let go what waited behind."""
    finish.settle_confirmed(scratch)
    for key in sorted(scratch.partial):
        _settle_partial(scratch, scratch.orders[key])
    scratch.partial.clear()
    while scratch.undoing:
        undo.proceed(scratch, scratch.orders[scratch.undoing.pop()])
    finish.release_next(scratch)


def _settle_partial(scratch: Scratch, order: OrderRow) -> None:
    scratch.write()
    tasks = scratch.take(scratch.store.tasks_of(scratch.unit, [order.key]))
    if order.state is not OrderState.IN_PROGRESS or any(t.state in (*IN_FLIGHT, TaskState.READY) for t in tasks):
        return
    if order.done:
        finish.settle_partly(scratch, order, tasks)
    else:
        undo.begin(scratch, order, reason=next((t.error for t in tasks if t.error), None) or "nothing of it is on")


# ---- the claim


def _claim(scratch: Scratch, *, worker: str, room: Mapping[str, int], look: Collection[str], policy: Policy) -> Turned:
    turned = Turned()
    taken: set[tuple[str, str]] = set()
    left = {lane: room[lane] for lane in look if lane in room}
    newborn = [t for t in scratch.born.values() if t.lane in room]
    scratch.unit.heard({f"lane:{t.lane}" for t in newborn})
    found = scratch.claim(left, [(t.lane, t.key) for t in newborn])
    _read_back(scratch, found.lost, left, turned, policy)
    _send_ready(scratch, found.ready, left, taken, turned, worker=worker, policy=policy)
    turned.backlog |= {lane for lane, free in left.items() if free <= 0}
    _send_born(scratch, newborn, found.flying, taken, turned, room=room, worker=worker, policy=policy)
    return turned


def _read_back(scratch: Scratch, lost: Sequence[TaskRow], left: dict[str, int], turned: Turned, policy: Policy) -> None:
    for task in scratch.take(lost):
        if task.state is not TaskState.UNKNOWN or task.run_at > scratch.now or left[task.lane] <= 0:
            continue
        task.attempt += 1
        left[task.lane] -= 1
        spoken = _command(task)
        task.run_at = scratch.now + int((spoken.timeout_s + policy.horizon_s) * SECOND)
        scratch.changed_tasks[task.at] = task
        turned.sent.append(Sent(task.at, task.attempt, task.lane, spoken, read_only=True))


def _send_ready(
    scratch: Scratch,
    ready: Sequence[TaskRow],
    left: dict[str, int],
    taken: set[tuple[str, str]],
    turned: Turned,
    *,
    worker: str,
    policy: Policy,
) -> None:
    found = scratch.take(ready)
    _look_twice(scratch, found)
    for task in found:
        if left[task.lane] - _spared(scratch, task) <= 0:
            turned.backlog.add(task.lane)
        elif task.state is TaskState.READY and task.run_at <= scratch.now and (task.lane, task.key) not in taken:
            left[task.lane] -= _send(scratch, task, taken, turned, worker=worker, policy=policy)


def _spared(scratch: Scratch, task: TaskRow) -> int:
    return scratch.spare.get(task.lane, BULK_SPARES) if task.priority >= Priority.BULK else 0


def _send_born(
    scratch: Scratch,
    newborn: Sequence[TaskRow],
    flying: set[tuple[str, str]],
    taken: set[tuple[str, str]],
    turned: Turned,
    *,
    room: Mapping[str, int],
    worker: str,
    policy: Policy,
) -> None:
    used: dict[str, int] = {}
    for sent in turned.sent:
        used[sent.lane] = used.get(sent.lane, 0) + 1
    _look_twice(scratch, newborn)
    locked = flying | taken
    for task in newborn:
        if room[task.lane] - used.get(task.lane, 0) - _spared(scratch, task) <= 0:
            turned.backlog.add(task.lane)
        elif (task.lane, task.key) not in locked:
            locked.add((task.lane, task.key))
            used[task.lane] = used.get(task.lane, 0) + _send(scratch, task, taken, turned, worker=worker, policy=policy)


def _send(
    scratch: Scratch, task: TaskRow, taken: set[tuple[str, str]], turned: Turned, *, worker: str, policy: Policy
) -> int:
    if task.cut and (_stopped(scratch, task) or (task.at[:2] in scratch.doubtful and _forbidden(scratch, task))):
        return 0
    if scratch.shut and task.priority > Priority.RESTORE and f"{store.RESTORES_ONLY}{task.lane}" in scratch.shut:
        return 0
    spoken = _command(task)
    scratch.step(task, TaskMove.SEND)
    task.attempt, task.owner = task.attempt + 1, worker
    task.deadline_at = scratch.now + int((spoken.timeout_s + policy.horizon_s) * SECOND)
    taken.add((task.lane, task.key))
    bulk = task.priority >= Priority.BULK
    turned.sent.append(Sent(task.at, task.attempt, task.lane, spoken, read_only=False, bulk=bulk))
    turned.served[task.lane] = task.tenant
    return 1


def _look_twice(scratch: Scratch, tasks: Sequence[TaskRow]) -> None:
    """One statement for all cuts among them: which are of protected lines, or under an approval that is over."""
    if keys := sorted({task.at[:2] for task in tasks if task.cut}):
        scratch.doubtful |= scratch.store.doubtful_cuts(scratch.unit, keys, scratch.at)


def _stopped(scratch: Scratch, task: TaskRow) -> bool:
    """Under the kill switch a cut stays ready and is looked at again after a while."""
    if not scratch.stopped or not scratch.stopped & {task.tenant, int(PLATFORM_TENANT)}:
        return False
    task.run_at = scratch.now + STOPPED_FOR_S * SECOND
    if task.at not in scratch.born:
        scratch.changed_tasks[task.at] = task
    return True


def _forbidden(scratch: Scratch, task: TaskRow) -> bool:
    """A line that became protected, or an approval that is over: the order is held for a second person."""
    order = scratch.lock([task.at[:2]])[0]
    work = scratch.of(task.tenant)
    subject = prepare.lock(work, ServiceId(order.service_id))
    if subject.protected and not prepare.approved(work, subject.id):
        cause, reason = "protected", "the line is protected and nobody has approved cutting it"
    elif guard.lapsed(work, OrderId(order.id), order.parent):
        cause, reason = "approvalOver", "the approval of this cut is over: it was good for 24 hours"
    else:
        return False
    scratch.step(task, TaskMove.GIVE_UP, error=reason)
    finish.hold(scratch, order, task, cause=cause, message=reason, suggestion="lift, or have it approved")
    return True


def _command(task: TaskRow) -> Command:
    return command(task.said, order=named(task.order_id), seq=task.seq, key=task.key, generation=task.generation)


# ---- after a crash, and for a turn that cannot land


def recover(work: SystemWork, lanes: Collection[str], *, worker: str) -> int:
    """Tasks another worker sent on these lanes and never answered become unknown; how many there were."""
    scratch = opened(work, now=now_micros(work))
    orphans = scratch.take(scratch.store.orphans(work, sorted(lanes), worker))
    for task in orphans:
        scratch.step(task, TaskMove.LOSE, error="the worker that sent it is gone")
        task.run_at = max(scratch.now, task.deadline_at or 0)
    scratch.write()
    return len(orphans)


def reclaim(work: SystemWork, *, worker: str, known: Collection[tuple[TaskKey, int]]) -> int:
    """Tasks of this worker that landed as sent in a turn whose commit nobody told it of become unknown; how many.

    `known` are the (task, attempt) that it is speaking or has answers of. Raises Fenced.
    """
    store.wait_for_own(work, worker)
    scratch = opened(work, now=now_micros(work))
    lost = [t for t in scratch.take(scratch.store.own(work, worker)) if (t.at, t.attempt) not in known]
    for task in lost:  # nobody spoke them, so no deadline need pass before they are read back
        scratch.step(task, TaskMove.LOSE, error="the commit that sent it was not answered")
        task.run_at = scratch.now
    scratch.write()
    return len(lost)


def park(work: SystemWork, answer: Answer, *, error: str) -> None:
    """An answer that no turn can land: its order goes to fallout with the error, and the others go on."""
    scratch = opened(work, now=now_micros(work))
    orders = scratch.lock([answer.task[:2]])
    tasks = scratch.take(scratch.store.tasks(work, [answer.task]))
    if not orders or not tasks or tasks[0].state is not TaskState.SENT or tasks[0].attempt != answer.attempt:
        return
    scratch.step(tasks[0], TaskMove.REFUSE, error=error)
    finish.hold(
        scratch, orders[0], tasks[0], cause="internal", message=error, suggestion="report it; retry when it is mended"
    )
    scratch.of(answer.task[0]).audit("orderParked", OrderId(answer.task[1]), {"error": error})
    scratch.write()
