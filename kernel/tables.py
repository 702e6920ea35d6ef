"""What every table shares: the metadata, the exact column types, and the tenant first in every commercial key."""

from __future__ import annotations

import enum
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from kernel.ids import Id, TenantId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PICO = Decimal(10) ** 12
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970 in UTC; a naive instant is a programming error."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no zone")
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """The instant of that many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, stored as a 64-bit count of microseconds."""

    impl = BIG
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else from_micros(value)


class PicoRate(TypeDecorator[Decimal]):
    """A Decimal of up to 12 places, stored as a 64-bit count of 10^-12."""

    impl = BIG
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """To the database; a thirteenth place is a programming error."""
        if value is None:
            return None
        scaled = int(value * _PICO)
        if Decimal(scaled) / _PICO != value:
            raise ValueError(f"{value} has more than 12 places")
        return scaled

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """From the database."""
        return None if value is None else Decimal(value) / _PICO


class IdColumn(TypeDecorator[Id]):
    """A typed id, stored as its integer."""

    impl = BIG
    cache_ok = True

    def __init__(self, kind: type[Id]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Id | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else int(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Id | None:
        """From the database."""
        return None if value is None else self.kind(value)


class Json(TypeDecorator[Any]):
    """A JSON document, stored as text with sorted keys; numbers in it are never money."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """From the database."""
        return None if value is None else json.loads(value)


class Base(DeclarativeBase):
    """Every table of the house hangs here, so that one set of migrations serves both databases."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads this very attribute)
        int: BIG,
        str: sa.Text(),
        bytes: sa.LargeBinary(),
        bool: sa.Boolean(create_constraint=False),
        date: sa.Date(),
        datetime: Instant(),
        Decimal: PicoRate(),
        dict[str, Any]: Json(),
        list[Any]: Json(),
        enum.Enum: sa.Enum(
            enum.Enum,
            native_enum=False,
            create_constraint=False,
            length=32,
            values_callable=lambda kind: [member.value for member in kind],
        ),
    }


def _register(kind: type[Id]) -> None:
    Base.registry.update_type_annotation_map({kind: IdColumn(kind)})


for _kind in Id.kinds:
    _register(_kind)
Id.on_new_kind.append(_register)


class Tenanted:
    """A row that belongs to a tenant; the tenant leads its key."""

    tenant: Mapped[TenantId] = mapped_column(primary_key=True, sort_order=-100)


def tenant_tables() -> frozenset[str]:
    """The tables on which every statement must bind a tenant."""
    return frozenset(name for name, table in Base.metadata.tables.items() if "tenant" in table.primary_key.columns)
