"""Alarms: one for each element, kind and key, counted, acknowledged by a person, cleared when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kernel import rows
from kernel.errors import Conflict, NotFound
from kernel.ids import TenantId
from kernel.tables import to_micros
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork, Unit, Work
from oss.inventory.events import AlarmAcknowledged, AlarmCleared, AlarmRaised
from oss.inventory.model import Alarm, AlarmId, AlarmKind

PAGE = 500
"""Alarms listed in one answer at most: more than anybody reads."""
MESSAGE_LENGTH = 400
"""Characters of an element's own words kept in an alarm; the transcript has all of them."""
TELL_EVERY = timedelta(minutes=15)
"""An element's alarms of one kind are written to the operator once in so long, however many keys it strikes."""
_STANDING = "cleared_at IS NULL"
_SET_OFF = (
    "INSERT INTO alarm (id, tenant, element, kind, key, message, count, first_at, last_at)"
    " VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT (tenant, element, kind, key) WHERE cleared_at IS NULL"
    " DO UPDATE SET count = alarm.count + 1, last_at = excluded.last_at, message = excluded.message RETURNING id, count"
)


@dataclass(frozen=True, slots=True)
class Untold:
    """Alarms of one kind on one element that the operator was not written of yet: how many, and the first of them."""

    tenant: TenantId
    element: str
    kind: AlarmKind
    alarm_ids: tuple[AlarmId, ...]
    first: AlarmId
    key: str
    message: str


def set_off(work: Work, kind: AlarmKind, *, element: str, key: str, message: str) -> AlarmId:
    """Raise an alarm of the Work's tenant, or count one that stands already."""
    now = to_micros(work.now)
    text = message[:MESSAGE_LENGTH]
    values = (int(AlarmId.new()), int(work.tenant), element, str(kind), key, text, now, now)
    number, count = rows.fetch(work, _SET_OFF, values)[0]
    alarm_id = AlarmId(number)
    if count == 1:
        work.emit(AlarmRaised(alarm_id=alarm_id, alarm=kind, element=element, key=key, message=text))
    return alarm_id


def clear(work: Work, kind: AlarmKind, *, element: str, key: str) -> bool:
    """The trouble is over; False when none such stood."""
    mine = (Alarm.tenant == work.tenant, Alarm.element == element, Alarm.kind == kind, Alarm.key == key)
    found = work.session.scalars(sa.select(Alarm).where(*mine, sa.text(_STANDING))).one_or_none()
    if found is not None:
        _clear(work, found)
    return found is not None


def acknowledge(work: Work, alarm_id: AlarmId) -> Alarm:
    """A person has seen it; a second one is told who was first. Raises NotFound or Conflict."""
    alarm = _standing(work, alarm_id)
    if alarm.acknowledged_by not in (None, work.actor.name):
        message = f"{alarm_id} was acknowledged by {alarm.acknowledged_by}"
        raise Conflict(message, field="alarm_id", fix="ask them; it stands until the trouble is over")
    if alarm.acknowledged_at is None:
        alarm.acknowledged_at, alarm.acknowledged_by = work.now, work.actor.name
        work.audit("alarm.acknowledged", alarm_id, {"element": alarm.element, "kind": alarm.kind})
        work.emit(AlarmAcknowledged(alarm_id=alarm_id, element=alarm.element, key=alarm.key))
    return alarm


def dismiss(work: Work, alarm_id: AlarmId) -> Alarm:
    """A person says that it is over; met again, it is a new alarm. Raises NotFound or Conflict."""
    alarm = _standing(work, alarm_id)
    _clear(work, alarm)
    work.audit("alarm.cleared", alarm_id, {"element": alarm.element, "kind": alarm.kind})
    return alarm


def listed(work: Work, *, cleared: bool = False, limit: int = PAGE) -> Sequence[Alarm]:
    """The tenant's alarms and the platform's, newest first: those that stand, or all."""
    query = sa.select(Alarm).where(Alarm.tenant.in_((work.tenant, PLATFORM_TENANT)))
    if not cleared:
        query = query.where(Alarm.cleared_at.is_(None))
    return work.session.scalars(query.order_by(Alarm.id.desc()).limit(min(limit, PAGE))).all()


def stand(work: Unit, kind: AlarmKind, *, tenant: TenantId = PLATFORM_TENANT) -> set[tuple[str, str]]:
    """Element and key of every standing alarm of a kind."""
    query = sa.select(Alarm.element, Alarm.key).where(
        Alarm.tenant == tenant, Alarm.kind == kind, Alarm.cleared_at.is_(None)
    )
    return {(element, key) for element, key in work.session.execute(query)}


# ---- telling the operator


def untold(work: SystemWork, limit: int) -> list[Untold]:
    """What the operator is to be written of now, an element's alarms of one kind together."""
    fresh = sa.select(Alarm).where(sa.text("told_at IS NULL AND cleared_at IS NULL")).order_by(Alarm.id).limit(PAGE)
    groups: dict[tuple[TenantId, str, AlarmKind], list[Alarm]] = {}
    for alarm in work.session.scalars(fresh):
        groups.setdefault((alarm.tenant, alarm.element, alarm.kind), []).append(alarm)
    return [_together(key, found) for key, found in groups.items() if not _told_of(work, key)][:limit]


def told(work: Work, group: Untold) -> None:
    """The operator was written of them."""
    chosen = sa.update(Alarm).where(Alarm.tenant == work.tenant, Alarm.id.in_(group.alarm_ids))
    work.connection.execute(chosen.values(told_at=work.now))


def _together(key: tuple[TenantId, str, AlarmKind], found: Sequence[Alarm]) -> Untold:
    tenant, element, kind = key
    ids = tuple(alarm.id for alarm in found)
    return Untold(tenant, element, kind, ids, found[0].id, found[0].key, found[0].message)


def _told_of(work: SystemWork, key: tuple[TenantId, str, AlarmKind]) -> bool:
    """Whether the operator was written of the same trouble lately and will hear the rest together."""
    tenant, element, kind = key
    lately: datetime = work.now - TELL_EVERY
    same = (Alarm.tenant == tenant, Alarm.element == element, Alarm.kind == kind, Alarm.cleared_at.is_(None))
    return work.session.scalar(sa.select(Alarm.id).where(*same, Alarm.told_at > lately).limit(1)) is not None


def _clear(work: Work, alarm: Alarm) -> None:
    alarm.cleared_at, alarm.cleared_by = work.now, work.actor.name
    work.emit(AlarmCleared(alarm_id=alarm.id, element=alarm.element, key=alarm.key))


def _standing(work: Work, alarm_id: AlarmId) -> Alarm:
    mine = Alarm.tenant.in_((work.tenant, PLATFORM_TENANT))
    alarm = work.session.scalars(sa.select(Alarm).where(Alarm.id == alarm_id, mine).with_for_update()).one_or_none()
    if alarm is None:
        raise NotFound(f"no alarm {alarm_id}", field="alarm_id", fix="see trunkline alarm list")
    if alarm.cleared_at is not None:
        raise Conflict(f"{alarm_id} is over", field="alarm_id", fix="see trunkline alarm list")
    return alarm
