"""The engine's tables. A task row is born when it becomes ready; the plan is write-once JSON in a row of its own."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel.ids import Id
from kernel.tables import Base, Tenanted
from oss.inventory.model import ServiceId
from oss.orders.machine import IN_FLIGHT, OPEN_ORDERS, OrderState, TaskState

NAMED = 16_384
"""Orders whose text is remembered: as many as are under way on a busy worker."""


class OrderId(Id, prefix="sor"):
    """A service order."""


@lru_cache(maxsize=NAMED)
def named(order_id: int) -> str:
    """An order's id as text: its commands and facts say it over and over."""
    return str(OrderId(order_id))


class GroupId(Id, prefix="grp"):
    """Service orders that complete or fail together."""


class FalloutId(Id, prefix="flt"):
    """One thing that waits for a person."""


class IncidentId(Id, prefix="inc"):
    """One trouble of an element that people know of."""


class TaskId(Id, prefix="tsk"):
    """One task that no element answers: an event, a person or an instant."""


class SignalId(Id, prefix="sig"):
    """One event from outside."""


class Verb(StrEnum):
    """What an order asks for."""

    ADD = "add"
    MODIFY = "modify"
    THROTTLE = "throttle"
    RESTRICT = "restrict"
    LIFT = "lift"
    TERMINATE = "terminate"


OVERLAYS = (Verb.RESTRICT, Verb.LIFT, Verb.THROTTLE)
"""What lies over a line's shape: such an order changes none of it, and waits behind no held one."""


class Priority(IntEnum):
    """The classes of claim order; a smaller number goes first."""

    RESTORE = 0
    INTERACTIVE = 10
    NORMAL = 20
    BULK = 30


