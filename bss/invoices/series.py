"""Numbers without a hole: drawn as the last statement of a Work, so that a refused Work draws none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from bss.invoices.model import DocumentType, NumberSeries
from bss.ledger.model import SellerId
from kernel.errors import Conflict
from kernel.work import Work

SHARD = 0
"""The one shard in use; more of them let several bill runs number at once."""
DIGITS = 6
"""A number is padded so that a year's documents sort as text; a longer one is simply longer."""

_BEGIN = sa.text(
    "INSERT INTO number_series (tenant, seller_id, document_type, year, shard, last, last_on)"
    " VALUES (:tenant, :seller, :kind, :year, :shard, 0, :day) ON CONFLICT DO NOTHING"
).bindparams(sa.bindparam("day", type_=sa.Date()))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A number of its series, and as it is printed."""

    year: int
    shard: int
    sequence: int
    text: str


def draw(work: Work, seller_id: SellerId, kind: DocumentType, *, on: date, shard: int = SHARD) -> Drawn:
    """The next number of a seller's series; Conflict when its last document bears a later date than this one."""
    sequence = _next(work, seller_id, kind, on=on, shard=shard)
    if sequence is None:
        _begin(work, seller_id, kind, on=on, shard=shard)
        sequence = _next(work, seller_id, kind, on=on, shard=shard)
    if sequence is None:
        raise Conflict(f"the series {kind} {on.year} has a document of a later date than {on}", fix="try again")
    return Drawn(on.year, shard, sequence, number(kind, on.year, shard, sequence))


def number(kind: DocumentType, year: int, shard: int, sequence: int) -> str:
    """As printed: INV-2026-000001; further shards stand between year and number."""
    middle = "" if shard == SHARD else f"{shard}-"
    return f"{kind}-{year}-{middle}{sequence:0{DIGITS}d}"


def _next(work: Work, seller_id: SellerId, kind: DocumentType, *, on: date, shard: int) -> int | None:
    return work.connection.scalar(
        sa.update(NumberSeries)
        .where(
            NumberSeries.tenant == work.tenant,
            NumberSeries.seller_id == seller_id,
            NumberSeries.document_type == kind,
            NumberSeries.year == on.year,
            NumberSeries.shard == shard,
            NumberSeries.last_on <= on,
        )
        .values(last=NumberSeries.last + 1, last_on=on)
        .returning(NumberSeries.last)
    )


def _begin(work: Work, seller_id: SellerId, kind: DocumentType, *, on: date, shard: int) -> None:
    """The first document of a year begins its series; whoever begins it at the same time has begun it too."""
    row = {"tenant": int(work.tenant), "seller": int(seller_id), "kind": str(kind), "year": on.year, "shard": shard}
    work.connection.execute(_BEGIN, {**row, "day": on})
