"""Lanes are the owners of sessions: a worker leases one on the database's time and alone speaks on it meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from kernel import rows
from kernel.database import now_micros
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork, Unit
from oss.inventory import alarms
from oss.inventory.model import AlarmKind, Element
from oss.orders import leases, run
from oss.orders.machine import TaskState
from oss.orders.model import Lane, Task, Worker
from oss.orders.settle import SECOND

RENEW_S = 3.0
"""How often a worker renews its lease (of leases.LEASE_S)."""
STALLED_S = 30.0
"""Ready work that waits so long while nobody takes it up is an alarm: three leases long."""
SILENT_S = 6.0
"""A worker that could not renew for so long closes its sessions before another byte is written."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What the elements of a lane bear: commands in flight at once, commands a second; None where they do not say."""

    slots: int | None
    per_s: int | None


def paces(work: Unit) -> dict[str, Pace]:
    """The lanes whose elements say what they bear; where several share a lane, the weakest counts."""
    weakest = sa.select(Element.lane, sa.func.min(Element.slots), sa.func.min(Element.per_s))
    limited = sa.or_(Element.slots.is_not(None), Element.per_s.is_not(None))
    rows = work.connection.execute(weakest.where(limited).group_by(Element.lane))
    return {lane: Pace(slots, per_s) for lane, slots, per_s in rows}


def hold(
    work: SystemWork,
    worker: str,
    *,
    session: str = "",
    label: str = "",
    busy: Collection[str] = (),
    lease_s: float = leases.LEASE_S,
) -> set[str]:
    """Renew this worker's lease, take over from the dead, and share the lanes fairly: those on which it may claim.

    What a dead worker sent becomes unknown. A lane that is another's by now is given to it once it is not `busy` any
    more: no longer claimed on, nothing in flight. Raises Fenced when somebody has taken over from this worker.
    """
    now = now_micros(work)
    leases.renew(work, worker, now=now, session=session, label=label, lease_s=lease_s)
    leases.bury(work, worker, now=now, session=session)
    owners = _all(work)
    alive = set(work.connection.scalars(sa.select(Worker.name).where(Worker.lost_at.is_(None))))
    shares = leases.share(tuple(sorted(owners)), leases.at_work(work, now=now))
    mine = {lane for lane, owner in owners.items() if owner == worker}
    wanted = {lane for lane in owners if shares.get(lane) == worker}
    _give(work, worker, mine - wanted - set(busy))
    taken = _take(work, worker, {lane for lane in wanted - mine if owners[lane] not in alive}, alive)
    return (mine & wanted) | taken


def _give(work: SystemWork, worker: str, lanes: Collection[str]) -> None:
    if lanes:
        work.connection.execute(sa.update(Lane).where(Lane.name.in_(lanes), Lane.owner == worker).values(owner=None))
    for lane in lanes:
        work.hint(f"lane:{lane}")


def _take(work: SystemWork, worker: str, lanes: Collection[str], alive: Collection[str]) -> set[str]:
    if not lanes:
        return set()
    free = sa.or_(Lane.owner.is_(None), Lane.owner.not_in(alive))
    change = sa.update(Lane).where(Lane.name.in_(lanes), free).values(owner=worker).returning(Lane.name)
    taken = set(work.connection.scalars(change))
    run.recover(work, taken, worker=worker)
    resume(work, taken)
    return taken


def release(work: SystemWork, worker: str) -> None:
    """Give every lane back at once: another worker takes over without waiting for the lease to lapse."""
    lanes = set(work.connection.scalars(sa.select(Lane.name).where(Lane.owner == worker)))
    _give(work, worker, lanes)
    leases.release(work, worker)


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
    able = sa.select(Worker.name).where(Worker.lost_at.is_(None), Worker.until >= now)
    stuck = sa.or_(Lane.owner.is_(None), Lane.owner.not_in(able), Lane.broken_since.is_not(None))
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


def _all(work: SystemWork) -> dict[str, str | None]:
    """Every lane and its owner; an element's lane that nobody has seen yet begins here."""
    found = work.connection.execute(sa.select(Lane.name, Lane.owner))
    known: dict[str, str | None] = {name: owner for name, owner in found}  # noqa: C416  (mypy needs to see the pair)
    wanted: Iterable[str] = set(work.connection.scalars(sa.select(Element.lane).distinct()))
    for lane in sorted(set(wanted) - known.keys()):
        rows.fetch(work, "INSERT INTO lane (name) VALUES (?) ON CONFLICT DO NOTHING RETURNING name", (lane,))
        known[lane] = None
    return known
