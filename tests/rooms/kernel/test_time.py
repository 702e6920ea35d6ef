"""Periods tile from the original anchor, days begin at local midnight, and a clock never runs back."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import Invalid
from kernel.time import (
    FakePulse,
    Span,
    SystemClock,
    SystemPulse,
    Unit,
    VirtualClock,
    boundary,
    day_anchor,
    local_date,
    midnight,
    period,
    period_containing,
    zone,
)

ANCHORS = [date(2026, 1, day) for day in range(1, 32)] + [date(2024, 2, 29), date(2025, 11, 30)]


def test_a_month_is_clamped_from_the_original_anchor() -> None:
    months = [boundary(date(2026, 1, 31), Unit.MONTH, k) for k in range(5)]
    assert months == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]
    assert boundary(date(2024, 2, 29), Unit.YEAR, 4) == date(2028, 2, 29)
    assert boundary(date(2024, 2, 29), Unit.YEAR, 1) == date(2025, 2, 28)
    assert boundary(date(2025, 11, 30), Unit.QUARTER, 1) == date(2026, 2, 28)


def test_periods_before_the_anchor_count_backwards() -> None:
    assert boundary(date(2026, 1, 31), Unit.MONTH, -1) == date(2025, 12, 31)
    assert boundary(date(2026, 1, 31), Unit.MONTH, -2) == date(2025, 11, 30)
    assert boundary(date(2026, 1, 1), Unit.WEEK, -1) == date(2025, 12, 25)
    assert period_containing(date(2026, 1, 31), Unit.MONTH, date(2026, 1, 30)) == Span(
        date(2025, 12, 31), date(2026, 1, 31)
    )


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("count", [1, 2])
def test_sixty_periods_of_every_anchor_tile_and_hold_their_days(unit: Unit, count: int) -> None:
    for anchor in ANCHORS:
        spans = [period(anchor, unit, k, count=count) for k in range(-30, 30)]
        assert all(one.end == other.start for one, other in pairwise(spans))
        for span in spans:
            assert span.days > 0
            inside = (span.start, span.start + timedelta(days=span.days // 2), span.end - timedelta(days=1))
            assert [period_containing(anchor, unit, day, count=count) for day in inside] == [span] * 3
            if unit not in (Unit.DAY, Unit.WEEK):
                last = calendar.monthrange(span.start.year, span.start.month)[1]
                assert span.start.day == min(anchor.day, last)


def test_a_billing_day_anchors_in_a_month_that_has_it() -> None:
    assert day_anchor(31, date(2026, 2, 10)) == date(2025, 1, 31)
    for day in (0, 32):
        with pytest.raises(Invalid, match="not a day of a month"):
            day_anchor(day, date(2026, 1, 1))


def test_a_span_is_half_open() -> None:
    june = Span(date(2026, 6, 1), date(2026, 7, 1))
    assert june.days == 30
    assert date(2026, 6, 1) in june
    assert date(2026, 7, 1) not in june
    assert str(june) == "2026-06-01/2026-07-01"
    assert june.meet(Span(date(2026, 7, 1), date(2026, 8, 1))) is None
    assert june.meet(Span(date(2026, 6, 16), date(2026, 8, 1))) == Span(date(2026, 6, 16), date(2026, 7, 1))
    with pytest.raises(Invalid):
        Span(date(2026, 7, 1), date(2026, 6, 1))


@pytest.mark.parametrize(
    ("name", "day", "instant"),
    [
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00"),  # the day has 23 hours
        ("Europe/Berlin", date(2026, 3, 30), "2026-03-29T22:00"),
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-24T22:00"),  # the day has 25
        ("Europe/Berlin", date(2026, 10, 26), "2026-10-25T23:00"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00"),  # its midnight was left out
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00"),  # its midnight comes twice: the first
        ("Asia/Kathmandu", date(2026, 6, 1), "2026-05-31T18:15"),
        ("Pacific/Chatham", date(2026, 6, 1), "2026-05-31T11:15"),
        ("Pacific/Kiritimati", date(2026, 6, 1), "2026-05-31T10:00"),
        ("America/St_Johns", date(2026, 6, 1), "2026-06-01T02:30"),
        ("Asia/Tokyo", date(2026, 6, 1), "2026-05-31T15:00"),
        ("UTC", date(2026, 6, 1), "2026-06-01T00:00"),
    ],
)
def test_a_local_day_begins_at_this_instant(name: str, day: date, instant: str) -> None:
    assert midnight(day, name) == datetime.fromisoformat(f"{instant}+00:00")


ZONES = [
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Africa/Cairo",
    "America/Santiago",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(2000, 1, 1), date(2035, 12, 31)))
def test_nothing_of_a_day_lies_before_its_midnight(name: str, day: date) -> None:
    begins = midnight(day, name)
    assert local_date(begins, name) == day
    assert local_date(begins - timedelta(microseconds=1), name) == day - timedelta(days=1)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "Europe", "../etc/passwd", "Europe/Berlin\x00"])
def test_what_is_no_zone_is_refused_and_not_a_crash(name: str) -> None:
    with pytest.raises(Invalid, match="unknown time zone"):
        zone(name)


def test_a_virtual_clock_moves_only_forward() -> None:
    start = datetime(2026, 6, 1, 8, tzinfo=UTC)
    clock = VirtualClock(start)
    clock.move_to(start)
    clock.move_to(datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now().isoformat() == "2026-06-01T10:00:00+00:00"
    with pytest.raises(Invalid, match="lies before"):
        clock.move_to(start)
    assert clock.now() == start + timedelta(hours=2)


def test_an_instant_without_a_zone_moves_no_clock() -> None:
    naive = datetime(2026, 6, 2)  # noqa: DTZ001  (the point of the test)
    with pytest.raises(Invalid, match="no zone"):
        VirtualClock(naive)
    with pytest.raises(Invalid, match="no zone"):
        VirtualClock(datetime(2026, 6, 1, tzinfo=UTC)).move_to(naive)


def test_the_real_ones_run() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert SystemPulse().seconds() <= SystemPulse().seconds()
    pulse = FakePulse()
    pulse.beat(1.5)
    assert pulse.seconds() == 1.5
