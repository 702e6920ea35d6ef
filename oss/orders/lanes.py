"""Lanes are the owners of sessions: a worker leases one on the database's time and alone speaks on it meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from kernel.database import now_micros
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork, Unit
from oss.inventory import alarms
from oss.inventory.model import AlarmKind, Element
from oss.orders import run
from oss.orders.machine import TaskState
from oss.orders.model import Lane, Task
from oss.orders.settle import SECOND

LEASE_S = 10.0
"""How long a lease lasts without renewal."""
RENEW_S = 3.0
"""How often it is renewed."""
STALLED_S = 30.0
"""Ready work that waits so long while nobody takes it up is an alarm: three leases long."""
SILENT_S = 6.0
"""A worker that could not renew for so long closes its sessions before another byte is written."""


def hold(work: SystemWork, worker: str, *, lease_s: float = LEASE_S) -> set[str]:
    """Renew this worker's lanes and take over every free or lapsed one; what a dead worker sent becomes unknown."""
    _open(work)
    now = now_micros(work)
    mine = set(work.connection.scalars(sa.select(Lane.name).where(Lane.owner == worker)))
    free = sa.or_(Lane.owner.is_(None), Lane.owner == worker, Lane.until < now)
    held = set(
        work.connection.scalars(
            sa.update(Lane)
            .where(Lane.name.in_(sa.select(Lane.name).where(free)), free)
            .values(owner=worker, until=now + int(lease_s * SECOND))
            .returning(Lane.name)
        )
    )
    for lane in sorted(held):  # held ones too: a dead worker's last commit may land after its lane was taken over
        run.recover(work, lane, worker=worker)
    resume(work, held - mine)
    return held


def release(work: SystemWork, worker: str) -> None:
    """Give every lane back at once: another worker takes over without waiting for the lease to lapse."""
    work.connection.execute(sa.update(Lane).where(Lane.owner == worker).values(owner=None, until=0))


def holders(work: SystemWork) -> list[tuple[str, str | None, int]]:
    """Every lane, who holds it, and until when (microseconds of the database's now())."""
    rows = work.connection.execute(sa.select(Lane.name, Lane.owner, Lane.until).order_by(Lane.name))
    return [(name, owner, until) for name, owner, until in rows]


# ---- what keeps a lane from moving


@dataclass(frozen=True, slots=True)
class Stalls:
    """Lanes whose ready work nobody takes up, and why; and those of which an alarm stands."""

    now: dict[str, str]
    standing: frozenset[str]

    @property
    def changed(self) -> bool:
        """Whether an alarm is to be raised or cleared."""
        return self.now.keys() != self.standing


def break_off(work: SystemWork, lane: str, *, element: str, error: str) -> None:
    """Nobody answers at an element: its worker only probes, and says so."""
    change = sa.update(Lane).where(Lane.name == lane)
    work.connection.execute(change.values(broken_since=now_micros(work), broken_by=error))
    house = work.of(PLATFORM_TENANT)
    alarms.set_off(house, AlarmKind.PROBE_FAILING, element=element, key=lane, message=error)


def resume(work: SystemWork, lanes: Collection[str]) -> None:
    """Their elements answer again, or another worker finds out for itself."""
    mine = (Lane.name.in_(lanes), Lane.broken_since.is_not(None))
    mended = set(work.connection.scalars(sa.select(Lane.name).where(*mine))) if lanes else set()
    if mended:
        change = sa.update(Lane).where(Lane.name.in_(mended))
        work.connection.execute(change.values(broken_since=None, broken_by=None))
        for element, lane in alarms.stand(work, AlarmKind.PROBE_FAILING):
            if lane in mended:
                alarms.clear(work.of(PLATFORM_TENANT), AlarmKind.PROBE_FAILING, element=element, key=lane)


def stalls(work: SystemWork, *, older_s: float = STALLED_S) -> Stalls:
    """Ready work of more than `older_s` on a lane that nobody leases or whose element does not answer."""
    now = now_micros(work)
    stuck = sa.or_(Lane.owner.is_(None), Lane.until < now, Lane.broken_since.is_not(None))
    rows = work.session.execute(sa.select(Lane.name, Lane.broken_by).where(Lane.waits_for.is_(None), stuck)).all()
    found = {}
    for lane, broken_by in rows:
        ready = (Task.lane == lane, sa.text(f"state = '{TaskState.READY}'"), Task.run_at < now - int(older_s * SECOND))
        if work.session.execute(sa.select(Task.seq).where(*ready).limit(1)).first() is not None:
            found[lane] = broken_by or "no worker leases it"
    return Stalls(found, frozenset(lane for lane, _ in alarms.stand(work, AlarmKind.LANE_STALLED)))


def announce(work: SystemWork, *, older_s: float = STALLED_S) -> None:
    """Raise an alarm for each lane that has stalled, and clear those of the others."""
    found, house = stalls(work, older_s=older_s), work.of(PLATFORM_TENANT)
    for lane in found.now.keys() - found.standing:
        message = f"ready work waits for more than {older_s:.0f} s: {found.now[lane]}"
        alarms.set_off(house, AlarmKind.LANE_STALLED, element=lane, key="", message=message)
    for lane in found.standing - found.now.keys():
        alarms.clear(house, AlarmKind.LANE_STALLED, element=lane, key="")


def states(work: Unit) -> dict[str, Lane]:
    """Every lane by name."""
    return {lane.name: lane for lane in work.session.scalars(sa.select(Lane))}


def _open(work: SystemWork) -> None:
    known = set(work.connection.scalars(sa.select(Lane.name)))
    wanted: Iterable[str] = set(work.connection.scalars(sa.select(Element.lane).distinct()))
    for lane in sorted(set(wanted) - known):
        work.connection.execute(sa.insert(Lane).values(name=lane, owner=None, until=0))
