"""Tax by a dated table: pure functions from a request and the rows in force to a quote. Nothing missing is ever 0 %."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bss.tax.port import LineTax, QuoteLine, QuoteRequest, TaxQuote
from kernel.errors import Invalid

EXEMPT, REVERSE_CHARGE = "E", "AE"
"""Categories of EN 16931 for a seller that is exempt and for a customer who accounts for the tax."""
_PERCENT = Decimal(100)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Row(_Value):
    """One rate of one class in one jurisdiction, from a day until another (open while None)."""

    jurisdiction: str = Field(min_length=2)
    tax_class: str = Field(alias="class", min_length=1)
    category: str = Field(min_length=1)
    rate: Decimal = Field(ge=0, lt=1000)
    starts: date = Field(alias="from")
    ends: date | None = Field(alias="until", default=None)
    reason: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Row:
        if self.ends is not None and self.ends <= self.starts:
            raise ValueError(f"until {self.ends} is not after from {self.starts}")
        if self.rate == 0 and not self.reason:
            raise ValueError("a rate of 0 needs its reason")
        return self


class Area(_Value):
    """Jurisdictions between which a registered customer accounts for the tax instead of the seller."""

    name: str
    members: tuple[str, ...]
    reason: str


class Table(_Value):
    """Every row and area in force for a tenant."""

    rows: tuple[Row, ...] = ()
    areas: tuple[Area, ...] = ()
    hash: str = ""

    @model_validator(mode="after")
    def _disjoint(self) -> Table:
        by_key: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.rows:
            by_key[row.jurisdiction, row.tax_class].append(row)
        for (jurisdiction, tax_class), rows in by_key.items():
            ordered = sorted(rows, key=lambda row: row.starts)
            for earlier, later in pairwise(ordered):
                if earlier.ends is None or earlier.ends > later.starts:
                    raise ValueError(f"{jurisdiction}/{tax_class}: two rates on {later.starts}")
        return self

    def row(self, jurisdiction: str, tax_class: str, day: date) -> Row:
        """The row in force; Invalid names the jurisdiction, class or day that is missing."""
        there = [row for row in self.rows if row.jurisdiction == jurisdiction]
        if not there:
            raise Invalid(
                f"no tax table for {jurisdiction!r}",
                field="jurisdiction",
                fix="apply its rows with `trunkline tax apply`",
            )
        same = [row for row in there if row.tax_class == tax_class]
        if not same:
            known = ", ".join(sorted({row.tax_class for row in there}))
            raise Invalid(f"{jurisdiction} has no tax class {tax_class!r}", field="tax_class", fix=f"one of {known}")
        for row in same:
            if row.starts <= day and (row.ends is None or day < row.ends):
                return row
        raise Invalid(f"{jurisdiction}/{tax_class} has no rate on {day}", field="tax_point", fix="add a dated row")

    def area(self, one: str, other: str) -> Area | None:
        """The area both belong to, None when there is none."""
        return next((area for area in self.areas if one in area.members and other in area.members), None)


def quote(table: Table, request: QuoteRequest) -> TaxQuote:
    """The tax of a document by the table; Invalid names what is missing."""
    if request.seller.exempt:
        return _untaxed(request, request.seller.country, EXEMPT, _exemption(request), {"basis": "exempt seller"})
    place = request.customer.country
    if not place:
        raise Invalid("the customer's country is missing", field="country", fix="set it on the billing account")
    area = table.area(request.seller.country, place) if place != request.seller.country else None
    if area is not None and request.customer.tax_id:
        return _reverse_charge(request, place, area)
    rows = {line.number: table.row(place, line.tax_class, request.tax_point) for line in request.lines}
    return TaxQuote(
        document=request.document,
        currency=request.currency,
        lines=tuple(_taxed(request.lines, rows)),
        evidence={"basis": "table", "table": table.hash, "place": place, "tax_point": request.tax_point.isoformat()},
    )


def _exemption(request: QuoteRequest) -> str:
    if not request.seller.exemption_reason:
        raise Invalid("an exempt seller must say why", field="exemption_reason", fix="set it on the seller")
    return request.seller.exemption_reason


def _reverse_charge(request: QuoteRequest, place: str, area: Area) -> TaxQuote:
    answer = request.customer.registry
    if answer is None or answer.tax_id != request.customer.tax_id:
        raise Invalid(
            f"reverse charge to {request.customer.tax_id} needs the registry's answer about it",
            field="tax_id",
            fix="ask the registry, or remove the tax number to charge tax",
        )
    if not answer.valid:
        raise Invalid(
            f"the registry does not know {answer.tax_id}", field="tax_id", fix="correct it, or remove it to charge tax"
        )
    evidence = {"basis": "reverse charge", "registry": answer.reference, "asked_on": answer.asked_on.isoformat()}
    return _untaxed(request, place, REVERSE_CHARGE, area.reason, evidence)


def _untaxed(request: QuoteRequest, place: str, category: str, reason: str, evidence: dict[str, str]) -> TaxQuote:
    lines = tuple(
        LineTax(number=line.number, jurisdiction=place, category=category, rate=Decimal(0), tax_minor=0, reason=reason)
        for line in request.lines
    )
    evidence = {**evidence, "reason": reason, "tax_point": request.tax_point.isoformat()}
    return TaxQuote(document=request.document, currency=request.currency, lines=lines, evidence=evidence)


def _taxed(lines: Iterable[QuoteLine], rows: dict[int, Row]) -> list[LineTax]:
    groups: dict[tuple[str, str, Decimal], list[QuoteLine]] = defaultdict(list)
    for line in lines:
        row = rows[line.number]
        groups[row.jurisdiction, row.category, row.rate].append(line)
    taxed = [
        LineTax(
            number=line.number,
            jurisdiction=jurisdiction,
            category=category,
            rate=rate,
            tax_minor=tax,
            reason=rows[line.number].reason,
        )
        for (jurisdiction, category, rate), members in groups.items()
        for line, tax in zip(members, spread([line.net_minor for line in members], rate), strict=True)
    ]
    return sorted(taxed, key=lambda line: line.number)


def spread(nets: Sequence[int], rate: Decimal) -> list[int]:
    """The tax on the sum of nets, rounded half-up once, shared out by largest remainder; nets may be negative."""
    exact = [Decimal(net) * rate / _PERCENT for net in nets]
    total = int(sum(exact, Decimal(0)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    parts = [int(x.to_integral_value(rounding=ROUND_FLOOR)) for x in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (parts[i] - exact[i], i))
    missing = total - sum(parts)
    for i in by_remainder[: max(missing, 0)]:
        parts[i] += 1
    for i in by_remainder[missing:] if missing < 0 else ():
        parts[i] -= 1
    return parts
