"""The database behind a synchronous door: `submit(fn)` carries a whole Work to a database thread in one hop.

Waiting Works share a group commit, each on a savepoint of its own, so that one refusal never fails the rest.
SQLite has one writer thread; PostgreSQL a few. Only this file begins, commits and rolls back.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy import event, exc

from kernel import audit, engines, rows
from kernel.bell import Bell, tell
from kernel.errors import Conflict, TrunklineError
from kernel.ids import TenantId
from kernel.time import Clock
from kernel.work import PLATFORM, Actor, Notes, SystemWork, Unit, Work

T = TypeVar("T")

_log = structlog.get_logger(__name__)

GROUP = 64
"""Works in one commit at most: a longer group would keep the first caller waiting for the last."""
QUEUE = 10_000
"""Works waiting at most; a caller beyond that is told to come back later."""
READERS = 4
"""Reader threads: enough for a console and an API on two cores."""
POSTGRES_WRITERS = 4
"""Writer threads on PostgreSQL; group commit makes more of them useless."""
RETRIES = 3
"""A Work that met a deadlock or a serialisation failure runs again so often, alone."""

BACKOFF_S = 0.02
"""The pause before that: at once it would take its locks again before the one that waits for them wakes."""

Subscriptions = Mapping[str, Sequence[str]]
"""Which handlers owe something to which kind of fact: {kind: [handler name]}."""
Posted = tuple[int, str, int]
"""event id, handler, tenant: a debt just committed."""


class Unavailable(TrunklineError):
    """The database did not answer; nothing is known to have changed."""

    code = "unavailable"


class _Unsure(Exception):
    """The commit itself was not answered: it may have landed, so its Works must not run again."""


@dataclass(slots=True)
class _Item(Generic[T]):
    fn: Callable[[Any], T]
    tenant: TenantId | None
    actor: Actor
    alone: bool
    future: Future[T]


class Database:
    """One database, its writer threads and its readers."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        subscriptions: Subscriptions | None = None,
        anchor_file: Path | None = None,
        strict_tenancy: bool = False,
    ) -> None:
        self.url, self.clock = engines.normal(url), clock
        self.subscriptions: dict[str, Sequence[str]] = dict(subscriptions or {})
        self.on_posted: list[Callable[[list[Posted]], None]] = []
        self.on_hints: list[Callable[[set[str]], None]] = []
        self.sqlite = self.url.startswith("sqlite")
        self.session = f"trunkline-{os.urandom(6).hex()}"
        """So the server calls every connection of ours: whoever takes over from a dead worker ends them."""
        self.bell = Bell(None if self.sqlite else self.url)
        self._lock = engines.lock_file(self.url) if self.sqlite else None
        writers = 1 if self.sqlite else POSTGRES_WRITERS
        self.engine = engines.open_engine(self.url, size=writers + 1, readonly=False, session=self.session)
        self._reader_engine = engines.open_engine(self.url, size=READERS, readonly=True, session=self.session)
        event.listen(self.engine, "before_cursor_execute", _settle_first)
        if strict_tenancy:
            engines.guard(self.engine)
            engines.guard(self._reader_engine)
        self._queue: queue.Queue[_Item[Any] | None] = queue.Queue(QUEUE)
        self._door, self._closed = threading.Lock(), False
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-reader")
        self._chains = [audit.Chain(anchor_file=anchor_file) for _ in range(writers)]
        self._threads = [
            threading.Thread(target=self._write, args=(chain,), name=f"db-writer-{i}", daemon=True)
            for i, chain in enumerate(self._chains)
        ]
        for thread in self._threads:
            thread.start()

    # ---- the edge's verbs

    def submit(self, fn: Callable[[Work], T], *, tenant: TenantId, actor: Actor) -> Future[T]:
        """Run a tenant's Work on a writer thread and commit it; the Future carries its result or error."""
        return self._enqueue(_Item(fn, tenant, actor, alone=False, future=Future()))

    def submit_system(self, fn: Callable[[SystemWork], T], *, actor: Actor = PLATFORM, alone: bool = True) -> Future[T]:
        """Run a platform's Work; `alone` keeps it out of a group, for long ones such as a turn."""
        return self._enqueue(_Item(fn, None, actor, alone=alone, future=Future()))

    def run(self, fn: Callable[[Work], T], *, tenant: TenantId, actor: Actor) -> T:
        """`submit` and wait."""
        return self.submit(fn, tenant=tenant, actor=actor).result()

    def run_system(self, fn: Callable[[SystemWork], T], *, actor: Actor = PLATFORM) -> T:
        """`submit_system` and wait."""
        return self.submit_system(fn, actor=actor).result()

    def read(self, fn: Callable[[Work], T], *, tenant: TenantId, actor: Actor) -> Future[T]:
        """Run a tenant's Work that only reads, on a reader thread; writing in it is an error."""
        return self._reading(_Item(fn, tenant, actor, alone=True, future=Future()))

    def read_system(self, fn: Callable[[SystemWork], T], *, actor: Actor = PLATFORM) -> Future[T]:
        """Run a platform's Work that only reads."""
        return self._reading(_Item(fn, None, actor, alone=True, future=Future()))

    def waiting(self) -> int:
        """Works not yet begun: a turn keeps itself short while somebody waits."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what was submitted, then let go of every connection and the lock; a second call does nothing."""
        with self._door:
            if self._closed:
                return
            self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._readers.shutdown()
        self.bell.close()
        self.engine.dispose()
        self._reader_engine.dispose()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # ---- threads

    def _enqueue(self, item: _Item[T]) -> Future[T]:
        with self._door:
            if self._closed:
                raise Unavailable("the database is closed", fix="start the gateway again")
            try:
                self._queue.put_nowait(item)
            except queue.Full:
                raise Unavailable(f"{QUEUE} Works are waiting", fix="try again in a moment") from None
        return item.future

    def _reading(self, item: _Item[T]) -> Future[T]:
        with self._door:
            if self._closed:
                raise Unavailable("the database is closed", fix="start the gateway again")
            return self._readers.submit(self._read, item)

    def _read(self, item: _Item[T]) -> T:
        try:
            with self._reader_engine.connect() as connection, connection.begin():
                return self._look(connection, item)
        except Exception as error:  # whatever it is, it is told in the same words as a writer's
            told = self._translate(error)
            if told is error:
                raise
            raise told from error

    def _look(self, connection: sa.Connection, item: _Item[T]) -> T:
        rows.drop(connection)
        work = self._open(connection, item)
        try:
            result = item.fn(work)
            work.flush()
        finally:
            work.close()
        if work.notes.events or work.notes.records or rows.PENDING in connection.info:
            raise RuntimeError("a Work that only reads cannot announce, audit or append; submit it instead")
        return result

    def _write(self, chain: audit.Chain) -> None:
        held: _Item[Any] | None = None
        last = False
        while not last:
            first = held or self._queue.get()
            if first is None:
                return
            group, held, last = self._gather(first)
            wanted = [item for item in group if item.future.set_running_or_notify_cancel()]
            if wanted:
                self._commit(wanted, chain)

    def _gather(self, first: _Item[Any]) -> tuple[list[_Item[Any]], _Item[Any] | None, bool]:
        """A group, the one that must follow it alone, and whether this thread's end was among them."""
        group = [first]
        while not first.alone and len(group) < GROUP:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None or following.alone:
                return group, following, following is None
            group.append(following)
        return group, None, False

    def _commit(self, group: list[_Item[Any]], chain: audit.Chain, *, attempt: int = 1, guarded: bool = False) -> None:
        """One transaction for a group. A savepoint for each costs two round trips, so the first try goes without;
        when one of them fails, all run again with savepoints, and at last each alone."""
        try:
            answers, posted, hints = self._transact(group, chain, guarded=guarded)
        except BaseException as error:
            chain.lost()
            if isinstance(error, _Unsure):
                for item in group:
                    item.future.set_exception(self._translate(error.__cause__ or error))
            elif len(group) > 1 and not guarded:
                self._commit(group, chain, attempt=attempt, guarded=True)
            elif len(group) > 1 or (_transient(error) and attempt < RETRIES):
                time.sleep(BACKOFF_S * attempt * (1 + os.urandom(1)[0] / 256))
                for item in group:
                    self._commit([item], chain, attempt=attempt + 1)
            else:
                group[0].future.set_exception(self._translate(error))
            return
        chain.committed()
        for item, (result, problem) in zip(group, answers, strict=True):
            if problem is not None:
                item.future.set_exception(problem)
            else:
                item.future.set_result(result)
        if posted:
            tell(self.on_posted, posted)
        if hints:
            tell(self.on_hints, hints)
        self.bell.ring(hints, left=bool(posted) and not self.on_posted)

    def _transact(
        self, group: list[_Item[Any]], chain: audit.Chain, *, guarded: bool
    ) -> tuple[list[tuple[Any, BaseException | None]], list[Posted], set[str]]:
        answers: list[tuple[Any, BaseException | None]] = []
        kept = Notes()
        with self.engine.connect() as connection:
            rows.drop(connection)  # before BEGIN, which as a statement would write what a rolled back Work left
            with connection.begin() as transaction:
                for item in group:
                    if guarded:
                        answers.append(self._on_savepoint(connection, item, kept))
                    else:
                        answers.append((self._plainly(connection, item, kept), None))
                posted = self._flush(connection, kept, chain)
                rows.flush(connection)
                _land(transaction)
        return answers, posted, kept.hints

    def _plainly(self, connection: sa.Connection, item: _Item[Any], kept: Notes) -> Any:
        work = self._open(connection, item)
        try:
            result = item.fn(work)
            work.flush()
        finally:
            work.close()
        kept.take(work.notes)
        return result

    def _on_savepoint(
        self, connection: sa.Connection, item: _Item[Any], kept: Notes
    ) -> tuple[Any, BaseException | None]:
        connection.exec_driver_sql("SAVEPOINT work")
        try:
            result = self._plainly(connection, item, kept)
            rows.flush(connection)
        except Exception as error:
            if _transient(error):
                raise
            rows.drop(connection)
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT work")
            return None, self._translate(error)
        connection.exec_driver_sql("RELEASE SAVEPOINT work")
        return result, None

    def _translate(self, error: BaseException) -> BaseException:
        """A database's error, SQLAlchemy's or the raw driver's own, in our words."""
        raw: Any = self.engine.dialect.loaded_dbapi
        told: BaseException
        if isinstance(error, StopIteration):
            told = RuntimeError("a Work looked for what is not there")  # a Future of asyncio cannot carry the other
        elif isinstance(error, exc.IntegrityError | raw.IntegrityError):
            told = Conflict("something else took it first", fix="look again and repeat")
        elif _mistaken(error):
            return error
        elif isinstance(error, exc.OperationalError | exc.InterfaceError | raw.OperationalError | raw.InterfaceError):
            message = f"the database did not answer: {getattr(error, 'orig', error)}"
            told = Unavailable(message, fix="check TRUNKLINE_DATABASE_URL and try again")
        else:
            return error
        told.__cause__ = error
        return told

    def _open(self, connection: sa.Connection, item: _Item[Any]) -> Unit:
        now = self.clock.now()
        connection.info["platform"] = item.tenant is None
        if item.tenant is None:
            return SystemWork(connection, now=now, actor=item.actor, notes=Notes())
        return Work(connection, now=now, actor=item.actor, notes=Notes(), tenant=item.tenant)

    def _flush(self, connection: sa.Connection, kept: Notes, chain: audit.Chain) -> list[Posted]:
        connection.info["platform"] = True
        debts = [
            (row[1], handler, row[0], row[2]) for row in kept.events for handler in self.subscriptions.get(row[3], ())
        ]
        if kept.events:
            rows.put(connection, "event", ("tenant", "id", "at", "kind", "subject", "actor", "body"), kept.events)
        if debts:
            rows.put(
                connection,
                "outbox",
                ("event_id", "handler", "tenant", "at", "attempts"),
                [(e, h, t, at, 0) for e, h, t, at in debts],
            )
        if kept.records:
            sealed, link = chain.seal(connection, kept.records)
            columns = ("writer", "seq", "tenant", "at", "actor", "action", "subject", "detail")
            rows.put(connection, "audit", columns, sealed)
            rows.put(connection, "audit_link", ("writer", "link", "first", "last", "anchors", "root"), [link])
        return [(e, h, t) for e, h, t, _ in debts]


