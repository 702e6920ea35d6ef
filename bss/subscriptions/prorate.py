"""What a part of a period costs, and what an order costs on its first day: pure functions of values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from bss.catalog.model import Price, PriceKind
from kernel.errors import Invalid
from kernel.money import Money, Rate, Rounding, round_money
from kernel.time import Span, period_containing

_GUARD = Decimal("1E-12")
"""Days over days may not end; what is beyond a rate's own precision is cut once, half-even, before the one rounding."""


@dataclass(frozen=True, slots=True)
class Part:
    """One component's share of a first charge, with the days it is for (None for a one-time price)."""

    component: str
    amount: Money
    span: Span | None
    tax_class: str = "standard"


def portion(rate: Rate, quantity: int, *, part: Span, whole: Span, rounding: Rounding = Rounding.HALF_UP) -> Money:
    """The price of some days of a period: calendar days over the period's actual days, rounded once."""
    if part.start < whole.start or part.end > whole.end or whole.days == 0:
        raise Invalid(f"{part} is no part of {whole}", field="span", fix="cut it at the period's boundaries")
    if part.days == whole.days:
        return rate.charge(quantity, rounding)
    exact = rate.per_unit * quantity * part.days / whole.days
    return round_money(exact.quantize(_GUARD, rounding=ROUND_HALF_EVEN), rate.currency, rounding)


def first_parts(prices: Iterable[Price], *, on: date, anchor: date, quantity: int = 1) -> list[Part]:
    """What each price charges when the line comes up on a day: one-time whole, advance periods from that day on."""
    parts = []
    for price in prices:
        if price.kind is PriceKind.ONE_TIME:
            parts.append(Part(price.code, price.rate.charge(quantity, price.rounding), None, price.tax_class))
        elif price.kind is PriceKind.RECURRING and price.in_advance:
            whole = period_containing(anchor, price.unit, on, count=price.count)
            span = Span(on, whole.end)
            amount = portion(price.rate, quantity, part=span, whole=whole, rounding=price.rounding)
            parts.append(Part(price.code, amount, span, price.tax_class))
    return parts


def first_charge(prices: Iterable[Price], *, currency: str, on: date, anchor: date, quantity: int = 1) -> Money:
    """What a line charges when it comes up on a day, before taxes."""
    total = Money.zero(currency)
    for part in first_parts(prices, on=on, anchor=anchor, quantity=quantity):
        total += part.amount
    return total
