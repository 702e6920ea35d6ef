"""Tasks that no element answers: an event from outside ends them, a person, or an instant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from bss.ordering import service as ordering
from bss.ordering.model import ProductOrderId
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, href, reading, writing
from kernel.work import Work
from oss.inventory.model import ServiceId
from oss.orders import outside, views, waits
from oss.orders.model import OrderId, SignalId, TaskId
from oss.orders.waits import Wait
from oss.specs.tasks import OnTimeout, TaskKind


class TasksAsked(PageAsked):
    """Which tasks: those that wait, of one kind, order or person; `closed` adds those that are over."""

    kind: TaskKind | None = None
    order_id: OrderId | None = None
    assigned: str | None = None
    closed: bool = False


class TaskNamed(Asks):
    """One task."""

    task_id: TaskId


class TaskAssigned(TaskNamed):
    """One task, and the person (`kind:name`) or the queue of people who is to do it."""

    to: str


class TaskCompleted(TaskNamed):
    """One task that a person has done, and the values of its form."""

    values: dict[str, str] = Field(default_factory=dict)


class TaskRefused(TaskNamed):
    """One task that cannot or must not be done, and why."""

    reason: str


class SignalAsked(Asks):
    """An event from outside: its name, what it is about, the sender's own reference; bad news have a reason."""

    event: str
    correlation: str
    reference: str | None = None
    good: bool = True
    reason: str | None = None
    values: dict[str, str] = Field(default_factory=dict)


class FieldGiven(Gives):
    """One value that a person fills in."""

    name: str
    grammar: str
    required: bool
    hint: str


class TaskGiven(Gives):
    """One task: whom or what it waits for until when, what is to be filled in, and how it ended."""

    id: TaskId
    href: str
    order_id: OrderId
    service_id: ServiceId
    seq: int
    kind: TaskKind
    name: str
    event: str | None
    correlation: str | None
    assigned: str | None
    second_person: bool
    form: list[FieldGiven]
    opened_at: datetime
    due_at: datetime | None
    on_timeout: OnTimeout
    waits_for: str | None
    closed_at: datetime | None
    closed_by: str | None
    outcome: str | None
    answers: dict[str, Any] | None


class SignalGiven(Gives):
    """What became of an event: the tasks it ended; with none it is kept until then, and `repeated` counts once."""

    id: SignalId
    event: str
    correlation: str
    tasks: list[TaskId]
    repeated: bool
    kept_until: datetime | None


@reading("task.list", "/tasks")
def listed(work: Work, asked: TasksAsked) -> Page[TaskGiven]:
    """Tasks that wait for a person, an event or an instant, the newest first."""
    where: list[sa.ColumnElement[bool]] = [] if asked.closed else [Wait.closed_at.is_(None)]
    for column, value in ((Wait.kind, asked.kind), (Wait.order_id, asked.order_id), (Wait.assigned, asked.assigned)):
        where += [] if value is None else [column == value]
    rows, total = store.page(work, Wait, asked, *where)
    return Page(items=[_given(row) for row in rows], total=total)


@reading("task.show", "/tasks/{task_id}")
def show(work: Work, asked: TaskNamed) -> TaskGiven:
    """One task, with the form that a person fills in."""
    return _given(waits.get(work, asked.task_id))


@writing("task.assign", "/tasks/{task_id}/assign")
def assign(work: Work, asked: TaskAssigned) -> TaskGiven:
    """Give a manual task to another person or queue of people."""
    return _given(outside.assign(work, asked.task_id, to=asked.to))


@writing("task.complete", "/tasks/{task_id}/complete")
def complete(work: Work, asked: TaskCompleted) -> TaskGiven:
    """Say that you have done it and fill in its form: the order goes on."""
    row = outside.complete(work, asked.task_id, values=asked.values, not_by=_askers(work, asked.task_id))
    return _given(row)


@writing("task.refuse", "/tasks/{task_id}/refuse")
def refuse(work: Work, asked: TaskRefused) -> TaskGiven:
    """Say that it cannot or must not be done: the order does what it does when a step fails."""
    row = outside.refuse(work, asked.task_id, reason=asked.reason, not_by=_askers(work, asked.task_id))
    return _given(row)


@writing("task.signal", "/tasks/signal")
def signal(work: Work, asked: SignalAsked) -> SignalGiven:
    """Tell of an event outside: every task that waits for it goes on, or fails with the reason of bad news."""
    found = outside.signal(
        work,
        asked.event,
        asked.correlation,
        reference=asked.reference,
        good=asked.good,
        reason=asked.reason,
        answers=asked.values,
    )
    row = found.signal
    return SignalGiven(
        id=row.id,
        event=row.event,
        correlation=row.key,
        tasks=list(found.tasks),
        repeated=found.repeated,
        kept_until=row.until if row.used_at is None else None,
    )


def _askers(work: Work, task_id: TaskId) -> list[str]:
    """Whoever asked for a task's order, on the customer's side of the house."""
    parent = views.get(work, waits.get(work, task_id).order_id).parent
    if parent is None or not parent.startswith(f"{ProductOrderId.prefix}_"):
        return []
    return [ordering.get(work, ProductOrderId.parse(parent)).submitted_by]


def _given(row: Wait) -> TaskGiven:
    known = {name: getattr(row, name) for name in TaskGiven.model_fields if hasattr(row, name)}
    known["form"] = [FieldGiven.model_validate(each) for each in waits.form(row)]
    return TaskGiven(
        **known,
        href=href("tasks", row.id),
        correlation=row.key if row.event is not None else None,
        waits_for=waits.sentence(row) if row.closed_at is None else None,
    )
