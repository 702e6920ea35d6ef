"""The blast radius: how many lines a tenant may cut in 24 hours, what is held beyond that, and the kill switch.

Every order that takes service away is counted where it is placed, whoever places it. Restoring is never counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low

import sqlalchemy as sa

from kernel import rows
from kernel.errors import Conflict, Forbidden, NotFound
from kernel.tables import to_micros
from kernel.time import Unit as Every
from kernel.time import boundary, midnight
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork, Unit, Work
from oss.inventory import alarms
from oss.inventory.machine import ServiceState
from oss.inventory.model import AlarmKind, Service
from oss.orders.incidents import sentence
from oss.orders.machine import TaskState
from oss.orders.model import CutApproval, CutHold, CutRadius, CutStop, CutTally, OrderId, Task, Verb

CUTS = frozenset({Verb.RESTRICT, Verb.TERMINATE})
"""The verbs that take service away; all others build or restore."""
LEAST = 50
"""So many cuts in 24 hours are always let through: a small tenant's bad month."""
ONE_IN = 200
"""0.5 % of the live lines."""
TIMES_USUAL = 3
"""A cycle day's dunning differs from month to month, but not by more."""
HOURS = 24
"""The rolling window; the hour that has begun and the one it began in both count."""
MONTHS = 12
"""How far back a cycle day's usual number of cuts is looked for."""
KEPT_HOURS = 400 * 24
"""Hours older than the oldest month that is looked at are forgotten."""
FRESH = timedelta(hours=1)
"""Lines and the usual number are counted again after so long: counting a million lines takes a while."""
APPROVED_FOR = timedelta(hours=24)
"""A second person's word speaks of the lines as they stood: after a day it is asked for again."""
PAGE = 500
"""Held cuts listed or approved at once at most."""
HOUR = 3_600_000_000
DAY = 24

_COUNT = (
    "INSERT INTO cut_tally (tenant, hour, cuts) VALUES (?, ?, ?)"
    " ON CONFLICT (tenant, hour) DO UPDATE SET cuts = cut_tally.cuts + excluded.cuts RETURNING cuts"
)
_FORGET = "DELETE FROM cut_tally WHERE tenant = ? AND hour < ? RETURNING hour"
_SUM = "SELECT SUM(cuts) FROM cut_tally WHERE tenant = ? AND hour >= ?"


