"""Two amounts: Money is booked in integer minor units; Rate is a Decimal per unit and is never booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from math import lcm

from kernel.errors import Invalid

_EXACT = Context(prec=80)
"""Wide enough for any product of ours: Python's default of 28 digits would round before the named rule does."""
_WHOLE_DIGITS = 18
"""A number read from text has at most so many digits before its point; no amount or rate needs more."""

RATE_PLACES = 12
"""A rate is stored in pico-units of the major unit (10^-12)."""

NANO = 10**9
"""Rated usage and monetary balances are kept in nano-units of the major unit."""

RATE_LIMIT = 9_000_000
"""No rate is larger: in pico-units it must fit a 64-bit column."""

LIMIT_MINOR = 10**15
"""No single amount is larger: it guards sums in 64-bit columns."""

_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AUD BGN BRL CAD CHF CNY CZK DKK EGP EUR GBP HKD HUF IDR ILS INR KES MAD MXN MYR NGN NOK NZD PEN PHP "
    "PKR PLN QAR RON RSD SAR SEK SGD THB TRY TWD UAH USD ZAR",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
EXPONENTS: dict[str, int] = {code: places for places, codes in _DECIMALS.items() for code in codes.split()}
"""ISO 4217 minor-unit exponents. A payment gateway with other habits maps them in its own adapter."""


class Rounding(StrEnum):
    """The named rule by which a price's line is rounded to minor units."""

    HALF_UP = "halfUp"
    HALF_EVEN = "halfEven"
    UP = "up"
    DOWN = "down"


_DECIMAL_RULE = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.UP: ROUND_UP,
    Rounding.DOWN: ROUND_DOWN,
}


def exponent(currency: str) -> int:
    """How many decimals the currency has; Invalid for one we do not know."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise Invalid(
            f"unknown currency {currency!r}", field="currency", fix="use an ISO 4217 code such as EUR"
        ) from None


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in integer minor units of one currency; arithmetic across currencies is an error."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if not isinstance(self.minor, int):
            raise Invalid(f"{self.minor!r} is not a whole number of minor units", field="amount", fix="Money.of(text)")
        if abs(self.minor) > LIMIT_MINOR:
            raise Invalid(f"the amount is beyond the limit of {LIMIT_MINOR} minor units", field="amount")

    @classmethod
    def of(cls, text: str | int | Decimal, currency: str) -> Money:
        """From a major-unit decimal text ("86.00"); Invalid when it has more decimals than the currency."""
        amount = parse_decimal(text, field="amount")
        if _places(amount) > exponent(currency):
            raise Invalid(
                f"{text} has more than {exponent(currency)} decimals",
                field="amount",
                fix=f"{currency} is booked in 10^-{exponent(currency)} units",
            )
        return cls(int(_EXACT.scaleb(amount, exponent(currency))), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Nothing, in that currency."""
        return cls(0, currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise Invalid(
                f"{self.currency} and {other.currency} do not add up",
                field="currency",
                fix="convert at a dated rate first",
            )

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def decimal(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def plain(self) -> str:
        """The amount in major units with the currency's decimals and no currency: `86.00`."""
        return f"{self.decimal():.{exponent(self.currency)}f}"

    def __str__(self) -> str:
        return f"{self.plain()} {self.currency}"


@dataclass(frozen=True, slots=True)
class Rate:
    """A price per unit, up to 12 decimals; it becomes Money only through `charge` and a rounding rule."""

    per_unit: Decimal
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if not isinstance(self.per_unit, Decimal) or not self.per_unit.is_finite():
            raise Invalid(f"{self.per_unit!r} is not a finite Decimal", field="rate", fix="Rate.of(text)")
        if self.per_unit.copy_abs() > RATE_LIMIT:
            raise Invalid(
                f"the rate is beyond the limit of {RATE_LIMIT} a unit", field="rate", fix="price a smaller unit"
            )
        if _places(self.per_unit) > RATE_PLACES:
            raise Invalid(f"{self.per_unit} has more than {RATE_PLACES} decimals", field="rate")

    @classmethod
    def of(cls, text: str | int | Decimal, currency: str) -> Rate:
        """From a major-unit decimal text ("0.0015")."""
        return cls(parse_decimal(text, field="rate"), currency)

    def charge(self, quantity: Decimal | int, rounding: Rounding = Rounding.HALF_UP) -> Money:
        """The booked price of a quantity, rounded once."""
        return round_money(_EXACT.multiply(self.per_unit, Decimal(quantity)), self.currency, rounding)


def parse_decimal(text: str | int | Decimal, *, field: str) -> Decimal:
    """A finite decimal from text; floats are refused because they are not exact."""
    if isinstance(text, float | bool):
        raise Invalid(f"{text!r} is not exact", field=field, fix='write it as a string, "86.00"')
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        raise Invalid(f"{text!r} is not a decimal number", field=field, fix='write it as "86.00"') from None
    if not value.is_finite():
        raise Invalid(f"{text!r} is not finite", field=field)
    if value and value.adjusted() >= _WHOLE_DIGITS:
        raise Invalid(f"more than {_WHOLE_DIGITS} digits before the point", field=field)
    return value


def _places(value: Decimal) -> int:
    """The decimals that count, without trailing zeros."""
    _, digits, power = value.as_tuple()
    if not isinstance(power, int) or power >= 0 or not value:
        return 0
    text = "".join(map(str, digits))
    return max(-power - (len(text) - len(text.rstrip("0"))), 0)


def round_money(amount: Decimal, currency: str, rounding: Rounding = Rounding.HALF_UP) -> Money:
    """A major-unit amount as booked Money, by the named rule."""
    scaled = _EXACT.scaleb(amount, exponent(currency))
    return Money(int(scaled.to_integral_value(rounding=_DECIMAL_RULE[rounding])), currency)


def allocate(total: Money, weights: Sequence[int | Decimal]) -> list[Money]:
    """Split a total by weights without losing a cent: largest remainder first, ties to the earlier part."""
    if not weights or any(w < 0 for w in weights) or not any(weights):
        raise Invalid("weights must be non-negative and not all zero", field="weights")
    shares = [Fraction(w) for w in weights]
    scale = lcm(*(share.denominator for share in shares))
    counts = [int(share * scale) for share in shares]
    whole, sign, amount = sum(counts), -1 if total.minor < 0 else 1, abs(total.minor)
    parts = [amount * count // whole for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda i: (-(amount * counts[i] % whole), i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return [Money(sign * part, total.currency) for part in parts]
