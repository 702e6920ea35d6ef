"""Leases: who lost one commits nothing more, what its last commit left is found, and lanes are shared fairly."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.database import Database, Unavailable
from kernel.errors import Conflict, NotFound
from kernel.time import VirtualClock
from kernel.work import SystemWork
from oss.orders import lanes, leases
from oss.orders import run as engine
from oss.orders.machine import TaskState
from oss.orders.model import Task, Worker
from oss.orders.settle import Answer, Word
from oss.orders.store import Fenced
from tests.conftest import postgres_url
from tests.rooms.oss.orders.town import PATIENT, Town

ALL = {"hlr", "olt", "broker"}


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements, and stock for two lines."""
    return Town(any_database).build()


def hold(town: Town, worker: str, **more: Any) -> set[str]:
    return town.database.run_system(lambda work: lanes.hold(work, worker, **more))


def lapse(town: Town, worker: str) -> None:
    """Its lease is over by the database's clock."""
    change = sa.update(Worker).where(Worker.name == worker).values(until=0)
    town.database.run_system(lambda work: work.connection.execute(change))


def first_task(town: Town) -> tuple[TaskState, int, str | None]:
    query = sa.select(Task.state, Task.attempt, Task.owner).where(Task.seq == 0)
    found = town.database.read_system(lambda work: work.connection.execute(query).one()).result()
    return found[0], found[1], found[2]


def turn(work: SystemWork, answers: list[Answer], worker: str) -> list[engine.Sent]:
    return engine.turn(work, answers, worker=worker, room=dict.fromkeys(ALL, 10), policy=PATIENT).sent


# ---- fencing


def test_a_turn_did_not_look_at_its_lease_and_a_worker_that_had_lost_it_went_on_sending(town: Town) -> None:
    assert hold(town, "slow") == ALL
    lapse(town, "slow")
    assert hold(town, "heir") == ALL
    town.line()
    with pytest.raises(Fenced, match="slow has lost its lease"):
        town.database.run_system(lambda work: turn(work, [], "slow"))
    assert first_task(town) == (TaskState.READY, 0, None)
    with pytest.raises(Fenced):
        hold(town, "slow")


def test_an_answer_that_comes_after_the_takeover_changes_nothing_not_even_a_read_back(town: Town) -> None:
    hold(town, "slow")
    town.line()
    town.database.run_system(lambda work: turn(work, [], "slow"))
    town.database.run_system(lambda work: engine.reclaim(work, worker="slow", known=[]))
    (asked,) = town.database.run_system(lambda work: turn(work, [], "slow"))
    assert asked.read_only
    lapse(town, "slow")
    hold(town, "heir")
    late = [Answer(asked.task, asked.attempt, Word.UNREADABLE, message="late")]
    with pytest.raises(Fenced):
        town.database.run_system(lambda work: turn(work, late, "slow"))
    assert first_task(town)[:2] == (TaskState.UNKNOWN, 2)


def test_a_turn_of_a_worker_that_nobody_knows_is_refused(town: Town) -> None:
    with pytest.raises(Fenced):
        town.database.run_system(lambda work: turn(work, [], "stranger"))


@pytest.fixture
def far_town(clock: VirtualClock, request: pytest.FixtureRequest) -> Any:
    """A town on PostgreSQL, and a second process's connections to it."""
    from kernel.tables import Base

    with postgres_url() as url:
        here, there = Database(url, clock=clock), Database(url, clock=clock)
        Base.metadata.create_all(here.engine)
        yield Town(here).build(), there
        there.close()
        here.close()


def landing(database: Database, worker: str, gate: threading.Event) -> Future[list[engine.Sent]]:
    """A turn that has written everything and stands before its commit until the gate opens."""
    written = threading.Event()

    def fn(work: SystemWork) -> list[engine.Sent]:
        sent = turn(work, [], worker)
        written.set()
        gate.wait(10)
        return sent

    found = database.submit_system(fn)
    assert written.wait(10)
    return found


