"""What people and the rooms above read of orders: one order with its tasks, its story, its words, the fallout list."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kernel.errors import NotFound
from kernel.events import EventRow
from kernel.work import SystemWork, Work
from oss.inventory.machine import ElementState
from oss.inventory.model import Element, Service
from oss.orders import guard, waits
from oss.orders.machine import IN_FLIGHT, OrderState, TaskState
from oss.orders.model import Fallout, Lane, OrderId, OrderPlan, Priority, ServiceOrder, Task, TaskId, Transcript
from oss.orders.plan import NOBODY, UNDO, Plan
from oss.orders.store import RESTORES_ONLY
from oss.orders.waits import Wait
from oss.specs.tasks import TaskKind

WAITS = (TaskState.READY, TaskState.UNKNOWN)
"""The states in which the next thing is the engine's to do, once the task's lane is open."""
SETTLED = (TaskState.DONE, TaskState.SKIPPED, TaskState.SUPERSEDED)
"""The states in which nothing more is to happen to a step."""
PAGE = 500
"""Rows that one reading returns at most."""


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as people see it: what it is, where, and how far it got."""

    seq: int
    name: str
    element: str
    key: str
    state: TaskState
    attempt: int
    error: str | None
    wanted: dict[str, Any]
    waits_for: str | None = None
    kind: TaskKind = TaskKind.COMMAND
    task_id: TaskId | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of an order's story."""

    at: datetime
    what: str
    detail: dict[str, Any]
    actor: str


def get(work: Work, order_id: OrderId) -> ServiceOrder:
    """An order of the tenant. Raises NotFound."""
    row = work.session.get(ServiceOrder, (work.tenant, order_id), populate_existing=True)
    if row is None:
        raise NotFound(f"no service order {order_id}", field="order", fix="see trunkline order show")
    return row


def wanted_profile(work: Work, order_id: OrderId) -> dict[str, str]:
    """The values that an order wants of its service."""
    service = work.session.get(Service, (work.tenant, get(work, order_id).service_id), populate_existing=True)
    return {} if service is None else dict(service.profile)


def of_parent(work: Work, parent: str) -> list[ServiceOrder]:
    """The orders placed under a caller's reference, oldest first."""
    query = sa.select(ServiceOrder).where(ServiceOrder.tenant == work.tenant, ServiceOrder.parent == parent)
    return list(work.session.scalars(query.order_by(ServiceOrder.id).limit(PAGE)))


def of_service(work: Work, service_id: int) -> list[ServiceOrder]:
    """The latest orders of a service, newest first."""
    query = sa.select(ServiceOrder).where(ServiceOrder.tenant == work.tenant, ServiceOrder.service_id == service_id)
    return list(work.session.scalars(query.order_by(ServiceOrder.id.desc()).limit(PAGE)))


def steps(work: Work, order_id: OrderId) -> list[StepView]:
    """Every step of an order in plan order, the unborn ones as waiting, undo steps behind."""
    plan = work.session.get(OrderPlan, (work.tenant, order_id))
    tasks = {t.seq: t for t in _tasks(work, order_id)}
    views = [
        StepView(
            s.seq, s.name, s.element, s.key, TaskState.WAITING, 0, None, dict(s.state), kind=_kind(s.lane, s.intent)
        )
        for s in (Plan.loads(plan.plan).steps if plan else ())
        if s.seq not in tasks
    ]
    shut = _shut(work) if any(t.state in WAITS for t in tasks.values()) else {}
    outside = {w.seq: w for w in waits.of_order(work, order_id)} if any(not t.lane for t in tasks.values()) else {}
    views += [_view(t, shut, outside.get(t.seq)) for t in tasks.values()]
    return sorted(views, key=lambda v: v.seq)


def _shut(work: Work) -> dict[str, str]:
    """The lanes that wait, and for what."""
    away = sa.select(Element.lane, Element.name).where(Element.state == ElementState.MAINTENANCE)
    found = work.session.execute(sa.select(Lane.name, Lane.waits_for).where(Lane.waits_for.is_not(None)))
    shut = {lane: f"{name} is in maintenance" for lane, name in work.session.execute(away)}
    some = work.session.execute(sa.select(Lane.name, Lane.narrow).where(Lane.narrow.is_not(None)))
    shut |= {f"{RESTORES_ONLY}{name}": reason for name, reason in some if reason is not None}
    return shut | {name: reason for name, reason in found if reason is not None}


def _view(task: Task, shut: Mapping[str, str], wait: Wait | None) -> StepView:
    name, element, intent, wanted, *_ = json.loads(task.command)
    label = name if task.seq < UNDO else f"undo {name}"
    waits_for = shut.get(task.lane) if task.state in WAITS else None
    if waits_for is None and task.state is TaskState.READY and task.priority > Priority.RESTORE:
        waits_for = shut.get(f"{RESTORES_ONLY}{task.lane}")
    if wait is not None and wait.closed_at is None:
        waits_for = waits.sentence(wait)
    return StepView(
        task.seq,
        label,
        element,
        task.key,
        task.state,
        task.attempt,
        task.error,
        wanted,
        waits_for,
        _kind(task.lane, intent),
        None if wait is None else wait.id,
    )


