"""Workers and their leases, on the database's time: one row a worker, renewed as a whole, whatever lanes it owns.

Who did not renew for LEASE_S is lost: whoever finds that ends its sessions at the server, waits for a transaction of it
that was landing, and marks it. A turn reads its worker's row, so that after the mark nothing of it can commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import ceil
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from kernel.database import now_micros
from kernel.errors import Conflict, NotFound
from kernel.work import SystemWork, Unit
from oss.orders.machine import IN_FLIGHT, TaskState
from oss.orders.model import Lane, Task, Worker
from oss.orders.settle import SECOND
from oss.orders.store import Fenced

LEASE_S = 10.0
"""How long a lease lasts without renewal."""
KEPT_S = 86_400.0
"""A lost worker is listed for a day."""
LOCK_MS = 1_000
"""A takeover that waits longer for the dead worker's last transaction is left to the next look."""
HINT = "worker:"
"""The beginning of a hint about a worker."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a worker learns: whether it was told to end, and in how many seconds the next lease of another one ends."""

    draining: bool
    next_lapse_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker as people see it; instants are microseconds of the database's now()."""

    name: str
    label: str
    state: str
    since: int
    seen: int
    lanes: tuple[str, ...]
    in_flight: int


def renew(work: SystemWork, worker: str, *, now: int, session: str = "", label: str = "", lease_s: float) -> None:
    """Renew a worker's lease, or begin it. Raises Fenced when somebody has taken over from it."""
    until = now + int(lease_s * SECOND)
    mine = (Worker.name == worker, Worker.lost_at.is_(None))
    change = sa.update(Worker).where(*mine).values(seen=now, until=until).returning(Worker.name)
    if work.connection.execute(change).first() is not None:
        return
    if work.connection.execute(sa.select(Worker.name).where(Worker.name == worker)).first() is not None:
        raise Fenced(worker)
    row = {"name": worker, "label": label or worker, "session": session, "since": now, "seen": now, "until": until}
    work.connection.execute(sa.insert(Worker).values(**row))
    work.hint(HINT + worker)


def release(work: SystemWork, worker: str) -> None:
    """A worker ends with nothing in flight: it is listed no more."""
    work.connection.execute(sa.delete(Worker).where(Worker.name == worker))
    work.hint(HINT + worker)


def standing(work: Unit, worker: str) -> Standing:
    """What a worker is to know about itself and the others."""
    now, draining, nearest = now_micros(work), False, None
    for row in work.connection.execute(sa.select(Worker).where(Worker.lost_at.is_(None))):
        if row.name == worker:
            draining = row.draining_since is not None
        else:
            nearest = min(row.until, nearest or row.until)
    return Standing(draining, LEASE_S if nearest is None else max((nearest - now) / SECOND, 0.0))


def drain(work: Unit, worker: str) -> None:
    """Tell a worker to end: it claims nothing more, finishes what is in flight and gives its lanes back.

    Raises NotFound for a worker that is not listed, Conflict for one that is lost.
    """
    row = work.session.get(Worker, worker)
    if row is None:
        raise NotFound(f"no worker {worker!r}", field="worker", fix="see trunkline worker list")
    if row.lost_at is not None:
        raise Conflict(f"{worker} is lost already", field="worker", fix="its lanes went to the others by themselves")
    if row.draining_since is None:
        row.draining_since = now_micros(work)
        work.session.flush()
        work.hint(HINT + worker)


def seen(work: SystemWork) -> list[Seen]:
    """Every worker, the longest at work first."""
    owned: dict[str, list[str]] = {}
    for lane, owner in work.connection.execute(sa.select(Lane.name, Lane.owner).where(Lane.owner.is_not(None))):
        owned.setdefault(str(owner), []).append(lane)
    flying = (Task.state.in_(IN_FLIGHT), Task.state == TaskState.SENT)
    busy = Counter[str]()
    for (owner,) in work.connection.execute(sa.select(Task.owner).where(*flying)):
        busy[owner or ""] += 1
    rows = work.connection.execute(sa.select(Worker).order_by(Worker.since, Worker.name))
    now = now_micros(work)
    return [
        Seen(r.name, r.label, _state(r, now), r.since, r.seen, tuple(sorted(owned.get(r.name, ()))), busy[r.name])
        for r in rows
    ]


