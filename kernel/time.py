"""Two time ports: Clock is business time and may be virtual; Pulse is monotonic and lives in one process."""

from __future__ import annotations

import calendar
import re
import threading
import time as _time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernel.errors import Invalid


class Clock(Protocol):
    """Business time: billing, dunning, requested dates, quarantine."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class Pulse(Protocol):
    """Monotonic seconds for what lives in one process: wire deadlines, breakers, token buckets."""

    def seconds(self) -> float:
        """Seconds since some fixed moment of this process."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)


class VirtualClock:
    """A clock that moves only when told to; tests and the demo live on it."""

    def __init__(self, start: datetime) -> None:
        self._now = _aware(start)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The instant it was last moved to."""
        with self._lock:
            return self._now

    def move_to(self, instant: datetime) -> None:
        """Go forward to an instant; time never runs back."""
        with self._lock:
            if _aware(instant) < self._now:
                raise Invalid(f"{instant} lies before {self._now}", field="instant", fix="move forward only")
            self._now = _aware(instant)


class SystemPulse:
    """The process's monotonic clock."""

    def seconds(self) -> float:
        """Monotonic seconds."""
        return _time.monotonic()


class FakePulse:
    """A pulse that beats only when told to."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def seconds(self) -> float:
        """Seconds told so far."""
        return self._seconds

    def beat(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self._seconds += seconds


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise Invalid(f"{instant} has no zone", field="instant", fix="give an offset or Z")
    return instant.astimezone(UTC)


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name; Invalid when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones, such as Europe, is an OSError
        raise Invalid(
            f"unknown time zone {name!r}", field="zone", fix="use an IANA name such as Europe/Berlin"
        ) from None


def local_date(instant: datetime, zone_name: str) -> date:
    """The calendar day of an instant in a zone."""
    return instant.astimezone(zone(zone_name)).date()


def midnight(day: date, zone_name: str) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone(zone_name)).astimezone(UTC)


_LENGTH = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def duration(text: str) -> timedelta:
    """A length of time as configuration writes it: `90s`, `30m`, `2h`, `5d` (of 24 hours). Raises Invalid."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise Invalid(f"{text!r} is no length of time", field="duration", fix="write 90s, 30m, 2h or 5d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


class Unit(StrEnum):
    """The unit of a billing period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_MONTHS = {Unit.MONTH: 1, Unit.QUARTER: 3, Unit.YEAR: 12}
_DAYS = {Unit.DAY: 1, Unit.WEEK: 7}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open span of local dates: `start` counts, `end` does not."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise Invalid(f"{self.end} lies before {self.start}", field="span")

    @property
    def days(self) -> int:
        """Calendar days in it."""
        return (self.end - self.start).days

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.start <= day < self.end

    def meet(self, other: Span) -> Span | None:
        """The part both have, None when there is none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def __str__(self) -> str:
        return f"{self.start.isoformat()}/{self.end.isoformat()}"


def boundary(anchor: date, unit: Unit, k: int, *, count: int = 1) -> date:
    """Anchor + k periods of `count` units, clamped to the month's end, always from the original anchor."""
    if unit in _DAYS:
        return anchor + timedelta(days=_DAYS[unit] * count * k)
    months = anchor.year * 12 + anchor.month - 1 + _MONTHS[unit] * count * k
    year, month = divmod(months, 12)
    return date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))


def period(anchor: date, unit: Unit, k: int, *, count: int = 1) -> Span:
    """Period k of an anchor."""
    return Span(boundary(anchor, unit, k, count=count), boundary(anchor, unit, k + 1, count=count))


def period_containing(anchor: date, unit: Unit, day: date, *, count: int = 1) -> Span:
    """The period of that anchor in which a day falls; days before the anchor fall in negative periods."""
    if unit in _DAYS:
        k = (day - anchor).days // (_DAYS[unit] * count)
    else:
        k = ((day.year - anchor.year) * 12 + day.month - anchor.month) // (_MONTHS[unit] * count)
        if boundary(anchor, unit, k, count=count) > day:
            k -= 1
    return period(anchor, unit, k, count=count)


def day_anchor(day_of_month: int, near: date) -> date:
    """An anchor for a billing day (1-31): January of the year before `near`, so that clamping never drifts."""
    if not 1 <= day_of_month <= 31:
        raise Invalid(f"{day_of_month} is not a day of a month", field="anchor", fix="1 to 31")
    return date(near.year - 1, 1, day_of_month)