def _settle_first(connection: sa.Connection, *_: object) -> None:
    """A statement through SQLAlchemy sees every row that was appended before it."""
    if rows.PENDING in connection.info:
        rows.flush(connection)


def _land(transaction: sa.RootTransaction) -> None:
    try:
        transaction.commit()
    except exc.DBAPIError as error:
        if _transient(error) or isinstance(error, exc.IntegrityError):
            raise
        raise _Unsure(str(error)) from error


NOW = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)",
    "postgresql": "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
}
"""The database's own now() in microseconds, as each of them says it."""


def now_micros(work: Unit) -> int:
    """The database's own now(), in microseconds: leases, back-off and horizons are measured by it alone."""
    return int(rows.fetch(work, f"SELECT {NOW[work.dialect]}")[0][0])


def _transient(error: BaseException) -> bool:
    """A deadlock or serialisation failure: the same Work may succeed when run again."""
    code = getattr(getattr(error, "orig", error), "sqlstate", None)
    return code in ("40P01", "40001")


_MISTAKES = (1, 8)
"""SQLITE_ERROR and SQLITE_READONLY: a statement of ours is wrong, and no waiting mends it."""


def _mistaken(error: BaseException) -> bool:
    return getattr(getattr(error, "orig", error), "sqlite_errorcode", 0) & 0xFF in _MISTAKES