class OnError(StrEnum):
    """What an order does when a task fails for good."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    PARTIAL = "partial"


class Phase(StrEnum):
    """Whether an open order is doing or undoing."""

    DO = "do"
    UNDO = "undo"


class GroupState(StrEnum):
    """What the members of a group do together."""

    OPEN = "open"
    UNDOING = "undoing"
    CLOSED = "closed"


def _one_of(column: str, states: tuple[StrEnum, ...]) -> Any:
    return text(f"{column} IN ({', '.join(repr(str(s)) for s in states)})")


_OPEN = _one_of("state", OPEN_ORDERS)
_FLYING = _one_of("state", IN_FLIGHT)
_READY = text(f"state = '{TaskState.READY}'")
_LOST = text(f"state = '{TaskState.UNKNOWN}'")
_GROUPED = text("group_id IS NOT NULL")
_ASKED = text("parent IS NOT NULL")


class ServiceOrder(Tenanted, Base):
    """A request to bring one service to one generation of its intent."""

    __tablename__ = "service_order"
    __table_args__ = (
        Index("ix_service_order_open", "tenant", "service_id", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_service_order_group", "tenant", "group_id", sqlite_where=_GROUPED, postgresql_where=_GROUPED),
        Index("ix_service_order_parent", "tenant", "parent", sqlite_where=_ASKED, postgresql_where=_ASKED),
    )
    id: Mapped[OrderId] = mapped_column(primary_key=True)
    service_id: Mapped[ServiceId]
    verb: Mapped[Verb]
    state: Mapped[OrderState]
    phase: Mapped[Phase]
    priority: Mapped[int]
    on_error: Mapped[OnError]
    generation: Mapped[int]
    done: Mapped[int]
    whole: Mapped[int]
    group_id: Mapped[GroupId | None]
    parent: Mapped[str | None]
    owner: Mapped[str | None]
    intent: Mapped[dict[str, Any]]
    placed_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class OrderPlan(Tenanted, Base):
    """What an order will do: tasks, requirements, parameters; written when it starts."""

    __tablename__ = "order_plan"
    order_id: Mapped[OrderId] = mapped_column(primary_key=True)
    plan: Mapped[str]


class OrderGroup(Tenanted, Base):
    """The shared row of an atomic group: how many members there are and how many are confirmed."""

    __tablename__ = "order_group"
    id: Mapped[GroupId] = mapped_column(primary_key=True)
    size: Mapped[int]
    confirmed: Mapped[int]
    state: Mapped[GroupState]


class Task(Tenanted, Base):
    """One step's life; `run_at`, `deadline_at` and `settled_at` are microseconds of the database's now().

    `attempt` numbers every sending and read-back and never starts again; `failures` counts those that failed since a
    person last let it go on; `owner` is the worker whose words may have reached the element. `cut` marks what takes
    service away: such a task is looked at once more in the transaction that claims it.
    """

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_ready", "lane", "priority", "tenant", "run_at", sqlite_where=_READY, postgresql_where=_READY),
        Index("ix_task_flying", "lane", "key", unique=True, sqlite_where=_FLYING, postgresql_where=_FLYING),
        Index("ix_task_unknown", "lane", "run_at", sqlite_where=_LOST, postgresql_where=_LOST),
    )
    order_id: Mapped[OrderId] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    lane: Mapped[str]
    key: Mapped[str]
    state: Mapped[TaskState]
    priority: Mapped[int]
    run_at: Mapped[int]
    attempt: Mapped[int]
    failures: Mapped[int]
    generation: Mapped[int]
    cut: Mapped[bool]
    owner: Mapped[str | None]
    command: Mapped[str]
    deadline_at: Mapped[int | None]
    settled_at: Mapped[int | None]
    error: Mapped[str | None]


class Transcript(Tenanted, Base):
    """The words exchanged for one attempt, secrets masked, zlib-compressed; kept 90 days."""

    __tablename__ = "transcript"
    order_id: Mapped[OrderId] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    body: Mapped[bytes]


class Worker(Base):
    """A worker, by a name that it never has again; its lease is the lease of every lane it owns.

    All instants are microseconds of the database's now(). `draining_since` is when it was told to end, `lost_at` when
    somebody took over from it because it did not renew: from then on no turn of that name can commit. `session` is
    what the database server calls its connections, `label` what people call it.
    """

    __tablename__ = "worker"
    name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    session: Mapped[str]
    since: Mapped[int]
    seen: Mapped[int]
    until: Mapped[int]
    draining_since: Mapped[int | None]
    lost_at: Mapped[int | None]


class Lane(Base):
    """The owner of a session: which worker holds it, as long as that worker's lease lasts.

    `waits_for` is why nothing is claimed on it (an open incident, a window), `narrow` why only restores are;
    `broken_since` (microseconds of the database's now()) and `broken_by` say that its worker found nobody there and
    only probes.
    """

    __tablename__ = "lane"
    __table_args__ = (Index("ix_lane_owner", "owner"),)
    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str | None]
    waits_for: Mapped[str | None]
    narrow: Mapped[str | None]
    broken_since: Mapped[int | None]
    broken_by: Mapped[str | None]


class Incident(Base):
    """A trouble of an element that people know of: until it is closed its lane waits and nothing fails for it."""

    __tablename__ = "incident"
    __table_args__ = (
        Index(
            "uq_incident_open",
            "element",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )
    id: Mapped[IncidentId] = mapped_column(primary_key=True)
    element: Mapped[str]
    lane: Mapped[str]
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    opened_by: Mapped[str]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    resolution: Mapped[str | None]


class OrderDeadline(Tenanted, Base):
    """By when somebody was promised an order; `look_at` is when it is looked at again, None once that is over."""

    __tablename__ = "order_deadline"
    __table_args__ = (
        Index(
            "ix_order_deadline_look",
            "look_at",
            sqlite_where=text("look_at IS NOT NULL"),
            postgresql_where=text("look_at IS NOT NULL"),
        ),
    )
    order_id: Mapped[OrderId] = mapped_column(primary_key=True)
    wanted_by: Mapped[datetime]
    look_at: Mapped[datetime | None]


class Fallout(Tenanted, Base):
    """A task that waits for a person: what failed, where, in which words, and what is still on.

    `taken_by` has it in hand until `taken_until`; `note` is what the last one left for the next.
    """

    __tablename__ = "fallout"
    __table_args__ = (
        Index("ix_fallout_open", "tenant", "closed_at", "opened_at"),
        Index("ix_fallout_order", "tenant", "order_id"),
    )
    id: Mapped[FalloutId] = mapped_column(primary_key=True)
    order_id: Mapped[OrderId]
    seq: Mapped[int]
    opened_at: Mapped[datetime]
    service_id: Mapped[ServiceId]
    element: Mapped[str]
    key: Mapped[str]
    cause: Mapped[str]
    message: Mapped[str]
    suggestion: Mapped[str]
    taken_by: Mapped[str | None]
    taken_until: Mapped[datetime | None]
    note: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    resolution: Mapped[str | None]


class CutTally(Tenanted, Base):
    """How many cuts (orders that take service away) a tenant let out in one hour of business time since 1970."""

    __tablename__ = "cut_tally"
    hour: Mapped[int] = mapped_column(primary_key=True)
    cuts: Mapped[int]


class CutRadius(Tenanted, Base):
    """What a tenant's blast radius rests on, counted once an hour: its live lines, and a cycle day's usual cuts."""

    __tablename__ = "cut_radius"
    lines: Mapped[int]
    usual: Mapped[int]
    counted_at: Mapped[datetime]


class CutHold(Tenanted, Base):
    """An order that would cut beyond the blast radius: nothing of it is sent before a second person approves it.

    The approval is good until `until`.
    """

    __tablename__ = "cut_hold"
    __table_args__ = (Index("ix_cut_hold_held_at", "tenant", "approved_by", "held_at"),)
    order_id: Mapped[OrderId] = mapped_column(primary_key=True)
    reason: Mapped[str]
    requested_by: Mapped[str]
    held_at: Mapped[datetime]
    approved_by: Mapped[str | None]
    until: Mapped[datetime | None]


class CutApproval(Tenanted, Base):
    """A second person's word for every order placed under one parent (a bulk job), good until `until`."""

    __tablename__ = "cut_approval"
    parent: Mapped[str] = mapped_column(primary_key=True)
    requested_by: Mapped[str]
    approved_by: Mapped[str]
    until: Mapped[datetime]


class CutStop(Base):
    """The kill switch: while a row stands, no cut of that tenant (or, of tenant 0, of anybody) is sent."""

    __tablename__ = "cut_stop"
    scope: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    why: Mapped[str]
    stopped_by: Mapped[str]
    stopped_at: Mapped[datetime]
