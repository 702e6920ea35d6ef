"""The rows of tasks that no element answers: begun with their task, closed with it, opened again by a retry."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel.errors import Invalid, NotFound
from kernel.ids import TenantId
from kernel.tables import Base, Tenanted
from kernel.time import duration
from kernel.work import SystemWork, Work
from oss.inventory.model import ServiceId
from oss.orders import events
from oss.orders.machine import TaskState
from oss.orders.model import OrderId, SignalId, TaskId
from oss.orders.plan import Step
from oss.orders.store import OrderRow, TaskRow
from oss.specs.tasks import FormField, OnTimeout, TaskKind

PAGE = 200
"""Tasks listed in one answer at most."""
KEPT = timedelta(days=7)
"""How long an event is kept for a task that has not begun yet, and known so that it is not taken twice."""
_WAITING = text("closed_at IS NULL")
_DUE = text("due_at IS NOT NULL")


class Wait(Tenanted, Base):
    """What a task waits for that no element answers: an event (by `key`), a person, an instant of business time.

    `due_at` is its deadline or, of a timer, its end; None once it is closed. `deadline_s` counts anew when it is
    tried again. `form` declares the values a person fills in, `answers` are those that came.
    """

    __tablename__ = "wait"
    __table_args__ = (
        Index("uq_wait_task", "tenant", "order_id", "seq", unique=True),
        Index("ix_wait_open", "tenant", "kind", "key", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_wait_due", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    )
    id: Mapped[TaskId] = mapped_column(primary_key=True)
    order_id: Mapped[OrderId]
    seq: Mapped[int]
    service_id: Mapped[ServiceId]
    kind: Mapped[TaskKind]
    name: Mapped[str]
    key: Mapped[str]
    event: Mapped[str | None]
    assigned: Mapped[str | None]
    second_person: Mapped[bool]
    form: Mapped[list[Any]]
    on_timeout: Mapped[OnTimeout]
    deadline_s: Mapped[int | None]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    outcome: Mapped[str | None]
    answers: Mapped[dict[str, Any] | None]


class Signal(Tenanted, Base):
    """An event from outside: `used_at` is when a task took it; for one that begins later it is kept until `until`."""

    __tablename__ = "signal"
    __table_args__ = (
        Index("ix_signal_kept", "tenant", "event", "key", "at"),
        Index("ix_signal_until", "until"),
        Index(
            "uq_signal_reference",
            *("tenant", "event", "key", "reference"),
            unique=True,
            sqlite_where=text("reference IS NOT NULL"),
            postgresql_where=text("reference IS NOT NULL"),
        ),
    )
    id: Mapped[SignalId] = mapped_column(primary_key=True)
    event: Mapped[str]
    key: Mapped[str]
    reference: Mapped[str | None]
    good: Mapped[bool]
    reason: Mapped[str | None]
    answers: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    sent_by: Mapped[str]
    until: Mapped[datetime]
    used_at: Mapped[datetime | None]


def begin(work: Work, order: OrderRow, step: Step) -> Wait:
    """A task that no element answers has become ready: from now on it waits."""
    said, kind = step.state, TaskKind(step.intent)
    deadline = None if (within := said.get("within")) is None else duration(str(within))
    row = Wait(
        tenant=work.tenant,
        id=TaskId.new(),
        order_id=OrderId(order.id),
        seq=step.seq,
        service_id=ServiceId(order.service_id),
        kind=kind,
        name=step.name,
        key=step.key,
        event=said.get("event"),
        assigned=said.get("assigned"),
        second_person=bool(said.get("second_person", False)),
        form=json.loads(str(said.get("form", "[]"))),
        on_timeout=OnTimeout(str(said.get("on_timeout", OnTimeout.HOLD))),
        deadline_s=None if deadline is None else int(deadline.total_seconds()),
        opened_at=work.now,
        due_at=_ends(work, step) if kind is TaskKind.TIMER else None if deadline is None else work.now + deadline,
    )
    if row.event is not None and kept(work, row.event, row.key) is not None:
        row.due_at = work.now
    work.session.add(row)
    work.emit(
        events.TaskOpened(
            order_id=row.order_id,
            seq=row.seq,
            task_id=row.id,
            task_kind=kind,
            name=row.name,
            key=row.key,
            assigned=row.assigned,
            due_at=row.due_at,
        )
    )
    return row


def _ends(work: Work, step: Step) -> datetime:
    """When a timer ends; one whose instant is over ends at once."""
    after = step.state.get("after")
    if after is not None:
        return work.now + duration(str(after))
    try:
        at = datetime.fromisoformat(str(step.state["at"]))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        message = f"{step.state['at']!r} is no instant with an offset"
        raise Invalid(message, field=step.name, fix="as in 2026-07-01T12:00:00+02:00")
    return at


def follow(work: Work, task: TaskRow) -> None:
    """Close the row of a task that is over, open that of one that is tried again."""
    row = _of_task(work, task)
    if task.state is TaskState.READY:
        row.closed_at = row.closed_by = row.outcome = row.answers = None
        row.opened_at = work.now
        row.due_at = None if row.deadline_s is None else work.now + timedelta(seconds=row.deadline_s)
    else:
        row.closed_at, row.closed_by, row.outcome, row.due_at = work.now, work.actor.name, str(task.state), None


def _of_task(work: Work, task: TaskRow) -> Wait:
    mine = (Wait.tenant == work.tenant, Wait.order_id == task.order_id, Wait.seq == task.seq)
    return work.session.scalars(sa.select(Wait).where(*mine)).one()


# ---- looking


def get(work: Work, task_id: TaskId) -> Wait:
    """One of them, as it is now. Raises NotFound."""
    row = work.session.get(Wait, (work.tenant, task_id), populate_existing=True)
    if row is None:
        raise NotFound(f"no task {task_id}", field="task_id", fix="see trunkline task list")
    return row


def of_order(work: Work, order_id: OrderId) -> list[Wait]:
    """Those of an order, in the order of its plan."""
    mine = (Wait.tenant == work.tenant, Wait.order_id == order_id)
    return list(work.session.scalars(sa.select(Wait).where(*mine).order_by(Wait.seq)))


def open_for(work: Work, event: str, key: str) -> list[Wait]:
    """Those that wait for an event, by the ids of their orders."""
    mine = (Wait.tenant == work.tenant, Wait.closed_at.is_(None), Wait.kind == TaskKind.WAIT, Wait.key == key)
    return list(work.session.scalars(sa.select(Wait).where(*mine, Wait.event == event).order_by(Wait.order_id)))


def kept(work: Work, event: str, key: str) -> Signal | None:
    """The oldest event of that name and key that came and that nobody has used."""
    mine = (Signal.tenant == work.tenant, Signal.event == event, Signal.key == key)
    fresh = (Signal.used_at.is_(None), Signal.until > work.now)
    return work.session.scalars(sa.select(Signal).where(*mine, *fresh).order_by(Signal.at).limit(1)).first()


def form(row: Wait) -> tuple[FormField, ...]:
    """What a person fills in."""
    return tuple(FormField.model_validate(each) for each in row.form)


def sentence(row: Wait) -> str:
    """For whom or what it waits, and until when."""
    until = "" if row.due_at is None else f" until {row.due_at:%d %b %Y %H:%M} UTC, then {row.on_timeout}"
    if row.kind is TaskKind.MANUAL:
        return f"{row.assigned} to complete it{until}"
    if row.kind is TaskKind.WAIT:
        return f"the event {row.event} of {row.key}{until}"
    return "its time" if row.due_at is None else f"{row.due_at:%d %b %Y %H:%M} UTC"


def foretold(step: Step) -> str:
    """For whom or what a step of a plan would wait."""
    said, within = step.state, ""
    if said.get("within") is not None:
        within = f" within {said['within']}, else {said['on_timeout']}"
    if step.intent == TaskKind.MANUAL:
        fields = ", ".join(field["name"] for field in json.loads(str(said.get("form", "[]"))))
        return f"wait for {said['assigned']} to complete it{f' with {fields}' if fields else ''}{within}"
    if step.intent == TaskKind.WAIT:
        return f"wait for the event {said['event']} of {step.key}{within}"
    return f"wait for {said['after']}" if "after" in said else f"wait until {said['at']}"


# ---- what falls due


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, TaskId]]:
    """Those whose deadline, or whose end, has come."""
    ripe = (Wait.due_at.is_not(None), Wait.due_at <= now)
    rows = work.session.execute(sa.select(Wait.tenant, Wait.id).where(*ripe).order_by(Wait.due_at).limit(limit))
    return [(tenant, task_id) for tenant, task_id in rows]


def next_due(work: SystemWork) -> datetime | None:
    """When the next of them comes."""
    waiting = sa.select(Wait.due_at).where(Wait.due_at.is_not(None))
    return work.session.scalar(waiting.order_by(Wait.due_at).limit(1))


def signals_due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, SignalId]]:
    """Events that need not be known any longer; give each to `forget`."""
    over = sa.select(Signal.tenant, Signal.id).where(Signal.until <= now)
    return [(tenant, each) for tenant, each in work.session.execute(over.order_by(Signal.until).limit(limit))]


def next_signal_due(work: SystemWork) -> datetime | None:
    """When the next event need not be known any longer."""
    return work.session.scalar(sa.select(Signal.until).order_by(Signal.until).limit(1))


def forget(work: Work, signal_id: SignalId) -> bool:
    """An event is over; one that nobody has used is told of, for nothing is dropped in silence."""
    row = work.session.get(Signal, (work.tenant, signal_id))
    if row is None:
        return False
    if row.used_at is None:
        work.audit("signal.unused", signal_id, {"event": row.event, "key": row.key, "at": row.at.isoformat()})
    work.session.delete(row)
    return True
