"""The engine's statements on PostgreSQL: one round trip for a whole turn's rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
_CHOSEN = ", ".join(f"x.{c}" for c in TASK_COLUMNS)
_KEYS = "unnest(%s::bigint[], %s::bigint[]) k(tenant, id)"
_LOCK = (
    f"SELECT {_ORDER}, p.plan FROM {_KEYS} JOIN service_order o ON o.tenant = k.tenant AND o.id = k.id"
    " LEFT JOIN order_plan p ON p.tenant = o.tenant AND p.order_id = o.id ORDER BY o.tenant, o.id FOR UPDATE OF o"
)
_LOCK_SERVICES = (
    f"SELECT 1 FROM {_KEYS} JOIN service_order o ON o.tenant = k.tenant AND o.id = k.id"
    " JOIN service s ON s.tenant = o.tenant AND s.id = o.service_id ORDER BY s.tenant, s.id FOR NO KEY UPDATE OF s"
)
_OPEN_OF = (
    f"SELECT {_ORDER}, p.plan FROM {_KEYS} JOIN service_order o ON o.tenant = k.tenant AND o.service_id = k.id"
    " LEFT JOIN order_plan p ON p.tenant = o.tenant AND p.order_id = o.id"
    f" WHERE o.state IN ({_OPEN}) ORDER BY o.tenant, o.id FOR UPDATE OF o"
)
_TASKS_AT = (
    f"SELECT {_TASK} FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) k(tenant, id, seq)"
    " JOIN task t ON t.tenant = k.tenant AND t.order_id = k.id AND t.seq = k.seq ORDER BY 1, 2, 3 FOR UPDATE OF t"
)
_TASKS_OF = (
    f"SELECT {_TASK} FROM {_KEYS} JOIN task t ON t.tenant = k.tenant AND t.order_id = k.id"
    " ORDER BY 1, 2, 3 FOR UPDATE OF t"
)
_WRITE_ORDERS = (
    "UPDATE service_order o SET state = k.state, phase = k.phase, done = k.done, whole = k.whole,"
    " generation = k.generation, completed_at = k.completed_at, reason = k.reason"
    " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],"
    " %s::bigint[], %s::bigint[]) k(state, phase, done, whole, generation, completed_at, reason, tenant, id)"
    " WHERE o.tenant = k.tenant AND o.id = k.id"
)
_WRITE_MASKS = (
    "UPDATE service_order o SET done = k.done FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) k(done, tenant, id)"
    " WHERE o.tenant = k.tenant AND o.id = k.id"
)
_WRITE_DONE = (
    f"UPDATE task t SET state = '{TaskState.DONE}', settled_at = k.at, error = NULL"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) k(at, tenant, order_id, seq)"
    " WHERE t.tenant = k.tenant AND t.order_id = k.order_id AND t.seq = k.seq"
)
_WRITE_TASKS = (
    "UPDATE task t SET state = k.state, run_at = k.run_at, attempt = k.attempt, failures = k.failures,"
    " owner = k.owner, command = k.command, deadline_at = k.deadline_at, settled_at = k.settled_at, error = k.error"
    " FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[],"
    " %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])"
    " k(state, run_at, attempt, failures, owner, command, deadline_at, settled_at, error, tenant, order_id, seq)"
    " WHERE t.tenant = k.tenant AND t.order_id = k.order_id AND t.seq = k.seq"
)
_LANES = "unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[]) k(lane, free, below, after) CROSS JOIN LATERAL"
_QUEUED = f"t.lane = k.lane AND t.state = '{TaskState.READY}'"
_QUEUES = (
    f"(SELECT t.priority, t.tenant FROM task t WHERE {_QUEUED} AND t.priority < k.below"
    " ORDER BY t.priority, t.tenant LIMIT 1) UNION ALL SELECT n.priority, n.tenant FROM queue q CROSS JOIN LATERAL"
    f" (SELECT t.priority, t.tenant FROM task t WHERE {_QUEUED} AND t.priority < k.below"
    " AND (t.priority, t.tenant) > (q.priority, q.tenant) ORDER BY t.priority, t.tenant LIMIT 1) n"
)
"""Class and tenant of every queue of a lane, each found by one step into the index, however long the queues are."""
_NEXT = (
    f"SELECT {_TASK} FROM task t WHERE {_QUEUED} AND t.priority = q.priority AND t.tenant = q.tenant"
    " AND t.run_at <= %s AND NOT EXISTS (SELECT 1 FROM task f WHERE f.lane = t.lane AND f.key = t.key"
    f" AND f.state IN ({_FLYING})) ORDER BY t.run_at LIMIT k.free FOR UPDATE OF t SKIP LOCKED"
)
_READY = (
    f"SELECT {_CHOSEN} FROM {_LANES} (WITH RECURSIVE queue AS ({_QUEUES})"
    " SELECT t.*, row_number() OVER (PARTITION BY t.priority, t.tenant ORDER BY t.run_at) AS nth"
    f" FROM queue q CROSS JOIN LATERAL ({_NEXT}) t"
    " ORDER BY t.priority, nth, t.tenant <= k.after, t.tenant LIMIT k.free) x"
)
_LOST = (
    f"SELECT x.* FROM {_LANES} (SELECT {_TASK} FROM task t WHERE t.lane = k.lane AND t.state = '{TaskState.UNKNOWN}'"
    " AND t.run_at <= %s ORDER BY t.run_at LIMIT k.free FOR UPDATE OF t SKIP LOCKED) x"
)
_IS_FLYING = (
    "SELECT t.lane, t.key FROM unnest(%s::text[], %s::text[]) k(lane, key) JOIN task t ON t.lane = k.lane"
    f" AND t.key = k.key WHERE t.state IN ({_FLYING})"
)
_ORPHANS = (
    f"SELECT {_TASK} FROM task t WHERE t.lane = ANY(%s::text[]) AND t.state IN ({_FLYING})"
    f" AND t.state = '{TaskState.SENT}' AND t.owner <> %s ORDER BY t.tenant, t.order_id, t.seq FOR UPDATE"
)
_OWN = (
    f"SELECT {_TASK} FROM lane l JOIN task t ON t.lane = l.name WHERE l.owner = %s AND t.state IN ({_FLYING})"
    f" AND t.state = '{TaskState.SENT}' AND t.owner = l.owner ORDER BY t.tenant, t.order_id, t.seq FOR UPDATE OF t"
)
_DOUBTFUL = (
    f"SELECT o.tenant, o.id FROM {_KEYS} JOIN service_order o ON o.tenant = k.tenant AND o.id = k.id"
    " JOIN service s ON s.tenant = o.tenant AND s.id = o.service_id"
    " LEFT JOIN cut_hold h ON h.tenant = o.tenant AND h.order_id = o.id"
    " LEFT JOIN cut_approval a ON a.tenant = o.tenant AND a.parent = o.parent"
    " WHERE s.protected OR coalesce(h.until, a.until) <= %s"
)
_NEAR = (
    "SELECT e.name, e.lane, e.dialect_hash, e.address FROM service s"
    " CROSS JOIN LATERAL (SELECT DISTINCT value FROM json_each_text(s.elements::json)) x"
    " JOIN element e ON e.name = x.value WHERE s.tenant = %s AND s.id = %s"
)
_MEMBERS = "SELECT tenant, id FROM service_order WHERE tenant = %s AND group_id = %s ORDER BY id"


class PostgresStore:
    """See oss.orders.store.Store."""

    def begin(self, work: Unit, worker: str, orders: Sequence[Key], tasks: Sequence[TaskKey]) -> Begun:
        """One round trip."""
        rows.settle(work)
        asked: list[tuple[str, Sequence[object]]] = [(OPENING["postgresql"], (worker,))]
        if orders:
            wanted = _columns(sorted(orders), 2)
            asked += [(_LOCK_SERVICES, wanted), (_LOCK, wanted), (_TASKS_AT, _columns(tasks, 3))]
        told, *found = rows.together(work, asked)
        now, shut, stopped = opened(told, worker)
        locked, at = found[1:] if found else ([], [])
        return Begun(now, shut, stopped, [order_from(row) for row in locked], _tasks(at))

    def claim(
        self, work: Unit, lanes: Sequence[Room], places: Sequence[tuple[str, str]], changed: Sequence[TaskRow], now: int
    ) -> Claim:
        """One round trip; SKIP LOCKED, so that two workers never wait for each other."""
        self.write_tasks(work, changed)
        rows.settle(work)
        room = [*_columns(lanes, 4), now]
        asked: list[tuple[str, Sequence[object]]] = [(_LOST, room), (_READY, room)] if lanes else []
        if places:
            asked.append((_IS_FLYING, _columns(places, 2)))
        found = rows.together(work, asked) if asked else []
        lost, ready = found[:2] if lanes else ([], [])
        return Claim(_tasks(lost), _tasks(ready), {(row[0], row[1]) for row in found[-1]} if places else set())

    def lock_orders(self, work: Unit, keys: Sequence[Key]) -> list[OrderRow]:
        """Services first, as a placement does, then orders, in id order: nobody waits for another crosswise."""
        if not keys:
            return []
        wanted = _columns(sorted(keys), 2)
        _run(work, _LOCK_SERVICES, wanted)
        return [order_from(row) for row in _run(work, _LOCK, wanted)]

    def tasks(self, work: Unit, keys: Sequence[TaskKey]) -> list[TaskRow]:
        """By key."""
        return _tasks(_run(work, _TASKS_AT, _columns(keys, 3))) if keys else []

    def tasks_of(self, work: Unit, keys: Sequence[Key]) -> list[TaskRow]:
        """All of those orders, in order of id and seq."""
        return _tasks(_run(work, _TASKS_OF, _columns(keys, 2))) if keys else []

    def open_of(self, work: Unit, services: Sequence[Key]) -> list[OrderRow]:
        """The partial index on open orders serves it."""
        for _, service in services:
            rows.settle(work, about=service)
        return [order_from(row) for row in _read(work, _OPEN_OF, _columns(services, 2))] if services else []

    def approach(self, work: Unit, locking: str, values: Sequence[object], service: Key) -> Approach:
        """One round trip."""
        work.flush()
        rows.settle(work, about=service[1])
        asked: list[tuple[str, Sequence[object]]] = [(locking, values)]
        asked += [(_OPEN_OF, [rows.array([part]) for part in service]), (_NEAR, service)]
        locked, older, near = rows.together(work, asked)
        return Approach(locked, [order_from(row) for row in older], near)

    def members(self, work: Unit, tenant: int, group_id: int) -> list[Key]:
        """By group."""
        return [(row[0], row[1]) for row in _run(work, _MEMBERS, (tenant, group_id))]

    def write_orders(self, work: Unit, orders: Sequence[OrderRow]) -> None:
        """The mutable columns, in one statement."""
        values = [
            (str(r.state), str(r.phase), r.done, r.whole, r.generation, r.completed_at, r.reason, r.tenant, r.id)
            for r in orders
        ]
        if orders:
            about = [r.service_id for r in orders]
            rows.later(work, "service_order", _WRITE_ORDERS, _columns(values, 9), about=about)

    def write_masks(self, work: Unit, orders: Sequence[OrderRow]) -> None:
        """In one statement."""
        if orders:
            values = _columns([(r.done, *r.key) for r in orders], 3)
            rows.later(work, "service_order", _WRITE_MASKS, values, about=[r.service_id for r in orders])

    def write_tasks(self, work: Unit, tasks: Sequence[TaskRow]) -> None:
        """The mutable columns, in one statement."""
        done = [r for r in tasks if r.state is TaskState.DONE and r.error is None]
        rest = [r for r in tasks if r.state is not TaskState.DONE or r.error is not None]
        if done:
            rows.later(work, "task", _WRITE_DONE, _columns([(r.settled_at, *r.at) for r in done], 4))
        if rest:
            rows.later(work, "task", _WRITE_TASKS, _columns([_mutable(r) for r in rest], 12))

    def doubtful_cuts(self, work: Unit, keys: Sequence[Key], at: int) -> set[Key]:
        """By key."""
        return {(row[0], row[1]) for row in _run(work, _DOUBTFUL, [*_columns(keys, 2), at])} if keys else set()

    def orphans(self, work: Unit, lanes: Sequence[str], worker: str) -> list[TaskRow]:
        """Sent by another worker."""
        return _tasks(_run(work, _ORPHANS, (list(lanes), worker)))

    def own(self, work: Unit, worker: str) -> list[TaskRow]:
        """Sent by this one, on the lanes it owns: what it left on others, their owners have found."""
        return _tasks(_run(work, _OWN, (worker,)))


STORE = PostgresStore()


def _run(work: Unit, statement: str, parameters: Sequence[Any]) -> list[Any]:
    rows.settle(work)
    return _read(work, statement, parameters)


def _read(work: Unit, statement: str, parameters: Sequence[Any]) -> list[Any]:
    found: list[Any] = rows.driver(work.connection).execute(statement, parameters).fetchall()
    return found


def _columns(found: Sequence[Sequence[Any]], width: int) -> list[str]:
    return [rows.array([row[i] for row in found]) for i in range(width)]


def _tasks(found: Iterable[Sequence[Any]]) -> list[TaskRow]:
    return [task_from(row) for row in found]


def _mutable(r: TaskRow) -> tuple[Any, ...]:
    changed = (str(r.state), r.run_at, r.attempt, r.failures, r.owner, r.command, r.deadline_at, r.settled_at)
    return (*changed, r.error, r.tenant, r.order_id, r.seq)
