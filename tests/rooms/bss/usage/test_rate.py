"""What an event costs, by literal numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss.catalog.model import Price
from bss.usage import rate, screen
from bss.usage.model import Reason, UsageEvent

NOW = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)


def price(amount: str, *, included: int = 0) -> Price:
    allowance = {"quantity": included} if included else None
    return Price.model_validate(
        {
            "code": "use",
            "kind": "usage",
            "amount": amount,
            "currency": "EUR",
            "meter": "messages",
            "inAdvance": False,
            "allowance": allowance,
            "revenue": "usage",
        }
    )


def test_a_thousand_messages_cost_one_euro_fifty() -> None:
    assert rate.charge(price("0.0015"), before=0, quantity=1000) == rate.Charge(1000, 1_500_000_000)


@pytest.mark.parametrize(
    ("before", "quantity", "billable"),
    [(0, 100, 0), (0, 101, 1), (90, 20, 10), (100, 5, 5), (250, 5, 5)],
)
def test_only_what_is_beyond_the_allowance_costs(before: int, quantity: int, billable: int) -> None:
    charge = rate.charge(price("0.01", included=100), before=before, quantity=quantity)
    assert charge == rate.Charge(billable, billable * 10_000_000)


def test_less_than_a_nano_unit_is_cut_half_even() -> None:
    assert rate.charge(price("0.0000000005"), before=0, quantity=1).amount_nano == 0
    assert rate.charge(price("0.0000000015"), before=0, quantity=1).amount_nano == 2


def test_an_allowance_is_used_up_once() -> None:
    plan = price("0", included=100)
    ups = [rate.used_up(plan, before=before, quantity=40) for before in (0, 40, 80, 120)]
    assert ups == [False, False, True, False]


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=20), st.integers(1, 10**12), st.randoms())
def test_the_order_of_events_changes_no_total(quantities: list[int], included: int, random: Any) -> None:
    def total(each: list[int]) -> int:
        used = billed = 0
        for quantity in each:
            billed += rate.charge(price("0.01", included=included), before=used, quantity=quantity).billable
            used += quantity
        return billed

    shuffled = list(quantities)
    random.shuffle(shuffled)
    assert total(shuffled) == total(quantities) == max(sum(quantities) - included, 0)


def event(**over: Any) -> UsageEvent:
    given = {"event_id": "e1", "meter": "data", "kind": "imsi", "value": "001010000000001", "quantity": 5, "at": NOW}
    return UsageEvent(**{**given, **over})


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({}, None),
        ({"quantity": 0}, Reason.ABSURD_QUANTITY),
        ({"quantity": -5}, Reason.ABSURD_QUANTITY),
        ({"quantity": 10**15 + 1}, Reason.ABSURD_QUANTITY),
        ({"quantity": Decimal("1.5")}, Reason.ABSURD_QUANTITY),
        ({"quantity": True}, Reason.ABSURD_QUANTITY),
        ({"at": NOW + timedelta(minutes=5)}, None),
        ({"at": NOW + timedelta(minutes=5, seconds=1)}, Reason.IN_THE_FUTURE),
        ({"at": NOW - timedelta(days=90)}, None),
        ({"at": NOW - timedelta(days=90, seconds=1)}, Reason.TOO_LATE),
        ({"at": NOW.replace(tzinfo=None)}, Reason.MALFORMED),
        ({"event_id": ""}, Reason.MALFORMED),
        ({"value": "x\0y"}, Reason.MALFORMED),
        ({"value": 42}, Reason.MALFORMED),
    ],
)
def test_an_event_is_screened(over: dict[str, Any], reason: Reason | None) -> None:
    rejected = screen.reject(event(**over), now=NOW)
    assert (rejected.reason if rejected else None) == reason


def test_the_imsi_decides_before_the_number() -> None:
    both = event(kind="msisdn", value="447700900000", also={"imsi": "001010000000001"})
    assert screen.identity(both) == ("imsi", "001010000000001")
    assert screen.identity(event(kind="meter", value="meter-0001")) == ("meter", "meter-0001")