@pytest.mark.real
def test_a_takeover_waits_for_a_turn_that_is_landing_and_reads_back_what_it_sent(
    far_town: tuple[Town, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LOCK_MS", 30)
    town, there = far_town
    there.run_system(lambda work: lanes.hold(work, "slow"))
    town.line()
    gate = threading.Event()
    late = landing(there, "slow", gate)
    lapse(town, "slow")
    assert hold(town, "heir") == set()
    gate.set()
    assert len(late.result()) == 1
    assert hold(town, "heir") == ALL
    assert first_task(town)[0] is TaskState.UNKNOWN


@pytest.mark.real
def test_a_process_that_froze_in_a_transaction_once_kept_its_lanes_for_as_long_as_it_stood_still(
    far_town: tuple[Town, Database],
) -> None:
    town, there = far_town
    there.run_system(lambda work: lanes.hold(work, "frozen", session=there.session))
    town.line()
    gate = threading.Event()
    late = landing(there, "frozen", gate)
    lapse(town, "frozen")
    assert hold(town, "heir", session=town.database.session) == ALL
    gate.set()
    with pytest.raises(Unavailable):
        late.result()
    assert first_task(town) == (TaskState.READY, 0, None)


# ---- a commit that was not answered


def test_what_landed_as_sent_without_its_worker_knowing_is_read_back_at_once(town: Town) -> None:
    town.line()
    town.turn([])
    assert first_task(town) == (TaskState.SENT, 1, "w1")
    assert town.database.run_system(lambda work: engine.reclaim(work, worker="w1", known=[])) == 1
    (asked,) = town.turn([])
    assert (asked.read_only, asked.command.element) == (True, "hlr")
    town.settle(answers=town.speak([asked]))
    assert max(town.hlr.log.values()) == 1


def test_what_is_being_spoken_is_not_reclaimed(town: Town) -> None:
    town.line()
    (sent,) = town.turn([])
    known = [(sent.task, sent.attempt)]
    assert town.database.run_system(lambda work: engine.reclaim(work, worker="w1", known=known)) == 0
    assert first_task(town)[0] is TaskState.SENT


# ---- shares


def test_a_second_worker_gets_its_share_as_soon_as_nothing_of_the_first_is_in_flight_there(town: Town) -> None:
    assert hold(town, "w1") == ALL
    assert hold(town, "w2") == set()
    kept = hold(town, "w1", busy=ALL)
    assert hold(town, "w2") == set()
    assert hold(town, "w1", busy=kept) == kept
    got = hold(town, "w2")
    assert (got | kept, got & kept) == (ALL, set())
    assert sorted((len(got), len(kept))) == [1, 2]


def test_a_drained_worker_gives_up_what_it_does_not_use_and_claims_nothing(town: Town) -> None:
    hold(town, "w1")
    town.database.run_system(lambda work: leases.drain(work, "w1"))
    assert town.database.run_system(lambda work: leases.standing(work, "w1").draining)
    assert hold(town, "w1", busy={"olt"}) == set()
    assert hold(town, "w2") == ALL - {"olt"}
    town.database.run_system(lambda work: lanes.release(work, "w1"))
    assert hold(town, "w2") == ALL
    with pytest.raises(NotFound, match="no worker 'w1'"):
        town.database.run_system(lambda work: leases.drain(work, "w1"))


def test_a_worker_is_listed_with_what_it_holds_and_once_lost_for_a_day(town: Town) -> None:
    hold(town, "w1", label="north:7")
    town.line()
    town.turn([])
    (seen,) = town.database.read_system(leases.seen).result()
    told = (seen.name, seen.label, seen.state, set(seen.lanes), seen.in_flight)
    assert told == ("w1", "north:7", "working", ALL, 1)
    lapse(town, "w1")
    hold(town, "w2")
    found = town.database.read_system(leases.seen).result()
    assert [(s.name, s.state, len(s.lanes)) for s in found] == [("w1", "lost", 0), ("w2", "working", 3)]
    with pytest.raises(Conflict, match="is lost already"):
        town.database.run_system(lambda work: leases.drain(work, "w1"))


def test_lanes_are_shared_evenly_and_few_change_hands_when_a_worker_comes() -> None:
    names = tuple(f"lane-{n}" for n in range(1_000))
    three, four = (leases.share(names, tuple(f"w{n}" for n in range(count))) for count in (3, 4))
    assert max(Counter(three.values()).values()) == 334
    assert min(Counter(four.values()).values()) >= 240
    moved = sum(three[name] != four[name] for name in names)
    assert 250 <= moved <= 350
    assert leases.share(names, ()) == {}


def test_who_starts_again_on_a_sqlite_file_has_its_lanes_at_once(database: Database) -> None:
    town = Town(database).build()
    hold(town, "killed", session="an older process")
    assert hold(town, "fresh", session="this process") == ALL
