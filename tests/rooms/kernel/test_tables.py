"""What is written comes back exactly, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from kernel.database import Database
from kernel.ids import EventId, TenantId
from kernel.tables import IdColumn, Instant, Json, PicoRate, from_micros, tenant_tables, to_micros
from kernel.work import SystemWork

SHELF = sa.Table(
    "shelf",
    sa.MetaData(),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("rate", PicoRate),
    sa.Column("at", Instant),
    sa.Column("whose", IdColumn(TenantId)),
    sa.Column("body", Json),
)


@pytest.fixture
def shelf(any_database: Database) -> Database:
    """A database with one table of every exact type."""
    SHELF.create(any_database.engine)
    return any_database


def kept(database: Database, **values: object) -> sa.Row[Any]:
    def fn(work: SystemWork) -> sa.Row[Any]:
        place = work.connection.execute(sa.select(sa.func.count()).select_from(SHELF)).scalar_one()
        work.connection.execute(sa.insert(SHELF).values(place=place, **values))
        return work.connection.execute(sa.select(SHELF).where(SHELF.c.place == place)).one()

    return database.run_system(fn)


def test_a_rate_comes_back_to_its_last_place(shelf: Database) -> None:
    for text in ("0.000000000001", "0.0015", "-1.5", "0", "9000000", "1234567.123456789012"):
        assert kept(shelf, rate=Decimal(text)).rate == Decimal(text)


def test_an_instant_comes_back_aware_and_to_the_microsecond(shelf: Database) -> None:
    for instant in (
        datetime(2026, 6, 1, 8, 0, 0, 123456, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
        datetime(2026, 6, 1, 10, 0, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ):
        found = kept(shelf, at=instant).at
        assert found == instant
        assert found.tzinfo is UTC


def test_an_id_comes_back_as_its_kind(shelf: Database) -> None:
    found = kept(shelf, whose=TenantId(2**63 - 1)).whose
    assert found == TenantId(2**63 - 1)
    assert type(found) is TenantId


def test_a_document_and_nothing_come_back(shelf: Database) -> None:
    row = kept(shelf, body={"b": [1, "ü\u2028", None], "a": {"whose": str(EventId(1))}})
    assert row.body == {"a": {"whose": "evt_0000000000001"}, "b": [1, "ü\u2028", None]}
    assert (row.rate, row.at, row.whose) == (None, None, None)


@pytest.mark.parametrize("text", ["0.0000000000001", "0.123456789012" + "0" * 20 + "1"])
def test_a_thirteenth_place_is_refused_and_not_cut(text: str) -> None:
    with pytest.raises(ValueError, match="more than 12 places"):
        PicoRate().process_bind_param(Decimal(text), sqlite.dialect())


def test_a_naive_instant_is_refused() -> None:
    naive = datetime(2026, 6, 1)  # noqa: DTZ001  (the point of the test)
    with pytest.raises(ValueError, match="no zone"):
        to_micros(naive)
    with pytest.raises(ValueError, match="no zone"):
        Instant().process_bind_param(naive, sqlite.dialect())
    assert from_micros(to_micros(datetime(2026, 6, 1, tzinfo=UTC))) == datetime(2026, 6, 1, tzinfo=UTC)


def test_the_tenants_tables_are_those_whose_key_names_the_tenant() -> None:
    assert {"event", "version"} <= tenant_tables()
    assert not {"outbox", "audit", "audit_link", "secret"} & tenant_tables()
