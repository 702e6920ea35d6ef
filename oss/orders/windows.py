"""Windows of elements: hours in which nothing is sent to one, or the only hours in which anything is; work waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel import rows
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import Id, TenantId
from kernel.tables import Base
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork, Unit, Work
from oss.inventory import elements, hours
from oss.inventory.hours import Hours, Once
from oss.inventory.model import Element
from oss.orders.model import Incident, Lane

OF_ONE = 20
"""Windows of one element at most: a week has seven days, and a few exceptions."""
_LANE = "INSERT INTO lane (name) VALUES (?) ON CONFLICT (name) DO NOTHING RETURNING name"


class WindowId(Id, prefix="win"):
    """One window of an element."""


class WindowKind(StrEnum):
    """What its hours are: those in which nothing is sent (closed), or the only ones in which anything is (open)."""

    CLOSED = "closed"
    OPEN = "open"


class Window(Base):
    """Hours of an element, weekly (days, from_time, until_time in the element's zone) or once (from_at, until_at).

    `turns_at` is when it next begins or ends; None once it never does again, and then it counts no more. `restores`
    says whether what restores a service is sent all the same.
    """

    __tablename__ = "element_window"
    __table_args__ = (
        Index("ix_element_window_lane", "lane"),
        Index(
            "ix_element_window_turns_at",
            "turns_at",
            sqlite_where=text("turns_at IS NOT NULL"),
            postgresql_where=text("turns_at IS NOT NULL"),
        ),
    )
    id: Mapped[WindowId] = mapped_column(primary_key=True)
    element: Mapped[str]
    lane: Mapped[str]
    kind: Mapped[WindowKind]
    days: Mapped[str | None]
    from_time: Mapped[str | None]
    until_time: Mapped[str | None]
    from_at: Mapped[datetime | None]
    until_at: Mapped[datetime | None]
    restores: Mapped[bool]
    reason: Mapped[str]
    added_by: Mapped[str]
    turns_at: Mapped[datetime | None]


def weekly(
    work: Work, element: str, *, kind: WindowKind, days: str, start: str, end: str, restores: bool, reason: str
) -> Window:
    """Hours of every week, in the element's zone. Raises Invalid, NotFound or Conflict."""
    found = elements.get(work, element)
    hours.days(days)
    if hours.clock(start, field="from_time") == hours.clock(end, field="until_time"):
        raise Invalid("begins and ends at the same time", field="until_time", fix="give another end")
    row = _row(work, found, kind=kind, restores=restores, reason=reason)
    row.days, row.from_time, row.until_time = days, start, end
    return _added(work, row, found)


def once(
    work: Work, element: str, *, kind: WindowKind, start: datetime, end: datetime, restores: bool, reason: str
) -> Window:
    """One span of time. Raises Invalid, NotFound or Conflict."""
    for field, at in (("from_at", start), ("until_at", end)):
        if at.tzinfo is None:
            raise Invalid("an instant needs its offset", field=field, fix="as in 2026-07-01T22:00:00+02:00")
    if not start < end or end <= work.now:
        raise Invalid(f"{end.isoformat()} is no end to come", field="until_at", fix="give one after from_at and now")
    found = elements.get(work, element)
    row = _row(work, found, kind=kind, restores=restores, reason=reason)
    row.from_at, row.until_at = start, end
    return _added(work, row, found)


def _row(work: Work, element: Element, *, kind: WindowKind, restores: bool, reason: str) -> Window:
    told = " ".join(reason.split())
    if not told or len(told) > 200 or not told.isprintable():
        raise Invalid("has 1 to 200 printable characters", field="reason", fix="say it in a sentence")
    if len(listed(work, element=element.name)) >= OF_ONE:
        message = f"{element.name} has {OF_ONE} windows"
        raise Conflict(message, field="element", fix="remove one: trunkline element window list")
    return Window(
        id=WindowId.new(),
        element=element.name,
        lane=element.lane,
        kind=kind,
        restores=restores,
        reason=told,
        added_by=work.actor.name,
    )


def _added(work: Work, row: Window, element: Element) -> Window:
    row.turns_at = hours.turns(_hours(row, element.zone), work.now)
    work.session.add(row)
    work.session.flush()
    rows.fetch(work, _LANE, (row.lane,))
    refresh(work, row.lane)
    work.audit("window.added", row.id, {"element": row.element, "kind": str(row.kind), "reason": row.reason})
    return row


def remove(work: Work, window_id: WindowId) -> Window:
    """It counts no more; what waited for it goes on. Raises NotFound."""
    row = work.session.get(Window, window_id)
    if row is None:
        raise NotFound(f"no window {window_id}", field="window_id", fix="see trunkline element window list")
    work.session.delete(row)
    work.session.flush()
    refresh(work, row.lane)
    work.audit("window.removed", window_id, {"element": row.element})
    return row


def listed(work: Unit, *, element: str | None = None) -> Sequence[Window]:
    """The windows of an element, or of all, that still count."""
    query = sa.select(Window).where(Window.turns_at.is_not(None)).order_by(Window.element, Window.id)
    return work.session.scalars(query if element is None else query.where(Window.element == element)).all()


def said(row: Window, zone_name: str) -> str:
    """Its hours in words."""
    if row.from_at is not None and row.until_at is not None:
        return f"{row.from_at:%d %b %Y %H:%M} to {row.until_at:%d %b %Y %H:%M} UTC"
    return f"{row.days} {row.from_time}-{row.until_time} {zone_name}"


# ---- the lane


def refresh(work: Unit, lane: str) -> None:
    """Let the lane wait, wholly or but for restores, as its windows say now; an open incident goes before them."""
    whole, narrow = shut_by(work, lane)
    if _incident(work, lane):
        work.connection.execute(sa.update(Lane).where(Lane.name == lane).values(narrow=narrow))
    else:
        work.connection.execute(sa.update(Lane).where(Lane.name == lane).values(waits_for=whole, narrow=narrow))
    if whole is None:
        work.hint(f"lane:{lane}")


def shut_by(work: Unit, lane: str) -> tuple[str | None, str | None]:
    """Why nothing may be sent on a lane now, and why only restores may."""
    zones = {row.name: row.zone for row in elements.all(work) if row.lane == lane}
    counted = [row for row in listed(work) if row.lane == lane and row.element in zones]
    inside = {row.id: hours.within(_hours(row, zones[row.element]), work.now) for row in counted}
    opened = {row.element for row in counted if row.kind is WindowKind.OPEN and inside[row.id]}
    shut: dict[bool, str] = {}
    for row in counted:
        waits = inside[row.id] if row.kind is WindowKind.CLOSED else row.element not in opened
        if waits:
            what = "closed" if row.kind is WindowKind.CLOSED else "open only"
            shut[row.restores] = f"{row.element} is {what} {said(row, zones[row.element])}: {row.reason}"
    return shut.get(False), shut.get(True)


def _incident(work: Unit, lane: str) -> bool:
    standing = sa.select(Incident.id).where(Incident.lane == lane, Incident.closed_at.is_(None)).limit(1)
    return work.session.scalar(standing) is not None


def _hours(row: Window, zone_name: str) -> Hours | Once:
    if row.from_at is not None and row.until_at is not None:
        return Once(row.from_at, row.until_at)
    start, end = hours.clock(row.from_time or "", field="from_time"), hours.clock(row.until_time or "", field="until")
    return Hours(hours.days(row.days or ""), start, end, zone_name)


# ---- what falls due


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, WindowId]]:
    """Windows that begin or end now; give each to `turn`."""
    ripe = (Window.turns_at.is_not(None), Window.turns_at <= now)
    query = sa.select(Window.id).where(*ripe).order_by(Window.turns_at).limit(limit)
    return [(PLATFORM_TENANT, each) for each in work.session.scalars(query)]


def next_due(work: SystemWork) -> datetime | None:
    """When the next one begins or ends."""
    waiting = sa.select(Window.turns_at).where(Window.turns_at.is_not(None))
    return work.session.scalar(waiting.order_by(Window.turns_at).limit(1))


def turn(work: Work, window_id: WindowId) -> bool:
    """It has begun or ended: its lane waits, or goes on."""
    row = work.session.get(Window, window_id, with_for_update=True, populate_existing=True)
    if row is None or row.turns_at is None or row.turns_at > work.now:
        return False
    row.turns_at = hours.turns(_hours(row, elements.get(work, row.element).zone), work.now)
    work.session.flush()
    refresh(work, row.lane)
    return True
