"""The synchronous door: groups that share a commit, errors in our words, and a writer that nothing ends."""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from kernel import database as doors
from kernel import engines, rows
from kernel.database import Database, Unavailable
from kernel.errors import Conflict, Invalid
from kernel.events import EventRow
from kernel.ids import EventId, TenantId
from kernel.time import VirtualClock
from kernel.work import PLATFORM, SystemWork, Work
from tests.rooms.kernel.bell import BELL, DEADLINE_S, ONE, Rang, column, execute, failing, held, ring, rung


@pytest.fixture(autouse=True)
def one_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL too, so that a test can hold it and knows what is grouped."""
    monkeypatch.setattr(doors, "POSTGRES_WRITERS", 1)


@pytest.fixture
def tower(any_database: Database) -> Database:
    """A database with a bell, whose ringing two handlers hear."""
    BELL.create(any_database.engine)
    any_database.subscriptions["Rang"] = ("ears.one", "ears.two")
    return any_database


def submit(database: Database, fn: Callable[[Work], Any]) -> Future[Any]:
    return database.submit(fn, tenant=ONE, actor=PLATFORM)


# ---- group commit


def test_a_failing_work_leaves_the_others_of_its_group_alone(tower: Database) -> None:
    execute(tower, "INSERT INTO bell (n) VALUES (4)")
    with held(tower):
        good = [submit(tower, ring(n)) for n in (1, 2)]
        wrong = submit(tower, failing(3, Invalid("no such bell", field="n")))
        taken = submit(tower, ring(4))
        last = submit(tower, ring(5))
    assert [future.result(DEADLINE_S) for future in (*good, last)] == [1, 2, 5]
    assert isinstance(wrong.exception(DEADLINE_S), Invalid)
    assert isinstance(taken.exception(DEADLINE_S), Conflict)
    assert rung(tower) == [1, 2, 4, 5]
    assert column(tower, "SELECT subject FROM audit ORDER BY seq") == ["bell 1", "bell 2", "bell 5"]
    assert len(column(tower, "SELECT link FROM audit_link")) == 1
    assert len(column(tower, "SELECT id FROM event")) == 3
    assert len(column(tower, "SELECT handler FROM outbox")) == 6


def test_a_group_ends_before_a_work_that_runs_alone(tower: Database) -> None:
    seen: list[int] = []

    def alone(work: SystemWork) -> None:
        seen.append(work.connection.execute(sa.select(sa.func.count()).select_from(BELL)).scalar_one())
        assert rung(tower) == [1, 2]

    with held(tower):
        for n in (1, 2):
            submit(tower, ring(n))
        lonely = tower.submit_system(alone)
        last = submit(tower, ring(3))
    lonely.result(DEADLINE_S)
    assert (last.result(DEADLINE_S), seen) == (3, [2])


def test_more_works_than_a_group_holds_all_land(tower: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "GROUP", 4)
    with held(tower):
        many = [submit(tower, ring(n)) for n in range(10)]
    assert [future.result(DEADLINE_S) for future in many] == list(range(10))
    assert column(tower, "SELECT last - first + 1 FROM audit_link ORDER BY link") == [4, 4, 2]


def test_rows_appended_by_a_failing_work_are_not_written_by_its_neighbour(tower: Database) -> None:
    def append(n: int, error: Exception | None = None) -> Callable[[Work], None]:
        def fn(work: Work) -> None:
            rows.append(work, "bell", ("n", "word"), [(n, "appended")])
            if error is not None:
                raise error

        return fn

    with held(tower):
        first, wrong, twice = (submit(tower, fn) for fn in (append(1), append(2, Invalid("no")), append(1)))
        last = submit(tower, append(3))
    assert (first.result(DEADLINE_S), last.result(DEADLINE_S)) == (None, None)
    assert isinstance(wrong.exception(DEADLINE_S), Invalid)
    assert isinstance(twice.exception(DEADLINE_S), Conflict)
    assert rung(tower) == [1, 3]


def test_what_ends_a_program_ends_a_work_and_not_the_writer(tower: Database) -> None:
    with held(tower):
        other, wrong = submit(tower, ring(1)), submit(tower, failing(2, SystemExit(3)))
    alone = submit(tower, failing(3, KeyboardInterrupt()))
    assert isinstance(wrong.exception(DEADLINE_S), SystemExit)
    assert isinstance(alone.exception(DEADLINE_S), KeyboardInterrupt)
    assert other.result(DEADLINE_S) == 1
    assert submit(tower, ring(4)).result(DEADLINE_S) == 4
    assert rung(tower) == [1, 4]


def test_rows_of_a_work_that_was_rolled_back_once_came_with_the_next_begin(tower: Database) -> None:
    def append(work: Work) -> None:
        rows.append(work, "bell", ("n", "word"), [(1, "never")])
        raise Invalid("no")

    for _ in range(3):
        assert isinstance(submit(tower, append).exception(DEADLINE_S), Invalid)
    for n in (2, 3, 4):
        submit(tower, ring(n)).result(DEADLINE_S)
    assert rung(tower) == [2, 3, 4]


async def test_a_waiter_that_gave_up_once_killed_the_writer(database: Database) -> None:
    BELL.create(database.engine)
    started, gate = threading.Event(), threading.Event()

    def slow(work: Work) -> int:
        started.set()
        assert gate.wait(DEADLINE_S)
        return ring(1)(work)

    running = asyncio.wrap_future(submit(database, slow))
    assert await asyncio.to_thread(started.wait, DEADLINE_S)
    waiting = submit(database, ring(2))
    asyncio.wrap_future(waiting).cancel()
    running.cancel()
    gate.set()
    assert await asyncio.wrap_future(submit(database, ring(3))) == 3
    with pytest.raises(CancelledError):
        waiting.result(0)
    assert await asyncio.to_thread(rung, database) == [1, 3]


async def test_a_work_that_runs_out_of_an_iterator_once_left_its_waiter_for_ever(database: Database) -> None:
    def empty(work: Work) -> object:
        return next(iter(()))

    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(RuntimeError, match="looked for what is not there"):
            await asyncio.wrap_future(submit(database, empty))
        with pytest.raises(RuntimeError, match="looked for what is not there"):
            await asyncio.wrap_future(database.read(empty, tenant=ONE, actor=PLATFORM))


# ---- errors


def test_a_key_taken_twice_is_a_conflict(tower: Database) -> None:
    submit(tower, ring(1)).result(DEADLINE_S)
    for fn in (ring(1), lambda work: rows.append(work, "bell", ("n",), [(1,)])):
        with pytest.raises(Conflict, match="something else took it first") as refused:
            submit(tower, fn).result(DEADLINE_S)
        assert refused.value.__cause__ is not None


@pytest.mark.real
@pytest.mark.parametrize("any_database", ["postgresql"], indirect=True)
def test_a_lost_connection_is_unavailable_and_the_next_one_is_new(tower: Database) -> None:
    cut = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Unavailable, match="did not answer"):
        tower.run(lambda work: work.connection.execute(cut).scalar_one(), tenant=ONE, actor=PLATFORM)
    with pytest.raises(Unavailable, match="did not answer"):
        tower.read_system(lambda work: work.connection.execute(cut).scalar_one()).result(DEADLINE_S)
    assert submit(tower, ring(1)).result(DEADLINE_S) == 1
    assert rung(tower) == [1]


def test_works_whose_commit_was_not_answered_once_ran_twice(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    BELL.create(database.engine)
    runs: list[int] = []

    def counted(n: int) -> Callable[[Work], None]:
        def fn(work: Work) -> None:
            runs.append(n)
            work.connection.execute(sa.insert(BELL).values(word=str(n)))
            work.audit("rang", f"bell {n}")

        return fn

    commit = database.engine.dialect.do_commit

    def unheard(connection: Any) -> None:
        commit(connection)
        raise sqlite3.OperationalError("server closed the connection unexpectedly")

    with held(database):
        monkeypatch.setattr(database.engine.dialect, "do_commit", lambda c: unheard(c) if runs else commit(c))
        both = [submit(database, counted(n)) for n in (1, 2)]
    assert all(isinstance(future.exception(DEADLINE_S), Unavailable) for future in both)
    assert runs == [1, 2]
    monkeypatch.setattr(database.engine.dialect, "do_commit", commit)
    assert column(database, "SELECT word FROM bell ORDER BY n") == ["1", "2"]
    submit(database, counted(3)).result(DEADLINE_S)
    assert len(column(database, "SELECT DISTINCT writer FROM audit")) == 2


def test_a_statement_of_ours_that_is_wrong_is_not_called_an_outage(tower: Database) -> None:
    for run in (tower.submit_system, tower.read_system):
        with pytest.raises(exc.DBAPIError) as wrong:
            run(lambda work: work.connection.execute(sa.text("SELECT no_such_thing"))).result(DEADLINE_S)
        assert not isinstance(wrong.value, Unavailable)


@pytest.mark.real
@pytest.mark.parametrize("any_database", ["postgresql"], indirect=True)
def test_a_deadlock_is_run_again_alone(tower: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "POSTGRES_WRITERS", 2)
    url = tower.engine.url.render_as_string(hide_password=False)
    with_two = Database(url, clock=clock)
    execute(tower, "INSERT INTO bell (n, word) VALUES (1, ''), (2, '')")
    meet, runs = threading.Barrier(2), []

    def cross(first: int, second: int) -> Callable[[SystemWork], None]:
        def fn(work: SystemWork) -> None:
            runs.append(first)
            for n in (first, second):
                work.connection.execute(sa.update(BELL).where(BELL.c.n == n).values(word=BELL.c.word + str(first)))
                if len(runs) <= 2 and n == first:
                    meet.wait(DEADLINE_S)

        return fn

    try:
        both = [with_two.submit_system(cross(*pair)) for pair in ((1, 2), (2, 1))]
        assert [future.result(DEADLINE_S) for future in both] == [None, None]
    finally:
        with_two.close()
    assert len(runs) == 3
    words = column(tower, "SELECT word FROM bell ORDER BY n")
    assert words in (["12", "12"], ["21", "21"])


# ---- reading


def test_a_reading_work_cannot_write(tower: Database) -> None:
    with pytest.raises(exc.DBAPIError):
        tower.read(ring(1), tenant=ONE, actor=PLATFORM).result(DEADLINE_S)
    assert rung(tower) == []


def test_what_a_reading_work_leaves_for_the_commit_once_vanished(tower: Database) -> None:
    leaving: tuple[Callable[[Work], Any], ...] = (
        lambda work: work.emit(Rang(who=work.tenant, n=1)),
        lambda work: work.audit("rang", "bell 1"),
        lambda work: rows.append(work, "bell", ("n",), [(1,)]),
    )
    for fn in leaving:
        with pytest.raises(RuntimeError, match="submit it instead"):
            tower.read(fn, tenant=ONE, actor=PLATFORM).result(DEADLINE_S)
    assert tower.read(lambda work: 1, tenant=ONE, actor=PLATFORM).result(DEADLINE_S) == 1


def test_a_reading_work_sees_one_snapshot(tower: Database) -> None:
    def twice(work: Work) -> tuple[int, int]:
        count = sa.select(sa.func.count()).select_from(BELL)
        before = work.connection.execute(count).scalar_one()
        submit(tower, ring(1)).result(DEADLINE_S)
        return before, work.connection.execute(count).scalar_one()

    assert tower.read(twice, tenant=ONE, actor=PLATFORM).result(DEADLINE_S) == (0, 0)
    assert rung(tower) == [1]


# ---- what is told after the commit


def test_hints_and_debts_are_told_after_the_commit_and_only_of_what_landed(tower: Database) -> None:
    told: list[tuple[object, list[int]]] = []
    tower.on_posted.append(lambda posted: told.append(([name for _, name, _ in posted], rung(tower))))
    tower.on_hints.append(lambda hints: told.append((hints, rung(tower))))
    with held(tower):
        futures = [submit(tower, ring(1)), submit(tower, failing(2, ValueError("no"))), submit(tower, ring(3))]
    assert [future.exception(DEADLINE_S) is None for future in futures] == [True, False, True]
    assert submit(tower, lambda work: None).result(DEADLINE_S) is None
    assert told == [(["ears.one", "ears.two"] * 2, [1, 3]), ({"lane:1", "lane:3"}, [1, 3])]


def test_a_listener_that_fails_ends_neither_the_writer_nor_the_next_listener(tower: Database) -> None:
    heard: list[set[str]] = []

    def deaf(hints: set[str]) -> None:
        tower.on_hints.remove(deaf)
        raise RuntimeError("Event loop is closed")

    tower.on_hints += [deaf, heard.append]
    for n in (1, 2):
        assert submit(tower, ring(n)).result(DEADLINE_S) == n
    submit(tower, lambda work: None).result(DEADLINE_S)
    assert heard == [{"lane:1"}, {"lane:2"}]


# ---- tenancy


UNBOUND: tuple[Any, ...] = (
    sa.select(EventRow.id),
    sa.select(EventRow.id).where(EventRow.kind == "Rang"),
    sa.select(EventRow.id).where(EventRow.kind == "Rang").order_by(EventRow.tenant),
    sa.update(EventRow).where(EventRow.kind == "Rang").values(actor="nobody"),
    sa.update(EventRow).where(EventRow.kind == "Rang").values(actor="nobody").returning(EventRow.tenant),
    sa.delete(EventRow).where(EventRow.id == EventId(1)),
    sa.text("select id from event where kind = 'Rang'"),
)
BOUND: tuple[Any, ...] = (
    sa.select(EventRow.id).where(EventRow.tenant == ONE),
    sa.select(EventRow.id).where(EventRow.tenant.in_([ONE])),
    sa.select(EventRow.id).where(sa.tuple_(EventRow.tenant, EventRow.id).in_([(1, 1)])),
    sa.update(EventRow).where(EventRow.tenant == ONE).values(actor="nobody"),
    sa.delete(EventRow).where(EventRow.tenant == ONE, EventRow.id == EventId(1)),
    sa.text("select id from event where kind = 'Rang' and tenant = 1"),
    sa.text("SELECT handler FROM outbox"),
)


def test_a_statement_that_binds_no_tenant_fails(tower: Database) -> None:
    def run(statement: Any) -> Callable[[Work], object]:
        return lambda work: work.connection.execute(statement)

    for statement in UNBOUND:
        with pytest.raises(AssertionError, match="no tenant bound on event"):
            submit(tower, run(statement)).result(DEADLINE_S)
    for statement in UNBOUND[:3]:
        with pytest.raises(AssertionError, match="no tenant bound on event"):
            tower.read(run(statement), tenant=ONE, actor=PLATFORM).result(DEADLINE_S)


def test_a_statement_that_binds_it_goes_through(tower: Database) -> None:
    def every(work: Work) -> int:
        return sum(work.connection.execute(statement) is not None for statement in BOUND)

    assert submit(tower, every).result(DEADLINE_S) == 7


def test_the_platform_need_not_bind_one(tower: Database) -> None:
    submit(tower, ring(1)).result(DEADLINE_S)
    assert column(tower, "SELECT kind FROM event") == ["Rang"]
    own = tower.run_system(lambda work: work.of(TenantId(2)).emit(Rang(who=TenantId(2), n=2)))
    assert column(tower, f"SELECT tenant FROM event WHERE id = {int(own)}") == [2]


# ---- opening and closing


def test_a_second_process_is_told_who_holds_the_file(tmp_path: Path, clock: VirtualClock) -> None:
    url = f"sqlite:///{tmp_path}/one.db"
    (tmp_path / "other.db").symlink_to(tmp_path / "one.db")
    first = Database(url, clock=clock)
    for name in ("one.db", "other.db"):
        with pytest.raises(Conflict, match=f"in use by process {os.getpid()}") as refused:
            Database(f"sqlite:///{tmp_path}/{name}", clock=clock)
        assert refused.value.field == "TRUNKLINE_DATABASE_URL"
    first.close()
    first.close()
    Database(url, clock=clock).close()


def test_closing_finishes_what_was_submitted_and_refuses_more(tower: Database) -> None:
    with held(tower):
        many = [submit(tower, ring(n)) for n in range(5)]
        many.append(tower.submit_system(lambda work: ring(5)(work.of(ONE))))
        closing = threading.Thread(target=tower.close)
        closing.start()
    closing.join(DEADLINE_S)
    assert [future.result(0) for future in many] == [0, 1, 2, 3, 4, 5]
    for refused in (
        lambda: submit(tower, ring(9)),
        lambda: tower.read_system(lambda work: None),
    ):
        with pytest.raises(Unavailable, match="closed"):
            refused()


def test_a_full_queue_says_so_at_once(tower: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tower, "_queue", queue.Queue(2))
    tower._queue.queue.extend([object(), object()])
    with pytest.raises(Unavailable, match="try again"):
        submit(tower, ring(1))
    monkeypatch.undo()


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a.db?mode=ro", "", "x"]
)
def test_an_address_that_cannot_be_used_is_refused_by_name(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        engines.normal(url)
    assert refused.value.field == "TRUNKLINE_DATABASE_URL"


def test_every_way_to_write_postgresql_is_understood() -> None:
    for url in ("postgresql://u@h/d", "postgres://u@h/d", "postgresql+psycopg://u@h/d"):
        assert engines.normal(url) == "postgresql+psycopg://u@h/d"