def _kind(lane: str, intent: str) -> TaskKind:
    return TaskKind.COMMAND if lane else TaskKind(intent)


def timeline(work: Work, order_id: OrderId) -> list[Moment]:
    """Every fact of an order in the order of its happening."""
    query = sa.select(EventRow).where(EventRow.tenant == work.tenant, EventRow.subject == int(order_id))
    rows = work.session.scalars(query.order_by(EventRow.id).limit(PAGE))
    return [Moment(row.at, row.kind, json.loads(row.body), row.actor) for row in rows]


def transcript(work: Work, order_id: OrderId) -> list[tuple[int, int, str]]:
    """The words exchanged, secrets masked: (seq, attempt, text) in the order of their happening."""
    query = sa.select(Transcript).where(Transcript.tenant == work.tenant, Transcript.order_id == order_id)
    rows = work.session.scalars(query.order_by(Transcript.at, Transcript.seq, Transcript.attempt).limit(PAGE))
    return [(row.seq, row.attempt, zlib.decompress(row.body).decode()) for row in rows]


@dataclass(frozen=True, slots=True)
class Exchange:
    """The words of one attempt of one step, at the business instant at which they were answered."""

    at: datetime
    seq: int
    attempt: int
    text: str


def words(work: Work, order_id: OrderId) -> list[Exchange]:
    """The words exchanged for an order, secrets masked, in the order of their happening."""
    query = sa.select(Transcript).where(Transcript.tenant == work.tenant, Transcript.order_id == order_id)
    rows = work.session.scalars(query.order_by(Transcript.at, Transcript.seq, Transcript.attempt).limit(PAGE))
    return [Exchange(row.at, row.seq, row.attempt, zlib.decompress(row.body).decode()) for row in rows]


@dataclass(frozen=True, slots=True)
class Said:
    """The words of one attempt at one element."""

    key: tuple[int, int, int]
    element: str
    text: str


def spoken(work: Work) -> list[Said]:
    """The latest words exchanged for any order of the tenant, oldest first."""
    on = (Task.tenant == Transcript.tenant) & (Task.order_id == Transcript.order_id) & (Task.seq == Transcript.seq)
    query = sa.select(Transcript, Task.command).join(Task, on).where(Transcript.tenant == work.tenant)
    moment = sa.func.coalesce(Task.settled_at, Task.run_at)
    latest = query.order_by(moment.desc(), Transcript.order_id.desc(), Transcript.attempt.desc())
    rows = work.session.execute(latest.limit(PAGE)).all()
    return [
        Said((t.order_id, t.seq, t.attempt), json.loads(command)[1], zlib.decompress(t.body).decode())
        for t, command in reversed(rows)
    ]


def fallout(work: Work) -> list[Fallout]:
    """What waits for a person, oldest first."""
    query = sa.select(Fallout).where(Fallout.tenant == work.tenant, Fallout.closed_at.is_(None))
    return list(work.session.scalars(query.order_by(Fallout.opened_at, Fallout.id).limit(PAGE)))


def fallout_of(work: Work, order_id: OrderId) -> list[Fallout]:
    """Everything that ever fell out of an order."""
    query = sa.select(Fallout).where(Fallout.tenant == work.tenant, Fallout.order_id == order_id)
    return list(work.session.scalars(query.order_by(Fallout.id)))


def busy(work: SystemWork) -> bool:
    """Whether anything is ready (backed off included), sent, or unknown: a clock waits until it is not.

    What waits for the end of an incident, for the kill switch, a person or an event is in others' hands and keeps no
    clock.
    """
    narrow = sa.and_(Task.lane.in_(sa.select(Lane.name).where(Lane.narrow.is_not(None))), Task.priority > 0)
    open_lane = sa.and_(
        Task.lane > NOBODY, sa.not_(narrow), Task.lane.not_in(sa.select(Lane.name).where(Lane.waits_for.is_not(None)))
    )
    waiting = sa.and_(Task.state.in_(WAITS), open_lane, sa.not_(guard.spared(work)))
    flying = Task.state.in_([state for state in IN_FLIGHT if state not in WAITS])
    return any(work.connection.execute(sa.select(Task.seq).where(each).limit(1)).first() for each in (flying, waiting))


def held(work: SystemWork) -> int:
    """How many orders wait for a person."""
    query = sa.select(sa.func.count()).select_from(ServiceOrder).where(ServiceOrder.state == OrderState.HELD)
    return int(work.connection.execute(query).scalar_one())


def _tasks(work: Work, order_id: OrderId) -> list[Task]:
    query = sa.select(Task).where(Task.tenant == work.tenant, Task.order_id == order_id).order_by(Task.seq)
    return list(work.session.scalars(query.execution_options(populate_existing=True)))
