"""What an event costs: a flat price beyond the period's allowance, in nano-units, pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from bss.catalog.model import Price
from kernel.money import NANO


@dataclass(frozen=True, slots=True)
class Charge:
    """How much of an event costs something, and what, in nano-units of the major unit."""

    billable: int
    amount_nano: int


def charge(price: Price, *, before: int, quantity: int) -> Charge:
    """The price of a quantity after `before` was used in its period; their sum does not depend on their order."""
    included = 0 if price.allowance is None else price.allowance.quantity
    billable = max(before + quantity - included, 0) - max(before - included, 0)
    exact = price.amount * NANO * billable
    return Charge(billable, int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)))


def used_up(price: Price, *, before: int, quantity: int) -> bool:
    """Whether this very quantity uses the allowance up."""
    return price.allowance is not None and before < price.allowance.quantity <= before + quantity
