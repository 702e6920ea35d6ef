"""Hours of the week, or one span of time, in an element's zone: whether it is in them, and when that turns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from kernel.errors import Invalid
from kernel.time import zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_AROUND = 8
"""Days looked at on either side: a week, and the night that began before it."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From a time of day to another (the next day's when it is not later) on some days of the week."""

    days: tuple[int, ...]
    start: time
    end: time
    zone: str

    def spans(self, near: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans around an instant, oldest first, in UTC."""
        local, here = near.astimezone(zone(self.zone)).date(), zone(self.zone)
        for offset in range(-_AROUND, _AROUND + 1):
            day = local + timedelta(days=offset)
            if day.weekday() in self.days:
                last = day if self.end > self.start else day + timedelta(days=1)
                begin = datetime.combine(day, self.start, tzinfo=here).astimezone(UTC)
                yield begin, datetime.combine(last, self.end, tzinfo=here).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Once:
    """One span of time."""

    start: datetime
    end: datetime

    def spans(self, near: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The one."""
        yield self.start, self.end


def within(hours: Hours | Once, at: datetime) -> bool:
    """Whether an instant lies in them; their end does not."""
    return any(begin <= at < end for begin, end in hours.spans(at))


def turns(hours: Hours | Once, at: datetime) -> datetime | None:
    """When they next begin or end; None when they never do again."""
    now = within(hours, at)
    edges = [edge for span in hours.spans(at) for edge in span if edge > at and within(hours, edge) is not now]
    return min(edges, default=None)


def days(text: str) -> tuple[int, ...]:
    """Days of the week as people write them: `daily`, `mon-fri`, `sat,sun`. Raises Invalid."""
    if text == "daily":
        return tuple(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise Invalid(f"{part!r} names no day", field="days", fix="write daily, mon-fri, or sat,sun")
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return tuple(sorted(found))


def clock(text: str, *, field: str) -> time:
    """A time of day, `HH:MM`. Raises Invalid."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise Invalid(f"{text!r} is no time of day", field=field, fix="write it as 22:30")
    return time(int(found[1]), int(found[2]))
