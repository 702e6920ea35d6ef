"""The main job's prices as chargeables, and hand-made variants of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from bss.catalog.model import PriceKind
from bss.subscriptions.model import Chargeable, PricePhaseId, SubscriptionId
from kernel.money import Rate, Rounding
from kernel.time import Unit

JUNE, JULY, AUGUST = date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 1)
UPGRADE = date(2026, 6, 16)
ANCHOR = date(2025, 1, 1)


def item(number: int, rate: str, **changes: Any) -> Chargeable:
    """A monthly price in advance of subscription 1 from June on, in phase `number`."""
    base = Chargeable(
        subscription_id=SubscriptionId(1),
        phase_id=PricePhaseId(number),
        component="access",
        description=f"Price {number}",
        kind=PriceKind.RECURRING,
        rate=Rate.of(rate, "EUR"),
        unit=Unit.MONTH,
        count=1,
        in_advance=True,
        quantity=1,
        rounding=Rounding.HALF_UP,
        tax_class="standard",
        revenue_account="recurring",
        start=JUNE,
        end=None,
        billed_none=(),
        meter=None,
        anchor=ANCHOR,
    )
    return replace(base, **changes)


SETUP = item(1, "29.00", component="setup", description="Setup", kind=PriceKind.ONE_TIME, revenue_account="setup")
HOME_500 = item(2, "39.00", description="Home 500")
MOBILE = item(3, "15.00", description="Mobile", subscription_id=SubscriptionId(2), component="line")
METER = item(4, "3.00", description="Meter", subscription_id=SubscriptionId(3), component="readings")
MESSAGES = item(
    5,
    "0.0015",
    description="Messages",
    subscription_id=SubscriptionId(3),
    component="messages",
    kind=PriceKind.USAGE,
    in_advance=False,
    meter="messages",
    revenue_account="usage",
)
HOME_1000 = item(6, "59.00", description="Home 1000", start=UPGRADE)
ORDERED = [SETUP, HOME_500, MOBILE, METER, MESSAGES]
UPGRADED = [SETUP, replace(HOME_500, end=UPGRADE), MOBILE, METER, MESSAGES, HOME_1000]
