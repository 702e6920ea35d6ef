"""The audit chain: whatever is altered, removed or inserted behind its back is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from kernel import audit
from kernel import database as doors
from kernel.database import Database
from kernel.tables import Base
from kernel.time import VirtualClock
from kernel.work import PLATFORM
from tests.rooms.kernel.bell import DEADLINE_S, ONE, column, execute
from tests.rooms.kernel.conftest import KERNEL


@pytest.fixture(autouse=True)
def one_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL too: one writer is one chain."""
    monkeypatch.setattr(doors, "POSTGRES_WRITERS", 1)


def act(database: Database, *subjects: str) -> None:
    """One commit of so many records."""

    def fn(work: Any) -> None:
        for subject in subjects:
            work.audit("did", subject, {"why": 'ü "\u2028'})

    database.run(fn, tenant=ONE, actor=PLATFORM)


def breaks(database: Database, outside: audit.Anchored = ()) -> tuple[int, list[str]]:
    """The records examined and what does not hold."""
    examined, found = database.read_system(lambda work: audit.verify(work.connection, outside=outside)).result(
        DEADLINE_S
    )
    return examined, [f"{b.link}: {b.reason}" for b in found]


def chained(database: Database) -> Database:
    """Three links of one chain: two records, one, and two."""
    for subjects in (("a", "b"), ("c",), ("d", "e")):
        act(database, *subjects)
    return database


def open_again(database: Database, clock: VirtualClock, **settings: Any) -> Database:
    """The same database after a restart: another chain."""
    url = database.engine.url.render_as_string(hide_password=False)
    database.close()
    return Database(url, clock=clock, **settings)


def test_a_chain_that_nobody_touched_holds(any_database: Database) -> None:
    assert breaks(any_database) == (0, [])
    chained(any_database)
    any_database.run_system(lambda work: work.audit("did", "platform"))
    assert breaks(any_database) == (6, [])
    assert column(any_database, "SELECT count(*) FROM audit_link") == [4]


ALTERED = {
    "an altered actor": ("UPDATE audit SET actor = 'nobody' WHERE seq = 3", "2: a record was altered"),
    "an altered instant": ("UPDATE audit SET at = at + 1 WHERE seq = 3", "2: a record was altered"),
    "an altered tenant": ("UPDATE audit SET tenant = NULL WHERE seq = 3", "2: a record was altered"),
    "a removed row": ("DELETE FROM audit WHERE seq = 4", "3: records are missing"),
    "an altered root": ("UPDATE audit_link SET root = 'f00' WHERE link = 3", "3: a record was altered"),
    "a removed link": ("DELETE FROM audit_link WHERE link = 2", "3: a link is missing before this one"),
    "a removed tail": ("DELETE FROM audit_link WHERE link = 3", "0: record 4 stands outside every link"),
    "an inserted row": (
        "INSERT INTO audit SELECT writer, 6, tenant, at, actor, action, subject, detail FROM audit WHERE seq = 5",
        "0: record 6 stands outside every link",
    ),
    "a row of no chain": (
        "INSERT INTO audit SELECT 'w', 1, tenant, at, actor, action, subject, detail FROM audit WHERE seq = 5",
        "0: record 1 stands outside every link",
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_what_was_done_to_it_is_found(database: Database, name: str) -> None:
    statement, found = ALTERED[name]
    execute(chained(database), statement)
    assert found in breaks(database)[1]


def test_an_altered_row_is_found_on_postgresql_too(any_database: Database) -> None:
    execute(chained(any_database), "UPDATE audit SET detail = '{}' WHERE seq = 1")
    assert breaks(any_database) == (5, ["1: a record was altered"])


def test_a_whole_chain_that_is_gone_is_missed_by_the_next(database: Database, clock: VirtualClock) -> None:
    first = chained(database)
    writer = column(first, "SELECT DISTINCT writer FROM audit")[0]
    second = open_again(first, clock)
    try:
        act(second, "f")
        assert breaks(second) == (6, [])
        for table in ("audit", "audit_link"):
            execute(second, f"DELETE FROM {table} WHERE writer = '{writer}'")
        assert breaks(second)[1] == [f"3: its head anchored in {column(second, 'SELECT writer FROM audit')[0]} is gone"]
    finally:
        second.close()


def test_a_new_chain_anchors_the_newest_ones_and_not_any_sixty_four(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_GENESIS_HEADS", 2)
    for n in range(5):
        act(database, str(n))
        database._chains[0]._begin()
    writers = column(database, "SELECT writer FROM audit ORDER BY subject")
    assert writers == sorted(map(str, writers))
    last = str(column(database, "SELECT anchors FROM audit_link ORDER BY writer DESC")[0])
    assert [str(writer) in last for writer in writers] == [False, False, True, True, False]


def test_a_commit_that_failed_after_its_seal_starts_a_new_chain(database: Database) -> None:
    act(database, "a")
    execute(database, "CREATE TRIGGER no BEFORE INSERT ON audit_link BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Exception, match="took it first"):
        act(database, "b")
    execute(database, "DROP TRIGGER no")
    act(database, "c")
    assert breaks(database) == (2, [])
    assert len(column(database, "SELECT DISTINCT writer FROM audit")) == 2


# ---- outside the database


def test_heads_are_anchored_outside_and_a_chain_cut_back_is_found(database: Database, clock: VirtualClock) -> None:
    file = Path(database.url.removeprefix("sqlite:///")).with_suffix(".anchors")
    second = open_again(database, clock, anchor_file=file)
    try:
        chained(second)
        outside = audit.anchored(file)
        assert [link for _, link, _ in outside] == [1, 2, 3]
        assert breaks(second, outside) == (5, [])
        act(second, "later than the file was read")
        assert breaks(second, outside) == (6, [])
        execute(second, "DELETE FROM audit_link WHERE link >= 3")
        execute(second, "DELETE FROM audit WHERE seq >= 4")
        assert breaks(second)[1] == []
        assert breaks(second, outside)[1] == ["3: the head anchored outside the database is not in it"]
    finally:
        second.close()


def test_a_torn_line_of_the_anchor_file_is_a_finding_and_not_a_crash(tmp_path: Path, database: Database) -> None:
    file = tmp_path / "anchors"
    assert audit.anchored(None) == []
    assert audit.anchored(file) == []
    file.write_text("w00 1\ngarbage\n")
    assert breaks(database, audit.anchored(file))[1] == [
        "1: the head anchored outside the database is not in it",
        "0: the head anchored outside the database is not in it",
    ]


def test_an_anchor_file_that_cannot_be_written_once_killed_the_writer(tmp_path: Path, clock: VirtualClock) -> None:
    opened = Database(f"sqlite:///{tmp_path}/a.db", clock=clock, anchor_file=tmp_path / "no" / "such" / "folder")
    try:
        Base.metadata.create_all(opened.engine, tables=KERNEL)  # type: ignore[arg-type]
        with capture_logs() as logs:
            chained(opened)
        assert breaks(opened) == (5, [])
        assert [line["event"] for line in logs] == ["audit head not anchored"] * 3
        assert opened.engine.connect().execute(sa.text("SELECT count(*) FROM audit")).scalar_one() == 5
    finally:
        opened.close()
