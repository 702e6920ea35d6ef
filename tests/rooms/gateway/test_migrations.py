"""The migrations: up from nothing, the same tables as the models, statistics that the engine's claim needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import dispatch, migrate
from gateway.migrations import regenerate
from gateway.wiring import open_gateway
from kernel import engines
from kernel.database import Database
from kernel.errors import Conflict, Invalid
from kernel.tables import Base
from kernel.time import VirtualClock
from oss.orders import store_sqlite
from tests.conftest import postgres_url
from tests.rooms.gateway.conftest import settings_for


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        with postgres_url() as found:
            yield found


def test_up_from_nothing_gives_the_models_tables(url: str) -> None:
    assert migrate.current(url) is None
    assert migrate.upgrade(url) == migrate.head()
    assert migrate.current(url) == migrate.head()
    assert migrate.check(url) == [], "run `python -m gateway.migrate regenerate`"
    assert migrate.upgrade(url) == migrate.head()


def test_a_difference_from_the_models_is_found(url: str) -> None:
    migrate.upgrade(url)
    engine = engines.open_engine(engines.normal(url), size=1, readonly=False)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_task_ready")
        connection.exec_driver_sql("ALTER TABLE notice ADD COLUMN colour TEXT")
    engine.dispose()
    told = "\n".join(migrate.check(url))
    assert "ix_task_ready" in told
    assert "colour" in told


def test_the_written_migration_is_what_the_models_say() -> None:
    migrate.import_models()
    folder = migrate.SCRIPTS / regenerate.FOLDER
    parts = {path.stem for path in folder.glob("*.py")} - {"__init__", "statistics"}
    assert parts == set(regenerate.texts()), "run `python -m gateway.migrate regenerate`"


@pytest.fixture
def seeded(tmp_path: Path, clock: VirtualClock) -> Iterator[Database]:
    """A migrated SQLite database, still empty."""
    path = f"sqlite:///{tmp_path}/seeded.db"
    migrate.upgrade(path)
    database = Database(path, clock=clock)
    yield database
    database.close()


STATEMENTS = {
    name: text for name, text in vars(store_sqlite).items() if isinstance(text, str) and text.startswith("SELECT")
}
"""What the engine asks of SQLite."""


def plan(database: Database, statement: str) -> str:
    """How SQLite would find the rows."""
    given = tuple("x" for _ in range(statement.count("?")))
    with database.engine.connect() as connection:
        return "; ".join(str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given))


def test_the_engines_claim_walks_the_ready_tasks_alone(seeded: Database) -> None:
    claims = [text for text in STATEMENTS.values() if "t.state = 'ready'" in text]
    assert len(claims) == 2
    for claim in claims:
        told = plan(seeded, claim)
        assert ("ix_task_ready (lane=?" in told, "TEMP B-TREE" in told) == (True, False), told


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_of_the_engine_walks_a_table(seeded: Database, name: str) -> None:
    assert "SCAN" not in plan(seeded, STATEMENTS[name])


@pytest.mark.parametrize(
    ("table", "where", "index"),
    [
        ("service_order", "id = 2", "sqlite_autoindex_service_order_1"),
        ("service_order", "service_id = 2 AND state IN ('acknowledged', 'pending', 'held', 'inProgress',"
         " 'assessingCancellation', 'pendingCancellation')", "ix_service_order_open"),
        ("service", "owner = 'sub_x'", "ix_service_owner"),
        ("event", "subject = 2", "ix_event_subject"),
        ("invoice", "account_id = 2", "ix_invoice_account"),
    ],
)  # fmt: skip
def test_what_people_look_up_is_found_by_its_index(seeded: Database, table: str, where: str, index: str) -> None:
    with seeded.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE tenant = 1 AND {where}")
        assert f"USING INDEX {index}" in "; ".join(str(row[3]) for row in rows)


def test_every_index_has_its_statistics(seeded: Database) -> None:
    with seeded.engine.connect() as connection:
        told = {(row[0], row[1]) for row in connection.exec_driver_sql("SELECT tbl, idx FROM sqlite_stat1")}
    indexes = {(table.name, str(index.name)) for table in Base.metadata.sorted_tables for index in table.indexes}
    assert indexes - told == set()


def test_an_empty_sqlite_database_is_given_its_tables(tmp_path: Path, clock: VirtualClock) -> None:
    settings = settings_for(tmp_path)
    gateway = open_gateway(settings, subscriptions=dispatch.SUBSCRIPTIONS, clock=clock)
    gateway.database.close()
    assert migrate.current(settings.database_url) == migrate.head()


def test_a_database_of_another_version_is_not_opened(tmp_path: Path, clock: VirtualClock) -> None:
    settings = settings_for(tmp_path)
    migrate.upgrade(settings.database_url)
    engine = engines.open_engine(settings.database_url, size=1, readonly=False)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(Invalid, match="the database is at version 9999, this gateway needs 0001") as caught:
        open_gateway(settings, subscriptions=dispatch.SUBSCRIPTIONS, clock=clock)
    assert caught.value.fix == "trunkline db upgrade"


def test_a_second_process_is_told_who_holds_the_file(tmp_path: Path, clock: VirtualClock) -> None:
    settings = settings_for(tmp_path)
    gateway = open_gateway(settings, subscriptions=dispatch.SUBSCRIPTIONS, clock=clock)
    with pytest.raises(Conflict, match=r"is in use by process \d+"):
        migrate.upgrade(settings.database_url)
    gateway.database.close()
