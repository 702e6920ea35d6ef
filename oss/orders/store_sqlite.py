"""The engine's statements on SQLite: point statements on the raw driver, which cost a few microseconds each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice, zip_longest
from operator import itemgetter
from typing import Any

from kernel import rows
from kernel.work import Unit
from oss.orders.machine import IN_FLIGHT, OPEN_ORDERS, TaskState
from oss.orders.store import (
    OPENING,
    ORDER_COLUMNS,
    TASK_COLUMNS,
    Approach,
    Begun,
    Claim,
    Key,
    OrderRow,
    Room,
    TaskKey,
    TaskRow,
    opened,
    order_from,
    task_from,
)

_FLYING = ", ".join(f"'{s}'" for s in IN_FLIGHT)
_OPEN = ", ".join(f"'{s}'" for s in OPEN_ORDERS)
_ORDER = ", ".join(f"o.{c}" for c in ORDER_COLUMNS)
_TASK = ", ".join(f"t.{c}" for c in TASK_COLUMNS)
_LOCK = (
    f"SELECT {_ORDER}, p.plan FROM service_order o LEFT JOIN order_plan p ON p.tenant = o.tenant AND p.order_id = o.id"
    " WHERE o.tenant = ? AND o.id = ?"
)
_OPEN_OF = (
    f"SELECT {_ORDER}, p.plan FROM service_order o LEFT JOIN order_plan p ON p.tenant = o.tenant AND p.order_id = o.id"
    f" WHERE o.tenant = ? AND o.service_id = ? AND o.state IN ({_OPEN}) ORDER BY o.id"
)
_TASK_AT = f"SELECT {_TASK} FROM task t WHERE t.tenant = ? AND t.order_id = ? AND t.seq = ?"
_TASKS_OF = f"SELECT {_TASK} FROM task t WHERE t.tenant = ? AND t.order_id = ? ORDER BY t.seq"
_WRITE_ORDER = (
    "UPDATE service_order SET state = ?, phase = ?, done = ?, whole = ?, generation = ?, completed_at = ?, reason = ?"
    " WHERE tenant = ? AND id = ?"
)
_WRITE_MASK = "UPDATE service_order SET done = ? WHERE tenant = ? AND id = ?"
_WRITE_DONE = (
    f"UPDATE task SET state = '{TaskState.DONE}', settled_at = ?, error = NULL"
    " WHERE tenant = ? AND order_id = ? AND seq = ?"
)
_WRITE_TASK = (
    "UPDATE task SET state = ?, run_at = ?, attempt = ?, failures = ?, owner = ?, command = ?, deadline_at = ?,"
    " settled_at = ?, error = ? WHERE tenant = ? AND order_id = ? AND seq = ?"
)
_QUEUE = (
    f"SELECT t.priority, t.tenant FROM task t WHERE t.lane = ? AND t.state = '{TaskState.READY}' AND t.priority < ?"
    " AND (t.priority, t.tenant) > (?, ?) ORDER BY t.priority, t.tenant LIMIT 1"
)
"""The next queue of a lane, found by one step into the index, however long the queues are."""
_READY = (
    f"SELECT {_TASK} FROM task t WHERE t.lane = ? AND t.state = '{TaskState.READY}' AND t.priority = ?"
    " AND t.tenant = ? AND t.run_at <= ? AND NOT EXISTS (SELECT 1 FROM task f WHERE f.lane = t.lane AND f.key = t.key"
    f" AND f.state IN ({_FLYING})) ORDER BY t.run_at LIMIT ?"
)
_LOST = (
    f"SELECT {_TASK} FROM task t WHERE t.lane = ? AND t.state = '{TaskState.UNKNOWN}' AND t.run_at <= ?"
    " ORDER BY t.run_at LIMIT ?"
)
_IS_FLYING = f"SELECT 1 FROM task WHERE lane = ? AND key = ? AND state IN ({_FLYING})"
_ORPHANS = (
    f"SELECT {_TASK} FROM task t WHERE t.lane = ? AND t.state IN ({_FLYING}) AND t.state = '{TaskState.SENT}'"
    " AND t.owner <> ?"
)
_DOUBTFUL = (
    "SELECT o.tenant, o.id FROM service_order o JOIN service s ON s.tenant = o.tenant AND s.id = o.service_id"
    " LEFT JOIN cut_hold h ON h.tenant = o.tenant AND h.order_id = o.id"
    " LEFT JOIN cut_approval a ON a.tenant = o.tenant AND a.parent = o.parent"
    " WHERE o.tenant = ? AND o.id = ? AND (s.protected OR coalesce(h.until, a.until) <= ?)"
)
_OWN = (
    f"SELECT {_TASK} FROM lane l CROSS JOIN task t ON t.lane = l.name WHERE l.owner = ? AND t.state IN ({_FLYING})"
    f" AND t.state = '{TaskState.SENT}' AND t.owner = l.owner"
)
_MEMBERS = "SELECT tenant, id FROM service_order WHERE tenant = ? AND group_id = ? ORDER BY id"


class SqliteStore:
    """See oss.orders.store.Store; without keys nothing is asked, and what was appended keeps waiting."""

    def begin(self, work: Unit, worker: str, orders: Sequence[Key], tasks: Sequence[TaskKey]) -> Begun:
        """One writer at a time holds the database, so reading is locking."""
        now, shut, stopped = opened(_driver(work).execute(OPENING["sqlite"], (worker,)).fetchall(), worker)
        return Begun(now, shut, stopped, self.lock_orders(work, orders), self.tasks(work, tasks))

    def claim(
        self, work: Unit, lanes: Sequence[Room], places: Sequence[tuple[str, str]], changed: Sequence[TaskRow], now: int
    ) -> Claim:
        """The partial indexes on ready, unknown and flying tasks serve it."""
        self.write_tasks(work, changed)
        driver = rows.driver(work.connection)
        return Claim(
            [task_from(row) for lane, limit, *_ in lanes for row in driver.execute(_LOST, (lane, now, limit))],
            [task_from(row) for room in lanes for row in _in_turn(driver, room, now)],
            {place for place in places if driver.execute(_IS_FLYING, place).fetchone()},
        )

    def lock_orders(self, work: Unit, keys: Sequence[Key]) -> list[OrderRow]:
        """One writer at a time holds the database, so reading is locking."""
        if not keys:
            return []
        driver = _driver(work)
        return [order_from(row) for key in sorted(keys) for row in driver.execute(_LOCK, key)]

    def tasks(self, work: Unit, keys: Sequence[TaskKey]) -> list[TaskRow]:
        """By key."""
        if not keys:
            return []
        driver = _driver(work)
        return [task_from(row) for key in keys for row in driver.execute(_TASK_AT, key)]

    def tasks_of(self, work: Unit, keys: Sequence[Key]) -> list[TaskRow]:
        """All of those orders, in order of id and seq."""
        if not keys:
            return []
        driver = _driver(work)
        return [task_from(row) for key in sorted(keys) for row in driver.execute(_TASKS_OF, key)]

    def open_of(self, work: Unit, services: Sequence[Key]) -> list[OrderRow]:
        """The partial index on open orders serves it."""
        for _, service in services:
            rows.settle(work, about=service)
        driver = rows.driver(work.connection)
        return [order_from(row) for key in services for row in driver.execute(_OPEN_OF, key)]

    def approach(self, work: Unit, locking: str, values: Sequence[object], service: Key) -> Approach:
        """Its elements are looked up by name once its row is known: that is cheaper here than a join."""
        work.flush()
        locked = rows.driver(work.connection).execute(locking, values).fetchall()
        return Approach(locked, self.open_of(work, [service]), [])

    def members(self, work: Unit, tenant: int, group_id: int) -> list[Key]:
        """By group."""
        return [(row[0], row[1]) for row in _driver(work).execute(_MEMBERS, (tenant, group_id))]

    def write_orders(self, work: Unit, orders: Sequence[OrderRow]) -> None:
        """The mutable columns."""
        if not orders:
            return
        _driver(work).executemany(
            _WRITE_ORDER,
            [
                (r.state, r.phase, r.done, r.whole, r.generation, r.completed_at, r.reason, r.tenant, r.id)
                for r in orders
            ],
        )

    def write_masks(self, work: Unit, orders: Sequence[OrderRow]) -> None:
        """A column of no index: that of open orders is left alone."""
        if orders:
            _driver(work).executemany(_WRITE_MASK, [(r.done, *r.key) for r in orders])

    def write_tasks(self, work: Unit, tasks: Sequence[TaskRow]) -> None:
        """The mutable columns."""
        if not tasks:
            return
        done = [(r.settled_at, *r.at) for r in tasks if r.state is TaskState.DONE and r.error is None]
        rest = [_mutable(r) for r in tasks if r.state is not TaskState.DONE or r.error is not None]
        driver = _driver(work)
        driver.executemany(_WRITE_DONE, done)
        driver.executemany(_WRITE_TASK, rest)

    def doubtful_cuts(self, work: Unit, keys: Sequence[Key], at: int) -> set[Key]:
        """By key."""
        driver = _driver(work)
        return {(row[0], row[1]) for key in keys for row in driver.execute(_DOUBTFUL, (*key, at))}

    def orphans(self, work: Unit, lanes: Sequence[str], worker: str) -> list[TaskRow]:
        """Sent by another worker."""
        driver = _driver(work)
        return [task_from(row) for lane in lanes for row in driver.execute(_ORPHANS, (lane, worker))]

    def own(self, work: Unit, worker: str) -> list[TaskRow]:
        """Sent by this one, on the lanes it owns: what it left on others, their owners have found."""
        return _tasks(_driver(work).execute(_OWN, (worker,)))


STORE = SqliteStore()


def _driver(work: Unit) -> Any:
    rows.settle(work)
    return rows.driver(work.connection)


def _in_turn(driver: Any, room: Room, now: int) -> list[Any]:
    """Rows of one lane: class by class, in a class one of each tenant's queue after the other's."""
    lane, free, below, after = room
    found: list[Any] = []
    for priority, queues in groupby(_queues(driver, lane, below), key=itemgetter(0)):
        tenants = sorted((tenant <= after, tenant) for _, tenant in queues)
        taken = [driver.execute(_READY, (lane, priority, t, now, free - len(found))).fetchall() for _, t in tenants]
        turns = chain.from_iterable(zip_longest(*taken))
        found += islice((row for row in turns if row is not None), free - len(found))
        if len(found) >= free:
            break
    return found


def _queues(driver: Any, lane: str, below: int) -> Iterator[tuple[int, int]]:
    queue = driver.execute(_QUEUE, (lane, below, -1, -1)).fetchone()
    while queue is not None:
        yield queue
        queue = driver.execute(_QUEUE, (lane, below, *queue)).fetchone()


def _tasks(found: Iterable[Sequence[Any]]) -> list[TaskRow]:
    return [task_from(row) for row in found]


def _mutable(r: TaskRow) -> tuple[Any, ...]:
    changed = (r.state, r.run_at, r.attempt, r.failures, r.owner, r.command, r.deadline_at, r.settled_at, r.error)
    return (*changed, r.tenant, r.order_id, r.seq)