@dataclass(frozen=True, slots=True)
class Radius:
    """How far a tenant is: cuts of the last 24 hours, and what the limit is made of."""

    cuts: int
    lines: int
    usual: int

    @property
    def limit(self) -> int:
        """The greatest of three: the least, a share of the live lines, a multiple of what is usual on such a day."""
        return max(LEAST, self.lines // ONE_IN, TIMES_USUAL * self.usual)

    @property
    def left(self) -> int:
        """How many cuts more go through."""
        return max(0, self.limit - self.cuts)

    def told(self, more: int) -> str:
        """Why so many more are too many."""
        made_of = f"the greatest of {LEAST}, 0.5 % of {self.lines} lines, {TIMES_USUAL} x {self.usual} usual"
        return f"blast radius: {self.cuts} cuts in 24 h and {more} more pass the limit of {self.limit} ({made_of})"


def usual(history: Sequence[int]) -> int:
    """The median of a cycle day's cuts, the lower of two middles; none without a history."""
    return median_low(history) if history else 0


# ---- counting


def admit(work: Work, count: int = 1, *, parent: str | None = None) -> bool:
    """Count so many cuts; False, and nothing is counted, when they pass the limit and nobody approved their parent."""
    hour, tenant = work.micros // HOUR, int(work.tenant)
    if rows.fetch(work, _COUNT, (tenant, hour, count))[0][0] == count:
        rows.fetch(work, _FORGET, (tenant, hour - KEPT_HOURS))
    cuts = int(rows.fetch(work, _SUM, (tenant, hour - HOURS))[0][0])
    if cuts <= LEAST or cuts <= _radius(work, cuts).limit or approved(work, parent):
        return True
    rows.fetch(work, _COUNT, (tenant, hour, -count))
    return False


def radius(work: Work) -> Radius:
    """How far the tenant is; in a reading Work the lines are counted and not kept."""
    found = rows.fetch(work, _SUM, (int(work.tenant), work.micros // HOUR - HOURS))[0][0]
    return Radius(int(found or 0), _lines(work), usual(_history(work)))


def known_radius(work: Work) -> Radius:
    """The same with lines and the usual number as they were counted at most an hour ago."""
    found = rows.fetch(work, _SUM, (int(work.tenant), work.micros // HOUR - HOURS))[0][0]
    return _radius(work, int(found or 0))


def _radius(work: Work, cuts: int) -> Radius:
    work.flush()
    known = work.session.get(CutRadius, work.tenant)
    if known is None:
        known = CutRadius(tenant=work.tenant, lines=_lines(work), usual=usual(_history(work)), counted_at=work.now)
        work.session.add(known)
        work.flush()
    elif known.counted_at <= work.now - FRESH:
        known.lines, known.usual, known.counted_at = _lines(work), usual(_history(work)), work.now
    return Radius(cuts, known.lines, known.usual)


def _lines(work: Work) -> int:
    mine = (Service.tenant == work.tenant, Service.state == ServiceState.ACTIVE)
    return work.session.scalar(sa.select(sa.func.count()).select_from(Service).where(*mine)) or 0


def _history(work: Work) -> list[int]:
    """The cuts of this day of the month in the months before, since the first cut there was."""
    today = work.now.date()
    starts = [_hour(midnight(boundary(today, Every.MONTH, -back), "UTC")) for back in range(1, MONTHS + 1)]
    days = [sa.and_(CutTally.hour >= start, CutTally.hour < start + DAY) for start in starts]
    query = sa.select(CutTally.hour, CutTally.cuts).where(CutTally.tenant == work.tenant, sa.or_(*days))
    found = work.session.execute(query).all()
    first = work.session.scalar(sa.select(sa.func.min(CutTally.hour)).where(CutTally.tenant == work.tenant))
    known = [start for start in starts if first is not None and start + DAY > first]
    return [sum(cuts for hour, cuts in found if start <= hour < start + DAY) for start in known]


def _hour(instant: datetime) -> int:
    return to_micros(instant) // HOUR


# ---- what is held, and who lets it go


def hold(work: Work, order_id: OrderId) -> str:
    """Keep an order until a second person approves it; why."""
    reason = radius(work).told(1)
    row = CutHold(tenant=work.tenant, order_id=order_id, reason=reason, requested_by=work.actor.name, held_at=work.now)
    work.session.add(row)
    work.flush()
    alarms.set_off(work, AlarmKind.BLAST_RADIUS, element="", key="", message=reason)
    work.audit("cut.held", order_id, {"reason": reason})
    return reason


def held(work: Work, *, limit: int = PAGE) -> list[CutHold]:
    """The cuts that wait for a second person, oldest first."""
    mine = (CutHold.tenant == work.tenant, CutHold.approved_by.is_(None))
    return list(
        work.session.scalars(sa.select(CutHold).where(*mine).order_by(CutHold.held_at, CutHold.order_id).limit(limit))
    )


def approve(work: Work, order_id: OrderId, *, parent: str | None) -> CutHold:
    """Stand behind a held cut for a day. Raises NotFound, or Forbidden for whoever placed it."""
    row = _hold_of(work, order_id, parent)
    if row is None:
        raise NotFound(f"no cut {order_id} waits for a second person", field="order_id", fix="see trunkline guard held")
    check_second(work, row.requested_by, what=str(order_id))
    row.approved_by, row.until = work.actor.name, work.now + APPROVED_FOR
    work.flush()
    if not held(work, limit=1):
        alarms.clear(work, AlarmKind.BLAST_RADIUS, element="", key="")
    work.audit("cut.approved", order_id, {"asked": row.requested_by})
    return row


def _hold_of(work: Work, order_id: OrderId, parent: str | None) -> CutHold | None:
    """What holds an order; one of a job whose approval is over is held from then on by itself."""
    row = work.session.get(CutHold, (work.tenant, order_id), with_for_update=True, populate_existing=True)
    theirs = None if parent is None else work.session.get(CutApproval, (work.tenant, parent), populate_existing=True)
    if row is not None or theirs is None:
        return row
    told = f"the approval of {parent} is over"
    row = CutHold(
        tenant=work.tenant, order_id=order_id, reason=told, requested_by=theirs.requested_by, held_at=work.now
    )
    work.session.add(row)
    return row


def approve_parent(work: Work, parent: str, *, requested_by: str) -> CutApproval:
    """Stand behind everything that is placed under a parent, for a day. Raises Forbidden for whoever asked for it."""
    check_second(work, requested_by, what=parent)
    row = CutApproval(
        tenant=work.tenant,
        parent=parent,
        requested_by=requested_by,
        approved_by=work.actor.name,
        until=work.now + APPROVED_FOR,
    )
    row = work.session.merge(row)
    work.audit("cuts.approved", parent, {"asked": requested_by})
    return row


def approved(work: Work, parent: str | None) -> bool:
    """Whether a second person's word for a parent is good now."""
    if parent is None:
        return False
    work.flush()
    mine = (CutApproval.tenant == work.tenant, CutApproval.parent == parent, CutApproval.until > work.now)
    return bool(work.session.scalar(sa.select(sa.exists().where(*mine))))


def cleared(work: Work, order_id: OrderId) -> bool:
    """Whether a cut that was held may go now."""
    work.flush()
    mine = (CutHold.tenant == work.tenant, CutHold.order_id == order_id, CutHold.until > work.now)
    return bool(work.session.scalar(sa.select(sa.exists().where(*mine))))


def lapsed(work: Work, order_id: OrderId, parent: str | None) -> bool:
    """Whether the word for an order, or for its parent, was given and is over; the order's own counts first."""
    own = work.session.get(CutHold, (work.tenant, order_id), populate_existing=True)
    if own is not None and own.until is not None:
        return own.until <= work.now
    theirs = None if parent is None else work.session.get(CutApproval, (work.tenant, parent), populate_existing=True)
    return theirs is not None and theirs.until <= work.now


def check_second(work: Work, requested_by: str, *, what: str) -> None:
    """Raises Forbidden when the Work's actor is the one who asked for it."""
    if work.actor.name == requested_by:
        message = f"{requested_by} asked for {what} and cannot approve it, too"
        raise Forbidden(message, field="approved_by", fix="let another person decide")


# ---- the kill switch


def stop(work: Work, *, why: str, everywhere: bool = False) -> CutStop:
    """Send no cut of this tenant (or of any) from the next turn on. Raises Conflict when that is so already."""
    told, scope = sentence(why, field="why"), _scope(work, everywhere=everywhere)
    standing = work.session.get(CutStop, scope, with_for_update=True)
    if standing is not None:
        message = f"{standing.stopped_by} stopped it: {standing.why}"
        raise Conflict(message, field="scope", fix="trunkline guard resume --why ...")
    row = CutStop(scope=scope, why=told, stopped_by=work.actor.name, stopped_at=work.now)
    work.session.add(row)
    work.audit("cuts.stopped", "everybody" if everywhere else str(work.tenant), {"why": told})
    return row


def resume(work: Work, *, why: str, everywhere: bool = False) -> None:
    """Let cuts go again. Raises Conflict when nothing is stopped."""
    told, scope = sentence(why, field="why"), _scope(work, everywhere=everywhere)
    standing = work.session.get(CutStop, scope, with_for_update=True)
    if standing is None:
        raise Conflict("no cuts are stopped", field="scope", fix="see trunkline guard show")
    work.session.delete(standing)
    work.flush()
    mine = (Task.tenant == work.tenant, Task.state == TaskState.READY, Task.cut)
    lanes = work.connection.execute(sa.update(Task).where(*mine).values(run_at=0).returning(Task.lane))
    for lane in set(lanes.scalars()):
        work.hint(f"lane:{lane}")
    work.audit("cuts.resumed", "everybody" if everywhere else str(work.tenant), {"why": told})


def stopped(work: Unit, *scopes: int) -> CutStop | None:
    """Why cuts of some scopes are stopped, None when they are not; the platform's switch stops everybody."""
    asked = (int(PLATFORM_TENANT), *scopes)
    return work.session.scalars(sa.select(CutStop).where(CutStop.scope.in_(asked)).order_by(CutStop.scope)).first()


def spared(work: SystemWork) -> sa.ColumnElement[bool]:
    """Which tasks wait for a kill switch: they are in people's hands."""
    scopes = set(work.session.scalars(sa.select(CutStop.scope)))
    if not scopes:
        return sa.false()
    return sa.and_(Task.cut, sa.or_(sa.literal(int(PLATFORM_TENANT) in scopes), Task.tenant.in_(scopes)))


def _scope(work: Work, *, everywhere: bool) -> int:
    return int(PLATFORM_TENANT) if everywhere else int(work.tenant)
