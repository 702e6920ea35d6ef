"""What is offered and at what price: immutable values, read from versions of kind `catalog`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from kernel.errors import Invalid
from kernel.money import Money, Rate, Rounding, exponent, parse_decimal
from kernel.time import Unit

QUANTITY_LIMIT = 10**15
"""No allowance or quantity is larger: it guards sums in 64-bit columns."""

NAME_LENGTH = 120
"""A name is printed on one line of an invoice."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,47}$")]
"""A name for machines: lower case, digits and dashes."""


class PriceKind(StrEnum):
    """When a price is charged."""

    ONE_TIME = "oneTime"
    RECURRING = "recurring"
    USAGE = "usage"


class Starts(StrEnum):
    """The day from which a price is charged."""

    ON_CONFIRMED = "onConfirmed"
    ON_ORDER = "onOrder"


class Proration(StrEnum):
    """How a part of a period is charged."""

    CALENDAR_DAYS = "calendarDays"


class Billing(StrEnum):
    """What of a price is charged while its line is restricted."""

    FULL = "full"
    NONE = "none"


class Then(StrEnum):
    """What happens to the line once an allowance is used up."""

    THROTTLE = "throttle"


def _amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError('an amount is written as text, "39.00"')
    try:
        amount = parse_decimal(value, field="amount")
    except Invalid as error:
        raise ValueError(error.message) from error
    if amount < 0:
        raise ValueError(f"{value} is negative; a discount is not a price")
    return amount


def _currency(value: object) -> str:
    if value is None:
        raise ValueError("the price has no currency: write `currency: EUR` in it or at the top of the file")
    try:
        exponent(str(value))
    except Invalid as error:
        raise ValueError(f"{error.message}; {error.fix}") from error
    return str(value)


Amount = Annotated[Decimal, BeforeValidator(_amount), PlainSerializer(str, return_type=str)]
Currency = Annotated[str, BeforeValidator(_currency)]


class Value(BaseModel):
    """A part of a catalogue: no unknown field, no change."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Allowance(Value):
    """What a period includes, in the meter's unit, and what happens to the line beyond it."""

    quantity: int = Field(gt=0, le=QUANTITY_LIMIT, strict=True)
    then: Then | None = None
    rate: str | None = Field(default=None, pattern=r"^[0-9]{1,9}$", description="throttled line rate, kbit/s")

    @model_validator(mode="after")
    def _rate_with_throttle(self) -> Self:
        if (self.then is Then.THROTTLE) != (self.rate is not None):
            raise ValueError('`then: throttle` needs a rate in kbit/s, such as rate: "64", and only it')
        return self


class Price(Value):
    """One component of an offering's price; immutable once a subscription was sold at it."""

    code: Code
    name: str = Field(default="", max_length=NAME_LENGTH)
    kind: PriceKind
    amount: Amount
    currency: Currency
    unit: Unit = Unit.MONTH
    count: int = Field(default=1, ge=1, le=60, strict=True)
    in_advance: bool = Field(default=True, alias="inAdvance", strict=True)
    meter: Code | None = None
    allowance: Allowance | None = None
    proration: Proration = Proration.CALENDAR_DAYS
    rounding: Rounding = Rounding.HALF_UP
    tax_class: str = Field(default="standard", alias="taxClass", min_length=1)
    starts: Starts = Starts.ON_CONFIRMED
    when_restricted: Mapping[str, Billing] = Field(default_factory=dict, alias="whenRestricted")
    revenue: str = Field(min_length=1)
    pays_for: str | None = Field(default=None, alias="paysFor", min_length=1, description="None: for the whole line")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.kind is PriceKind.USAGE) != (self.meter is not None):
            raise ValueError("a usage price needs a meter, and no other price may have one")
        if self.kind is PriceKind.USAGE and self.in_advance:
            raise ValueError("usage is charged in arrears: write inAdvance: false")
        if self.allowance is not None and self.kind is not PriceKind.USAGE:
            raise ValueError("only a usage price has an allowance")
        if self.kind is not PriceKind.USAGE:
            self._bookable()
        return self

    def _bookable(self) -> None:
        try:
            Money.of(self.amount, self.currency)
        except Invalid as error:
            raise ValueError(f"{error.message}; {error.fix}") from error

    @property
    def rate(self) -> Rate:
        """The price per unit (per period, for a recurring one)."""
        return Rate(self.amount, self.currency)

    def billing(self, cause: str) -> Billing:
        """How it is charged while a restriction of that cause is open; full unless the price says otherwise."""
        return self.when_restricted.get(cause, Billing.FULL)

    def served(self, missing: Collection[str]) -> bool:
        """Whether what it pays for is on, when some components of the line are not."""
        return not missing if self.pays_for is None else self.pays_for not in missing

    def stored(self) -> dict[str, Any]:
        """The price as a document, to be frozen in an order or a phase."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


TERM_LIMIT = 120
"""Months of one contract term at most: nobody binds a line for longer than ten years."""


class Offering(Value):
    """Something a customer may order: a service specification with characteristics, and its prices."""

    code: Code
    name: str = Field(min_length=1, max_length=NAME_LENGTH)
    specification: str = Field(min_length=1)
    characteristics: Mapping[str, str] = Field(default_factory=dict)
    prices: tuple[Price, ...] = Field(min_length=1)
    requires: tuple[Code, ...] = ()
    excludes: tuple[Code, ...] = ()
    term_months: int | None = Field(
        default=None, ge=1, le=TERM_LIMIT, alias="termMonths", strict=True, description="None: bound to no term"
    )
    hash: str = Field(default="", exclude=True)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        codes = [price.code for price in self.prices]
        doubled = {code for code in codes if codes.count(code) > 1}
        if doubled:
            raise ValueError(f"two prices are called {', '.join(sorted(doubled))}")
        if len({price.currency for price in self.prices}) > 1:
            raise ValueError("all prices of one offering are in one currency")
        return self

    @property
    def currency(self) -> str:
        """The one currency of its prices."""
        return self.prices[0].currency

    def stored(self) -> dict[str, Any]:
        """The offering as a document, as applied."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
