"""The engine's statements: rows as plain values, one contract, one file per database (store_sqlite, store_postgres)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol

from kernel import rows
from kernel.database import NOW
from kernel.errors import Conflict
from kernel.work import Unit
from oss.inventory.machine import ElementState
from oss.orders.machine import OrderState, TaskState
from oss.orders.model import OnError, Phase, Verb
from oss.orders.plan import Words, text_of, words_of

Key = tuple[int, int]
"""(tenant, order id)"""
Room = tuple[str, int, int, int]
"""(lane, tasks at most, below which priority, behind which tenant the turn begins)"""
TaskKey = tuple[int, int, int]
"""(tenant, order id, seq)"""


@dataclass(slots=True)
class OrderRow:
    """An order as the engine sees it, locked for this transaction."""

    tenant: int
    id: int
    service_id: int
    verb: Verb
    state: OrderState
    phase: Phase
    priority: int
    on_error: OnError
    generation: int
    done: int
    whole: int
    group_id: int | None
    parent: str | None
    owner: str | None
    intent: str
    placed_at: int
    completed_at: int | None = None
    reason: str | None = None
    plan: str = "[]"

    @property
    def key(self) -> Key:
        """Its key."""
        return (self.tenant, self.id)

    @property
    def unplanned(self) -> bool:
        """Whether it was never started: its plan is written when it starts."""
        return self.plan == "[]"


@dataclass(slots=True)
class TaskRow:
    """A task as the engine sees it."""

    tenant: int
    order_id: int
    seq: int
    lane: str
    key: str
    state: TaskState
    priority: int
    run_at: int
    attempt: int
    failures: int
    generation: int
    cut: bool
    owner: str | None
    command: str
    deadline_at: int | None = None
    settled_at: int | None = None
    error: str | None = None

    @property
    def said(self) -> Words:
        """Its command's words; nobody changes them."""
        return words_of(self.command)

    def say(self, said: Words) -> None:
        """Let it say something else."""
        self.command = text_of(said)

    @property
    def at(self) -> TaskKey:
        """Its key."""
        return (self.tenant, self.order_id, self.seq)


ORDER_COLUMNS = [
    "tenant",
    "id",
    "service_id",
    "verb",
    "state",
    "phase",
    "priority",
    "on_error",
    "generation",
    "done",
    "whole",
    "group_id",
    "parent",
    "owner",
    "intent",
    "placed_at",
    "completed_at",
    "reason",
]
TASK_COLUMNS = [
    "tenant",
    "order_id",
    "seq",
    "lane",
    "key",
    "state",
    "priority",
    "run_at",
    "attempt",
    "failures",
    "generation",
    "cut",
    "owner",
    "command",
    "deadline_at",
    "settled_at",
    "error",
]


# A dictionary finds a member in a tenth of the time that a call of its class takes, and a turn reads thousands of rows.
_VERBS: dict[str, Verb] = {str(v): v for v in Verb}
_ORDER_STATES: dict[str, OrderState] = {str(s): s for s in OrderState}
_TASK_STATES: dict[str, TaskState] = {str(s): s for s in TaskState}
_PHASES: dict[str, Phase] = {str(p): p for p in Phase}
_ON_ERROR: dict[str, OnError] = {str(o): o for o in OnError}


def order_from(row: Sequence[Any]) -> OrderRow:
    """A driver's row (ORDER_COLUMNS, plan) as an OrderRow."""
    order = OrderRow(*row)
    order.verb, order.state = _VERBS[order.verb], _ORDER_STATES[order.state]
    order.phase, order.on_error = _PHASES[order.phase], _ON_ERROR[order.on_error]
    order.plan = order.plan or "[]"
    return order


def task_from(row: Sequence[Any]) -> TaskRow:
    """A driver's row (TASK_COLUMNS) as a TaskRow."""
    task = TaskRow(*row)
    task.state = _TASK_STATES[task.state]
    return task


@dataclass(slots=True)
class Approach:
    """What a placement begins with: its service's row, the open orders before it, and how its elements are reached."""

    locked: Sequence[tuple[Any, ...]]
    older: list[OrderRow]
    near: Sequence[tuple[Any, ...]]


@dataclass(slots=True)
class Begun:
    """What a turn begins with: the database's now, what is shut and stopped, the rows of its answers, locked."""

    now: int
    shut: frozenset[str]
    stopped: frozenset[int]
    orders: list[OrderRow]
    tasks: list[TaskRow]


@dataclass(slots=True)
class Claim:
    """What may be spoken: unknown tasks due for a read-back, ready ones, and which newborn places are locked."""

    lost: list[TaskRow]
    ready: list[TaskRow]
    flying: set[tuple[str, str]]


