"""What a story looks at: the network as the simulators show it, the bills as the customer reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.invoices import service as invoices
from bss.invoices import statement
from bss.notices import service as notices
from bss.payments import service as payments
from gateway.demo.town import ZONE, Town
from kernel.tables import Base
from kernel.time import zone
from kernel.work import SystemWork

BOOKKEEPING = frozenset({"lane", "alembic_version"})
"""Tables that change by themselves: leases are renewed while nothing happens."""


class Port(NamedTuple):
    """What an OLT port shows."""

    admin: str
    profile: str


class Line(NamedTuple):
    """What the HLR shows of a subscriber."""

    msisdn: str
    profile: str
    bar: str
    rate: str


class Meter(NamedTuple):
    """What a meter reports of itself."""

    enabled: bool
    plan: str


def at(month: int, day: int, hour: int = 10) -> datetime:
    """A local moment of the story's year, in UTC."""
    return datetime(2026, month, day, hour, tzinfo=zone(ZONE)).astimezone(UTC)


async def port(town: Town, number: str) -> Port:
    """A port of the OLT."""
    shown = await town.shows("olt", number)
    return Port(shown["admin"], shown["profile"])


async def line(town: Town, imsi: str) -> Line | None:
    """A subscriber of the HLR; None when it knows none."""
    shown = await town.shows("hlr", imsi)
    return Line(**{name: shown[name] for name in Line._fields}) if shown else None


async def meter(town: Town, device: str) -> Meter:
    """A meter."""
    shown = await town.shows("mqtt", device)
    return Meter(shown["enabled"], shown["plan"])


async def bill(town: Town, account_id: AccountId) -> dict[str, Any]:
    """An account's latest invoice, as the customer reads it."""
    latest = (await town.see(lambda work: invoices.listed(work, account_id=account_id)))[-1]
    return await town.see(lambda work: statement.show(work, latest.id))


def nets(document: dict[str, Any]) -> list[str]:
    """The amounts of an invoice's lines, in its order."""
    return [row["net"] for row in document["lines"]]


async def letters(town: Town, account_id: AccountId) -> list[str]:
    """The templates of the letters sent, oldest first."""
    sent = await town.see(lambda work: notices.of_account(work, account_id))
    return [notice.template for notice in reversed(sent) if notice.sent_at is not None]


async def paid(town: Town, account_id: AccountId) -> list[tuple[str, int]]:
    """State and captured amount of each payment, in the order they were made."""
    found = await town.see(lambda work: payments.of_account(work, account_id))
    return [(str(payment.state), payment.captured_minor) for payment in sorted(found, key=lambda p: p.id)]


def rows(work: SystemWork) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: int(work.connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
        for table in Base.metadata.sorted_tables
        if table.name not in BOOKKEEPING
    }
