"""I1: journals sum to zero. I17: no card number in any text."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from bss.ledger import cards
from bss.ledger.model import Journal, Posting
from kernel.doctor import SHOWN, Check
from kernel.tables import Base, Json
from kernel.work import SystemWork

IDENTITIES = frozenset(
    {"binding", "resource", "sim_card", "sim_profile", "sim_imsi", "usage_record", "usage_rejection"}
)
"""Tables of the network's own numbers, as long as a card's and by chance with its check digit."""


def _journals(work: SystemWork) -> int:
    return work.session.scalar(sa.select(sa.func.count()).select_from(Journal)) or 0


def _uneven(work: SystemWork) -> list[str]:
    total = sa.func.sum(Posting.amount_minor)
    rows = work.session.execute(
        sa.select(Posting.tenant, Posting.journal_id, Posting.currency, total)
        .group_by(Posting.tenant, Posting.journal_id, Posting.currency)
        .having(total != 0)
        .limit(SHOWN)
    )
    return [
        f"{tenant} {journal}: off by {minor} minor units of {currency}" for tenant, journal, currency, minor in rows
    ]


def _text_columns() -> Iterator[tuple[sa.Table, sa.Column[str]]]:
    for table in Base.metadata.sorted_tables:
        if table.name not in IDENTITIES:
            yield from ((table, column) for column in table.columns if isinstance(column.type, sa.Text | Json))


def _suspects(work: SystemWork, table: sa.Table, column: sa.Column[str]) -> Iterator[str]:
    """Texts with fifteen digits in a row, or groups of four, cheaply preselected by the database."""
    text = sa.cast(column, sa.Text)
    if work.dialect == "sqlite":
        digit = "[0-9]"
        wanted = sa.or_(
            *(text.op("GLOB")(f"*{pattern}*") for pattern in (digit * 15, f"{digit * 4}[ -]{digit * 4}[ -]{digit * 4}"))
        )
    else:
        wanted = text.op("~")("[0-9]{15}|[0-9]{4}[ -][0-9]{4,6}[ -][0-9]{4,5}")
    for (value,) in work.connection.execute(sa.select(text).select_from(table).where(wanted)):
        yield value


def _texts(work: SystemWork) -> int:
    tables = {table for table, _ in _text_columns()}
    return sum(work.connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables)


def _cards(work: SystemWork) -> list[str]:
    return [
        f"{table.name}.{column.name} holds a card number ending in {digits[-4:]}"
        for table, column in _text_columns()
        for value in _suspects(work, table, column)
        if (digits := cards.found(value)) is not None
    ][:SHOWN]


CHECKS: list[Check] = [
    Check("I1", "every journal sums to zero in each currency", _journals, _uneven),
    Check("I17", "no text holds a card number", _texts, _cards),
]
