"""Money is exact, refuses what is not, and is split without losing a cent."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernel.errors import Invalid
from kernel.money import EXPONENTS, LIMIT_MINOR, Money, Rate, Rounding, allocate, parse_decimal, round_money


@pytest.mark.parametrize(
    ("currency", "text", "minor"),
    [
        ("EUR", "86.00", 8600),
        ("EUR", "-0.01", -1),
        ("EUR", "1E+2", 10000),
        ("EUR", "1.500", 150),
        ("JPY", "500", 500),
        ("ISK", "500", 500),
        ("UGX", "500", 500),
        ("HUF", "12.34", 1234),
        ("KWD", "1.234", 1234),
    ],
)
def test_a_text_is_booked_in_the_currencys_own_units(currency: str, text: str, minor: int) -> None:
    assert Money.of(text, currency).minor == minor
    assert Money.of(Money.of(text, currency).plain(), currency).minor == minor


@pytest.mark.parametrize(
    ("currency", "places"), [("JPY", 0), ("KRW", 0), ("ISK", 0), ("UGX", 0), ("EUR", 2), ("HUF", 2), ("KWD", 3)]
)
def test_the_exponents_are_those_of_the_standard(currency: str, places: int) -> None:
    assert EXPONENTS[currency] == places


def test_money_is_shown_with_every_decimal_it_has() -> None:
    shown = [str(Money(8600, "EUR")), str(Money(-5, "EUR")), str(Money(5, "JPY")), str(Money(1, "KWD"))]
    assert shown == ["86.00 EUR", "-0.05 EUR", "5 JPY", "0.001 KWD"]
    assert str(Money(LIMIT_MINOR, "EUR")) == "10000000000000.00 EUR"


def test_arithmetic_is_exact() -> None:
    tenth = Money.of("0.10", "EUR")
    assert tenth + tenth + tenth == Money.of("0.30", "EUR")
    assert tenth - Money.of("0.35", "EUR") == -Money.of("0.25", "EUR")
    assert not Money.zero("EUR")
    assert tenth > Money.zero("EUR") >= -tenth


@pytest.mark.parametrize("amount", [0.1, 86.0, True, float("nan"), "0,10", "", "NaN", "sNaN", "-Infinity", "€5", None])
def test_what_is_not_an_exact_finite_number_is_refused(amount: object) -> None:
    with pytest.raises(Invalid) as refused:
        Money.of(amount, "EUR")  # type: ignore[arg-type]
    assert refused.value.field == "amount"


@pytest.mark.parametrize("minor", [1.0, Decimal(1), "1"])
def test_minor_units_are_whole_numbers(minor: object) -> None:
    with pytest.raises(Invalid):
        Money(minor, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "currency"), [("1.005", "EUR"), ("0.5", "JPY"), ("0.1", "ISK"), ("1.0001", "KWD"), ("0.1", "UGX")]
)
def test_more_decimals_than_the_currency_has_are_refused(text: str, currency: str) -> None:
    with pytest.raises(Invalid, match="more than"):
        Money.of(text, currency)


@pytest.mark.parametrize("text", ["1." + "0" * 28 + "1", "0." + "0" * 60 + "1"])
def test_a_decimal_beyond_pythons_default_precision_was_once_dropped_in_silence(text: str) -> None:
    with pytest.raises(Invalid, match="more than 2 decimals"):
        Money.of(text, "EUR")
    with pytest.raises(Invalid, match="more than 12 decimals"):
        Rate.of(text, "EUR")


@pytest.mark.parametrize("text", ["1E+999999", "1E+500000", "9" * 40, "1E+18"])
def test_a_giant_number_is_refused_at_once_and_not_with_a_crash(text: str) -> None:
    with pytest.raises(Invalid, match="digits"):
        Money.of(text, "EUR")
    with pytest.raises(Invalid):
        Rate.of(text, "EUR")


def test_an_amount_beyond_the_limit_is_refused() -> None:
    for minor in (LIMIT_MINOR + 1, -LIMIT_MINOR - 1, 10**6000):
        with pytest.raises(Invalid, match="beyond the limit"):
            Money(minor, "EUR")


def test_an_unknown_currency_is_named() -> None:
    for currency in ("XXX", "eur", ""):
        with pytest.raises(Invalid, match="unknown currency"):
            Money.of("1", currency)


def test_currencies_never_mix() -> None:
    euro, yen = Money.of("1.00", "EUR"), Money.of("1", "JPY")
    for mixed in (lambda: euro + yen, lambda: euro - yen, lambda: euro < yen, lambda: euro <= yen):
        with pytest.raises(Invalid, match="do not add up"):
            mixed()
    assert Money(100, "EUR") != Money(100, "JPY")


@pytest.mark.parametrize(
    ("rule", "minors"),
    [  # of            0.005  0.015  0.0149 -0.005 -0.015 -0.0149
        (Rounding.HALF_UP, [1, 2, 1, -1, -2, -1]),
        (Rounding.HALF_EVEN, [0, 2, 1, 0, -2, -1]),
        (Rounding.UP, [1, 2, 2, -1, -2, -2]),
        (Rounding.DOWN, [0, 1, 1, 0, -1, -1]),
    ],
)
def test_each_rounding_rule_says_what_it_does(rule: Rounding, minors: list[int]) -> None:
    amounts = ["0.005", "0.015", "0.0149", "-0.005", "-0.015", "-0.0149"]
    assert [round_money(Decimal(amount), "EUR", rule).minor for amount in amounts] == minors


def test_rounding_is_to_the_currencys_own_unit() -> None:
    assert round_money(Decimal("0.5"), "JPY").minor == 1
    assert round_money(Decimal("0.0005"), "KWD").minor == 1


def test_a_rate_has_twelve_places_and_is_rounded_once() -> None:
    assert Rate.of("0.0015", "EUR").charge(1000) == Money(150, "EUR")
    assert Rate.of("0.000000000001", "EUR").charge(10**10) == Money(1, "EUR")
    assert Rate.of("0.000000000001", "EUR").charge(5 * 10**9 - 1) == Money(0, "EUR")
    with pytest.raises(Invalid, match="more than 12 decimals"):
        Rate.of("0.0000000000001", "EUR")


def test_a_large_quantity_is_not_rounded_before_the_rule_is() -> None:
    rate = Rate.of("0.004999999999", "EUR")
    assert rate.charge(Decimal("1.0000000000000000000000000001")) == Money(0, "EUR")
    assert Rate.of("0.000000000003", "EUR").charge(10**18 + 1, Rounding.UP) == Money(300_000_001, "EUR")


def test_a_rate_too_large_for_its_column_is_refused() -> None:
    for text in ("9000001", "-9000001"):
        with pytest.raises(Invalid, match="beyond the limit"):
            Rate.of(text, "EUR")


@pytest.mark.parametrize("rate", [0.1, Decimal("NaN"), Decimal("Infinity"), 1])
def test_a_rate_is_a_finite_decimal(rate: object) -> None:
    with pytest.raises(Invalid):
        Rate(rate, "EUR")  # type: ignore[arg-type]


def test_a_field_is_named_as_the_caller_names_it() -> None:
    with pytest.raises(Invalid) as refused:
        parse_decimal("five", field="deposit")
    assert str(refused.value) == "deposit: 'five' is not a decimal number (write it as \"86.00\")"


# ---- allocation


def minors(total: int, *weights: int | Decimal) -> list[int]:
    return [part.minor for part in allocate(Money(total, "EUR"), weights)]


def test_the_largest_remainder_comes_first_and_a_tie_goes_to_the_earlier_part() -> None:
    assert minors(100, 1, 1, 1) == [34, 33, 33]
    assert minors(101, 1, 1, 1) == [34, 34, 33]
    assert minors(100, 1, 2, 4) == [14, 29, 57]
    assert minors(1, 0, 1, 1) == [0, 1, 0]
    assert minors(-100, 1, 1, 1) == [-34, -33, -33]
    assert minors(0, 1, 2) == [0, 0]
    assert minors(10, Decimal("0.5"), Decimal("0.25"), Decimal("0.25")) == [5, 3, 2]


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_weights_that_divide_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(Invalid) as refused:
        allocate(Money(1, "EUR"), weights)
    assert refused.value.field == "weights"


WEIGHTS = st.one_of(
    st.integers(0, 10**30),
    st.integers(0, 9),
    st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=12),
)


@settings(max_examples=200, deadline=None)
@given(st.integers(-LIMIT_MINOR, LIMIT_MINOR), st.lists(WEIGHTS, min_size=1, max_size=12).filter(any))
@example(10**15 - 1, [10**29 - 1, 1, 10**29])
@example(10**15, [10**30, 10**30, 1])
def test_no_cent_is_lost_and_no_part_is_off_by_one(total: int, weights: list[int | Decimal]) -> None:
    parts = minors(total, *weights)
    whole = sum(Fraction(w) for w in weights)
    exact = [total * Fraction(w) / whole for w in weights]
    assert sum(parts) == total
    assert all(abs(part - share) < 1 for part, share in zip(parts, exact, strict=True))
    raised = [(abs(share) % 1, -i) for i, share in enumerate(exact) if abs(parts[i]) > abs(share)]
    cut = [(abs(share) % 1, -i) for i, share in enumerate(exact) if abs(parts[i]) < abs(share)]
    assert not raised or not cut or min(raised) > max(cut)
