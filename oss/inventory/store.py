"""The inventory's queries; those over the platform's stock carry no tenant, all others do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from kernel import rows
from kernel.ids import TenantId
from kernel.work import SystemWork, Unit, Work
from oss.inventory.machine import ResourceState, ServiceState
from oss.inventory.model import (
    Binding,
    Confirmation,
    Element,
    Resource,
    ResourceId,
    Restriction,
    RestrictionId,
    Service,
    ServiceId,
    SimImsi,
)
from oss.port import Level


def service(work: Work, service_id: ServiceId) -> Service | None:
    """One service."""
    return work.session.scalars(_service(work, service_id)).one_or_none()


def locked(work: Work, service_id: ServiceId) -> Service | None:
    """One service, its row locked until the commit and read afresh."""
    query = _service(work, service_id).with_for_update().execution_options(populate_existing=True)
    return work.session.scalars(query).one_or_none()


def _service(work: Work, service_id: ServiceId) -> sa.Select[Service]:
    return sa.select(Service).where(Service.tenant == work.tenant, Service.id == service_id)


_WANTED = (
    "SELECT s.profile, s.throttle, s.present, s.moving, r.level FROM service s LEFT JOIN restriction r"
    " ON r.tenant = s.tenant AND r.service_id = s.id AND r.lifted_at IS NULL WHERE s.tenant = ? AND s.id = ?"
)


Moving = dict[str, dict[str, str]]
"""`values` and `elements` that are to replace those a service stands on."""


def wanted(
    work: Work, service_id: ServiceId
) -> tuple[dict[str, str], str | None, bool, Moving | None, list[Level]] | None:
    """Profile, throttle, presence, moves and open levels of a service; every order begins with it, so it is raw."""
    work.flush()
    found = rows.fetch(work, _WANTED, (int(work.tenant), int(service_id)))
    if not found:
        return None
    profile, throttle, present, moving, _ = found[0]
    levels = [Level(row[4]) for row in found if row[4] is not None]
    return json.loads(profile), throttle, bool(present), None if moving is None else json.loads(moving), levels


def of_owner(work: Work, owner: str) -> list[Service]:
    """Every service of an owner, oldest first."""
    query = sa.select(Service).where(Service.tenant == work.tenant, Service.owner == owner).order_by(Service.id)
    return list(work.session.scalars(query))


def restriction(work: Work, restriction_id: RestrictionId) -> Restriction | None:
    """One restriction."""
    query = sa.select(Restriction).where(Restriction.tenant == work.tenant, Restriction.id == restriction_id)
    return work.session.scalars(query).one_or_none()


def restrictions(work: Work, service_id: ServiceId) -> list[Restriction]:
    """Every restriction a service ever had, oldest first."""
    query = sa.select(Restriction).where(Restriction.tenant == work.tenant, Restriction.service_id == service_id)
    return list(work.session.scalars(query.order_by(Restriction.id)))


def confirmations(work: Work, service_id: ServiceId, *, limit: int) -> list[Confirmation]:
    """The newest evidence of a service, newest first."""
    query = sa.select(Confirmation).where(Confirmation.tenant == work.tenant, Confirmation.service_id == service_id)
    newest = query.order_by(Confirmation.at.desc(), Confirmation.order_id.desc(), Confirmation.seq.desc())
    return list(work.session.scalars(newest.limit(limit)))


# ---- the platform's stock


def resource(work: Unit, resource_id: ResourceId) -> Resource | None:
    """One piece of the stock."""
    return work.session.scalars(sa.select(Resource).where(Resource.id == resource_id)).one_or_none()


def take_any(
    work: Work, pool: str, *, free: ResourceState, taken: dict[str, object], on: str | None = None
) -> Resource | None:
    """The oldest free piece granted to the tenant, changed in the same statement; None when there is none."""
    there = () if on is None else (Resource.element == on,)
    oldest = (
        sa.select(Resource.id)
        .where(Resource.pool == pool, Resource.granted_to == work.tenant, Resource.state == _literal(free), *there)
        .order_by(Resource.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return _taken(work, Resource.id == oldest.scalar_subquery(), taken)


def _literal(state: ResourceState) -> sa.BindParameter[ResourceState]:
    """Written into the statement, as a partial index wants it."""
    return sa.literal(state, Resource.state.type, literal_execute=True)


def take(work: Work, resource_id: ResourceId, *, free: ResourceState, taken: dict[str, object]) -> Resource | None:
    """That piece, when it is still free and granted to the tenant."""
    mine = sa.and_(Resource.id == resource_id, Resource.granted_to == work.tenant, Resource.state == free)
    return _taken(work, mine, taken)


def _taken(work: Work, which: sa.ColumnElement[bool], taken: dict[str, object]) -> Resource | None:
    change = sa.update(Resource).where(which).values(**taken).returning(Resource)
    options = {"synchronize_session": False, "populate_existing": True}
    return work.session.scalars(change, execution_options=options).one_or_none()


def named(work: Unit, pool: str, value: str, *, namespace: str | None) -> list[Resource]:
    """The pieces with that value; several only when the namespace is left open."""
    query = sa.select(Resource).where(Resource.pool == pool, Resource.value == value)
    if namespace is not None:
        query = query.where(Resource.namespace == namespace)
    return list(work.session.scalars(query.order_by(Resource.id)))


def held(work: Unit, service_id: ServiceId) -> list[Resource]:
    """What a service holds of the stock."""
    query = sa.select(Resource).where(Resource.service_id == service_id).order_by(Resource.id)
    return list(work.session.scalars(query.with_for_update()))


def first_imsi(work: Unit, iccid: str) -> str | None:
    """The IMSI with which a profile attaches first."""
    return work.session.scalar(sa.select(SimImsi.imsi).where(SimImsi.iccid == iccid, SimImsi.position == 1))


def counts(work: Unit, pool: str | None, tenant: TenantId | None) -> list[tuple[str, ResourceState, int]]:
    """How many pieces of each pool are in each state, of one pool or tenant or of all."""
    query = sa.select(Resource.pool, Resource.state, sa.func.count()).group_by(Resource.pool, Resource.state)
    if pool is not None:
        query = query.where(Resource.pool == pool)
    if tenant is not None:
        query = query.where(Resource.granted_to == tenant)
    return [(row[0], row[1], row[2]) for row in work.session.execute(query.order_by(Resource.pool, Resource.state))]


def element(work: Unit, name: str) -> Element | None:
    """One element."""
    return work.session.scalars(sa.select(Element).where(Element.name == name)).one_or_none()


def elements(work: Unit) -> list[Element]:
    """Every element, by name."""
    return list(work.session.scalars(sa.select(Element).order_by(Element.name)))


# ---- identities in time


Identity = tuple[str, str, str]
"""kind, namespace, value."""


def live(work: Unit, identities: Sequence[Identity]) -> list[Binding]:
    """The open bindings of some identities, of whichever tenant."""
    each = [
        sa.and_(Binding.kind == kind, Binding.namespace == namespace, Binding.value == value, Binding.to_at.is_(None))
        for kind, namespace, value in identities
    ]
    return list(work.session.scalars(sa.select(Binding).where(sa.or_(*each)))) if each else []


def bound(work: Unit, kind: str, value: str, at: datetime, *, namespace: str | None) -> list[Binding]:
    """The bindings of an identity that hold at an instant: one for each namespace."""
    query = sa.select(Binding).where(
        Binding.kind == kind,
        Binding.value == value,
        Binding.from_at <= at,
        sa.or_(Binding.to_at.is_(None), Binding.to_at > at),
    )
    if namespace is not None:
        query = query.where(Binding.namespace == namespace)
    return list(work.session.scalars(query.order_by(Binding.from_at.desc())))


def bindings(work: Work, service_id: ServiceId) -> list[Binding]:
    """Every binding a service ever had, oldest first."""
    query = sa.select(Binding).where(Binding.tenant == work.tenant, Binding.service_id == service_id)
    return list(work.session.scalars(query.order_by(Binding.id)))


# ---- what falls due, over all tenants

_LAPSING = (Restriction.lifted_at.is_(None), Restriction.until.is_not(None))
_UNORDERED = (Service.reserved_until.is_not(None), Service.state == ServiceState.RESERVED, Service.generation == 0)
_RESTING = (Resource.state == ResourceState.QUARANTINE, Resource.until.is_not(None))

Due = tuple[datetime, TenantId | None, ServiceId | RestrictionId | ResourceId]
"""until, tenant, what."""


def due(work: SystemWork, now: datetime, limit: int) -> list[Due]:
    """What should have ended by now, earliest first."""
    queries = (
        sa.select(Service.reserved_until, Service.tenant, Service.id).where(*_UNORDERED, Service.reserved_until <= now),
        sa.select(Restriction.until, Restriction.tenant, Restriction.id).where(*_LAPSING, Restriction.until <= now),
        sa.select(Resource.until, Resource.granted_to, Resource.id).where(*_RESTING, Resource.until <= now),
    )
    ended: list[Due] = []
    for query in queries:
        found = work.session.execute(query.order_by(query.selected_columns[0]).limit(limit))
        ended += [(row[0], row[1], row[2]) for row in found]
    return sorted(ended, key=lambda row: (row[0], int(row[2])))[:limit]


def next_due(work: SystemWork) -> datetime | None:
    """The earliest end of anything."""
    ends = (
        work.session.scalar(sa.select(sa.func.min(Service.reserved_until)).where(*_UNORDERED)),
        work.session.scalar(sa.select(sa.func.min(Restriction.until)).where(*_LAPSING)),
        work.session.scalar(sa.select(sa.func.min(Resource.until)).where(*_RESTING)),
    )
    return min((end for end in ends if end is not None), default=None)
