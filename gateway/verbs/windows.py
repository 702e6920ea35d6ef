"""Windows of elements: hours in which work waits."""

from __future__ import annotations

from datetime import datetime

from gateway.verbs.core import Asks, Gives, Page, href, reading, writing
from kernel.errors import Invalid
from kernel.work import Work
from oss.inventory import elements
from oss.orders import windows
from oss.orders.windows import Window, WindowId, WindowKind


class WindowAsked(Asks):
    """Hours of an element: weekly by days, from_time and until_time in its zone, or once by from_at and until_at."""

    element: str
    kind: WindowKind = WindowKind.CLOSED
    days: str | None = None
    from_time: str | None = None
    until_time: str | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None
    restores: bool = False
    reason: str


class WindowsAsked(Asks):
    """Whose windows: an element's, or all."""

    element: str | None = None


class WindowNamed(Asks):
    """One window."""

    window_id: WindowId


class WindowGiven(Gives):
    """Hours in which nothing is sent (closed), or the only ones in which anything is (open); `restores` may pass."""

    id: WindowId
    href: str
    element: str
    kind: WindowKind
    hours: str
    restores: bool
    reason: str
    added_by: str
    turns_at: datetime | None


@writing("window.add", "/windows", status=201)
def add(work: Work, asked: WindowAsked) -> WindowGiven:
    """Let work for an element wait in some hours, or in all but some; what runs is not stopped."""
    more = {"kind": asked.kind, "restores": asked.restores, "reason": asked.reason}
    weekly, single = (asked.days, asked.from_time, asked.until_time), (asked.from_at, asked.until_at)
    if None not in weekly and single == (None, None):
        days, start, end = weekly
        row = windows.weekly(work, asked.element, days=str(days), start=str(start), end=str(end), **more)  # type: ignore[arg-type]
    elif asked.from_at is not None and asked.until_at is not None and weekly == (None, None, None):
        row = windows.once(work, asked.element, start=asked.from_at, end=asked.until_at, **more)  # type: ignore[arg-type]
    else:
        fix = "give days, from_time and until_time, or from_at and until_at"
        raise Invalid("is neither weekly nor once", field="days", fix=fix)
    return _given(work, row)


@reading("window.list", "/windows")
def listed(work: Work, asked: WindowsAsked) -> Page[WindowGiven]:
    """The windows that still count, by element."""
    found = [_given(work, row) for row in windows.listed(work, element=asked.element)]
    return Page(items=found, total=len(found))


@writing("window.remove", "/windows/{window_id}/remove")
def remove(work: Work, asked: WindowNamed) -> WindowGiven:
    """Take a window away: what waited for it goes on."""
    return _given(work, windows.remove(work, asked.window_id))


def _given(work: Work, row: Window) -> WindowGiven:
    known = {name: getattr(row, name) for name in WindowGiven.model_fields if name not in ("href", "hours")}
    hours = windows.said(row, elements.get(work, row.element).zone)
    return WindowGiven(href=href("windows", row.id), hours=hours, **known)