class Store(Protocol):
    """Set-based statements over orders and tasks; every list may be empty."""

    def begin(self, work: Unit, worker: str, orders: Sequence[Key], tasks: Sequence[TaskKey]) -> Begun:
        """The rows a turn settles, locked services first, as a placement does, then orders in id order.

        Raises Fenced when the worker's lease was taken over.
        """
        ...

    def claim(
        self, work: Unit, lanes: Sequence[Room], places: Sequence[tuple[str, str]], changed: Sequence[TaskRow], now: int
    ) -> Claim:
        """Write the changed tasks, then look what may be spoken on those lanes and which places are locked still.

        Ready tasks are those whose time has come and whose key is free, best class first in each lane.
        """
        ...

    def lock_orders(self, work: Unit, keys: Sequence[Key]) -> list[OrderRow]:
        """The orders with their plans, locked in id order."""
        ...

    def tasks(self, work: Unit, keys: Sequence[TaskKey]) -> list[TaskRow]:
        """The tasks of those keys."""
        ...

    def tasks_of(self, work: Unit, keys: Sequence[Key]) -> list[TaskRow]:
        """Every task of those orders."""
        ...

    def open_of(self, work: Unit, services: Sequence[Key]) -> list[OrderRow]:
        """The open orders of those (tenant, service), locked, oldest first."""
        ...

    def approach(self, work: Unit, locking: str, values: Sequence[object], service: Key) -> Approach:
        """Lock a service by that statement, and only then read what stands open on it."""
        ...

    def members(self, work: Unit, tenant: int, group_id: int) -> list[Key]:
        """The orders of a group."""
        ...

    def write_orders(self, work: Unit, orders: Sequence[OrderRow]) -> None:
        """State, phase, done, completion and reason of those orders."""
        ...

    def write_masks(self, work: Unit, orders: Sequence[OrderRow]) -> None:
        """What is done of those orders, and nothing else."""
        ...

    def write_tasks(self, work: Unit, tasks: Sequence[TaskRow]) -> None:
        """The mutable columns of those tasks."""
        ...

    def doubtful_cuts(self, work: Unit, keys: Sequence[Key], at: int) -> set[Key]:
        """Which of those orders cut a protected line, or under an approval that is over by a business instant."""
        ...

    def orphans(self, work: Unit, lanes: Sequence[str], worker: str) -> list[TaskRow]:
        """Tasks of those lanes that another worker sent and never answered."""
        ...

    def own(self, work: Unit, worker: str) -> list[TaskRow]:
        """Tasks that this worker sent and that are not answered."""
        ...


class Fenced(Conflict):
    """Another worker has taken over: nothing that this one had in hand may be committed any more."""

    def __init__(self, worker: str) -> None:
        super().__init__(f"{worker} has lost its lease", field="worker", fix="it begins anew under another name")


RESTORES_ONLY = "restores only:"
"""What stands before the name of a lane that is shut to all but restores."""
FENCE = -2
"""The scope by which a worker finds its own row among what is shut."""
_MINE = "SELECT 1 FROM worker WHERE name = ? AND lost_at IS NULL"
_SHUT = (
    f"SELECT '' name, {FENCE} scope, {{now}} at FROM mine"
    " UNION ALL SELECT name, -1, 0 FROM lane WHERE waits_for IS NOT NULL"
    f" UNION ALL SELECT lane, -1, 0 FROM element WHERE state = '{ElementState.MAINTENANCE}'"
    f" UNION ALL SELECT '{RESTORES_ONLY}' || name, -1, 0 FROM lane WHERE narrow IS NOT NULL"
    " UNION ALL SELECT '', scope, 0 FROM cut_stop"
)
OPENING = {
    "sqlite": f"WITH mine AS ({_MINE}) {_SHUT.format(now=NOW['sqlite'])}",
    "postgresql": f"WITH mine AS MATERIALIZED ({_MINE} FOR KEY SHARE) {_SHUT.format(now=NOW['postgresql'])}",
}
"""What a turn begins with: the worker's own row with the database's now, the lanes that wait for an incident's end or
an element's return, the tenants whose cuts are stopped. All these tables are short, so all of them is looked at.

Whoever takes over locks the worker's row FOR UPDATE, which waits for this transaction; a renewal does not."""


def opened(found: Sequence[tuple[str, int, int]], worker: str) -> tuple[int, frozenset[str], frozenset[int]]:
    """What the opening says: now, the lanes that are shut, the tenants whose cuts are stopped.

    Raises Fenced when the worker's lease was taken over; until its transaction has ended it cannot be.
    """
    now = next((at for _, scope, at in found if scope == FENCE), None)
    if now is None:
        raise Fenced(worker)
    shut = frozenset(name for name, scope, _ in found if scope == -1)
    return now, shut, frozenset(scope for _, scope, _ in found if scope >= 0)


def wait_for_own(work: Unit, worker: str) -> None:
    """Wait until no other transaction of this worker is open any more, one that was lost sight of included."""
    if not rows.fetch(work, _MINE if work.dialect == "sqlite" else f"{_MINE} FOR UPDATE", (worker,)):
        raise Fenced(worker)


def insert_orders(work: Unit, found: Sequence[OrderRow]) -> None:
    """New orders; a later placement of the same transaction for the same service sees them."""
    for row in found:
        rows.append(work, "service_order", ORDER_COLUMNS, [_order_values(row)], about=row.service_id)


def insert_tasks(work: Unit, found: Sequence[TaskRow]) -> None:
    """Newborn tasks."""
    if found:
        rows.append(work, "task", TASK_COLUMNS, [_task_values(row) for row in found])


def insert_plan(work: Unit, order: OrderRow) -> None:
    """The plan of an order, written once when it starts."""
    rows.append(work, "order_plan", ("tenant", "order_id", "plan"), [(order.tenant, order.id, order.plan)])


_order_values = attrgetter(*ORDER_COLUMNS)
_task_values = attrgetter(*TASK_COLUMNS)


def of(work: Unit) -> Store:
    """The statements of this Work's database."""
    from oss.orders import store_postgres, store_sqlite

    return store_sqlite.STORE if work.dialect == "sqlite" else store_postgres.STORE