def _state(row: Any, now: int) -> str:
    if row.lost_at is not None or row.until < now:
        return "lost"
    return "working" if row.draining_since is None else "draining"


# ---- taking over


def bury(work: SystemWork, worker: str, *, now: int, session: str = "") -> set[str]:
    """Mark every worker whose lease has lapsed as lost, and free its lanes; who they were.

    On SQLite whoever has the file is alone: another process's worker is dead, however fresh its lease.
    """
    others = (Worker.lost_at.is_(None), Worker.name != worker)
    if work.dialect == "sqlite" and session:
        lapsed = sa.or_(Worker.until < now, Worker.session != session)
    else:
        lapsed = Worker.until < now
    found = work.connection.execute(sa.select(Worker.name, Worker.session).where(*others, lapsed)).all()
    if not found:
        return set()
    if work.dialect == "sqlite":
        return _mark(work, {name for name, _ in found}, now)
    _end_sessions(work, {gone for _, gone in found if gone} - {session})
    return _marked_in_time(work, {name for name, _ in found}, now)


def _end_sessions(work: SystemWork, sessions: Collection[str]) -> None:
    """A dead worker's transaction may stand open at the server, with rows locked and a commit still to come."""
    ended = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY(:sessions)"
        " AND datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
    )
    work.connection.execute(ended, {"sessions": sorted(sessions)})


def _marked_in_time(work: SystemWork, names: set[str], now: int) -> set[str]:
    """FOR UPDATE waits for a turn that is landing under one of these names; the renewal must not wait with it."""
    execute = work.connection.exec_driver_sql
    execute("SAVEPOINT burial")
    execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
    try:
        lapsed = sa.select(Worker.name).where(Worker.name.in_(names), Worker.lost_at.is_(None), Worker.until < now)
        still = set(work.connection.scalars(lapsed.order_by(Worker.name).with_for_update()))
        _mark(work, still, now)
    except exc.OperationalError:
        execute("ROLLBACK TO SAVEPOINT burial")
        return set()
    execute("SET LOCAL lock_timeout = 0")
    execute("RELEASE SAVEPOINT burial")
    return still


def _mark(work: SystemWork, names: set[str], now: int) -> set[str]:
    work.connection.execute(sa.update(Worker).where(Worker.name.in_(names)).values(lost_at=now))
    work.connection.execute(sa.update(Lane).where(Lane.owner.in_(names)).values(owner=None))
    work.connection.execute(sa.delete(Worker).where(Worker.lost_at < now - int(KEPT_S * SECOND)))
    for name in sorted(names):
        work.audit("workerLost", f"worker/{name}")
    return names


# ---- who gets which lane


def at_work(work: SystemWork, *, now: int) -> tuple[str, ...]:
    """The workers that take lanes."""
    able = (Worker.lost_at.is_(None), Worker.draining_since.is_(None), Worker.until >= now)
    return tuple(work.connection.scalars(sa.select(Worker.name).where(*able).order_by(Worker.name)))


@lru_cache(maxsize=8)
def share(lanes: tuple[str, ...], workers: tuple[str, ...]) -> dict[str, str]:
    """Each lane's worker, the same whoever computes it: by hash, and none has more than its fair share.

    When a worker comes or goes few lanes change hands, because each follows its own order of preference.
    """
    most, load, found = ceil(len(lanes) / max(len(workers), 1)), Counter[str](), dict[str, str]()
    for lane in sorted(lanes, key=lambda name: _hash(name)):
        for worker in sorted(workers, key=lambda name, lane=lane: _hash(f"{name} {lane}")):  # type: ignore[misc]
            if load[worker] < most:
                load[worker] += 1
                found[lane] = worker
                break
    return found


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()
