"""Troubles of elements that people know of: while one is open its lane waits, and nothing on it fails."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from kernel import rows
from kernel.errors import Conflict, Invalid, NotFound
from kernel.work import Work
from oss.inventory import elements
from oss.inventory.machine import ResourceState
from oss.inventory.model import Resource, Service, ServiceId
from oss.orders import events, windows
from oss.orders.model import Incident, IncidentId, Lane

PAGE = 200
"""Incidents listed in one answer at most."""
REASON_LENGTH = 200
"""A sentence: it stands beside every step that waits."""
_LANE = "INSERT INTO lane (name) VALUES (?) ON CONFLICT (name) DO NOTHING RETURNING name"
_IN_USE = (ResourceState.RESERVED, ResourceState.ASSIGNED)
_CHUNK = 500
"""Ids in one statement: below every database's limit of parameters."""


def sentence(text: str, *, field: str) -> str:
    """What a person gives as a reason, on one line. Raises Invalid."""
    told = " ".join(text.split())
    if not told or len(told) > REASON_LENGTH or not told.isprintable():
        raise Invalid(f"{field} has 1 to {REASON_LENGTH} printable characters", field=field, fix="say it in a sentence")
    return told


def begin(work: Work, element: str, *, reason: str) -> Incident:
    """Let the element's lane wait from the next turn on. Raises NotFound, Invalid, or Conflict when one is open."""
    told, found = sentence(reason, field="reason"), elements.get(work, element)
    standing = work.session.scalars(_open().where(Incident.element == element)).one_or_none()
    if standing is not None:
        message = f"{standing.id} is open on {element}: {standing.reason}"
        raise Conflict(message, field="element", fix=f"trunkline incident close {standing.id}")
    incident = Incident(
        id=IncidentId.new(),
        element=element,
        lane=found.lane,
        reason=told,
        opened_at=work.now,
        opened_by=work.actor.name,
    )
    work.session.add(incident)
    work.session.flush()
    rows.fetch(work, _LANE, (found.lane,))
    _tell_lane(work, incident.lane, f"{incident.id} on {element}: {told}")
    work.emit(events.IncidentOpened(incident_id=incident.id, element=element, lane=found.lane, reason=told))
    work.audit("incident.opened", incident.id, {"element": element, "lane": found.lane, "reason": told})
    return incident


def end(work: Work, incident_id: IncidentId, *, resolution: str | None = None) -> Incident:
    """Let what waited go on, unless another incident is open on the same lane. Raises NotFound or Conflict."""
    incident = work.session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
    if incident is None:
        raise _unknown(incident_id)
    if incident.closed_at is not None:
        raise Conflict(f"{incident_id} was closed by {incident.closed_by}", field="incident_id")
    incident.closed_at, incident.closed_by = work.now, work.actor.name
    incident.resolution = None if resolution is None else sentence(resolution, field="resolution")
    work.session.flush()
    other = work.session.scalars(_open().where(Incident.lane == incident.lane).limit(1)).first()
    whole, _ = windows.shut_by(work, incident.lane)
    _tell_lane(work, incident.lane, whole if other is None else f"{other.id} on {other.element}: {other.reason}")
    work.hint(f"lane:{incident.lane}")
    work.emit(events.IncidentClosed(incident_id=incident_id, element=incident.element, lane=incident.lane))
    work.audit("incident.closed", incident_id, {"element": incident.element, "resolution": incident.resolution})
    return incident


def get(work: Work, incident_id: IncidentId) -> Incident:
    """One incident. Raises NotFound."""
    incident = work.session.get(Incident, incident_id)
    if incident is None:
        raise _unknown(incident_id)
    return incident


def listed(work: Work, *, closed: bool = False) -> Sequence[Incident]:
    """Incidents, the newest first: those that are open, or all."""
    query = sa.select(Incident) if closed else _open()
    return work.session.scalars(query.order_by(Incident.id.desc()).limit(PAGE)).all()


def services(work: Work, element: str, *, after: int = 0, limit: int = PAGE) -> tuple[list[ServiceId], int]:
    """The tenant's services that an element carries, by id, and how many there are in all."""
    mine = (
        Resource.element == element,
        Resource.granted_to == work.tenant,
        Resource.service_id.is_not(None),
        Resource.state.in_(_IN_USE),
    )
    page = sa.select(Resource.service_id).where(*mine).distinct().order_by(Resource.service_id).offset(after)
    total = work.session.scalar(sa.select(sa.func.count(Resource.service_id.distinct())).where(*mine))
    found = work.session.scalars(page.limit(min(limit, PAGE)))
    return [service for service in found if service is not None], int(total or 0)


def touched(work: Work, service_ids: Collection[ServiceId]) -> frozenset[ServiceId]:
    """Those of the tenant's services that stand on an element with an open incident."""
    struck = set(work.session.scalars(sa.select(Incident.element).where(Incident.closed_at.is_(None))))
    ordered, found = sorted(service_ids), set()
    for start in range(0, len(ordered) if struck else 0, _CHUNK):
        chosen = Service.id.in_(ordered[start : start + _CHUNK])
        carried = work.session.execute(
            sa.select(Service.id, Service.elements).where(Service.tenant == work.tenant, chosen)
        )
        found |= {service for service, places in carried if struck & set(places.values())}
    return frozenset(found)


def _open() -> sa.Select[Incident]:
    return sa.select(Incident).where(Incident.closed_at.is_(None))


def _tell_lane(work: Work, lane: str, reason: str | None) -> None:
    work.connection.execute(sa.update(Lane).where(Lane.name == lane).values(waits_for=reason))


def _unknown(incident_id: IncidentId) -> NotFound:
    return NotFound(f"no incident {incident_id}", field="incident_id", fix="see trunkline incident list")
