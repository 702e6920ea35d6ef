"""Parts of periods by literal amounts, and properties that hold for every day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss.catalog import source
from bss.catalog.model import Price
from bss.subscriptions import prorate
from kernel.errors import Invalid
from kernel.money import Money, Rate, Rounding
from kernel.time import Span, day_anchor, period_containing
from tests.rooms.bss.shop import CONFIG

JUNE = Span(date(2026, 6, 1), date(2026, 7, 1))
CATALOGUE, _ = source.read(CONFIG / "catalog/demo.yaml")
PRICES = {offering.code: offering.prices for offering in CATALOGUE.offerings}


def first(code: str, on: date, *, billing_day: int = 1, quantity: int = 1) -> str:
    prices = PRICES[code]
    anchor = day_anchor(billing_day, on)
    return prorate.first_charge(prices, currency="EUR", on=on, anchor=anchor, quantity=quantity).plain()


def test_the_story_s_order_on_the_first_of_june() -> None:
    amounts = [first(code, date(2026, 6, 1)) for code in ("home-500", "mobile", "meter")]
    assert amounts == ["68.00", "15.00", "3.00"]


def test_the_story_s_upgrade_on_the_sixteenth() -> None:
    rest = Span(date(2026, 6, 16), date(2026, 7, 1))
    assert prorate.portion(Rate.of("39.00", "EUR"), 1, part=rest, whole=JUNE) == Money(1950, "EUR")
    assert prorate.portion(Rate.of("59.00", "EUR"), 1, part=rest, whole=JUNE) == Money(2950, "EUR")


@pytest.mark.parametrize(
    ("code", "on", "billing_day", "amount"),
    [
        ("meter", date(2026, 6, 30), 1, "0.10"),
        ("meter", date(2026, 2, 15), 1, "1.50"),
        ("meter", date(2026, 1, 31), 31, "3.00"),
        ("meter", date(2026, 2, 28), 31, "3.00"),
        ("mobile", date(2026, 6, 10), 15, "2.42"),
        ("home-500", date(2026, 6, 16), 1, "48.50"),
    ],
)
def test_a_first_charge(code: str, on: date, billing_day: int, amount: str) -> None:
    assert first(code, on, billing_day=billing_day) == amount


def test_a_quantity_is_charged_before_the_rounding() -> None:
    assert first("meter", date(2026, 6, 20), quantity=3) == "3.30"


def test_the_price_s_own_rule_rounds() -> None:
    part = Span(date(2026, 6, 1), date(2026, 6, 2))
    rate = Rate(Decimal("0.45"), "EUR")
    by_rule = {rule: prorate.portion(rate, 1, part=part, whole=JUNE, rounding=rule).minor for rule in Rounding}
    assert by_rule == {Rounding.HALF_UP: 2, Rounding.HALF_EVEN: 2, Rounding.UP: 2, Rounding.DOWN: 1}


def test_a_third_of_a_period_is_not_rounded_twice() -> None:
    part = Span(date(2026, 6, 1), date(2026, 6, 11))
    rate = Rate(Decimal("0.015"), "EUR")
    assert prorate.portion(rate, 1, part=part, whole=JUNE, rounding=Rounding.UP).minor == 1


def test_days_outside_the_period_are_refused() -> None:
    with pytest.raises(Invalid, match="is no part of"):
        prorate.portion(Rate.of("1", "EUR"), 1, part=Span(date(2026, 6, 30), date(2026, 7, 2)), whole=JUNE)


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(1, 31), st.integers(0, 10**6))
def test_a_first_charge_is_between_one_day_and_a_whole_period(on: date, billing_day: int, cents: int) -> None:
    anchor = day_anchor(billing_day, on)
    price = Price.model_validate(
        {"code": "x", "kind": "recurring", "amount": Decimal(cents) / 100, "currency": "EUR", "revenue": "r"}
    )
    (part,) = prorate.first_parts([price], on=on, anchor=anchor)
    whole = period_containing(anchor, price.unit, on)
    assert part.span == Span(on, whole.end)
    assert 0 <= part.amount.minor <= cents
    assert abs(part.amount.minor * whole.days - cents * part.span.days) <= whole.days // 2 + 1


@given(st.integers(1, 29), st.integers(0, 10**6))
def test_two_parts_of_a_month_are_a_cent_from_the_whole_at_most(day: int, cents: int) -> None:
    middle, rate = JUNE.start + timedelta(days=day), Rate(Decimal(cents) / 100, "EUR")
    parts = [Span(JUNE.start, middle), Span(middle, JUNE.end)]
    total = sum(prorate.portion(rate, 1, part=part, whole=JUNE).minor for part in parts)
    assert abs(total - cents) <= 1
