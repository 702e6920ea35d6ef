"""What a service is meant to be, what restricts it, and what the network has confirmed of it.

Nothing here speaks to the network: `oss.orders` carries each change there and comes back through `become`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import Id, TenantId
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork, Unit, Work
from oss.inventory import bindings, moving, pools, protection, store
from oss.inventory.events import (
    LineLifted,
    LineRestricted,
    ReservationExpired,
    RestrictionConfirmed,
    RestrictionLapsed,
    ServiceActivated,
    ServiceReshaped,
    ServiceTerminated,
)
from oss.inventory.machine import SERVICE, ServiceMove, ServiceState
from oss.inventory.model import ResourceId, Restriction, RestrictionId, Service, ServiceId
from oss.port import Level
from oss.specs import service as specs
from oss.specs.check import ALIAS
from oss.specs.compose import Intent
from oss.specs.model import Specification
from oss.specs.pools import POOLS

RESERVATION = timedelta(hours=24)
"""How long an unpaid order may hold numbers that somebody else could sell."""
_STRICTNESS = (Level.NONE, Level.SOFT, Level.HARD)


def create(
    work: Work,
    spec_name: str,
    *,
    profile: Mapping[str, str],
    owner: str | None,
    protected: bool = False,
    resources: Mapping[str, str | None] | None = None,
    until: datetime | None = None,
) -> Service:
    """A reserved service with everything its specification asks of the stock, or nothing at all.

    `resources` names the wanted piece of an alias; the others are chosen. Held until `until`, by default 24 hours.
    Raises Exhausted naming the pool, Conflict or NotFound naming the piece, Invalid naming the characteristic.
    """
    spec, spec_hash = specs.pinned(work, spec_name)
    until = until if until is not None else work.now + RESERVATION
    service = Service(
        tenant=work.tenant,
        id=ServiceId.new(),
        spec=spec.name,
        spec_hash=spec_hash,
        owner=owner,
        state=SERVICE.initial,
        protected=protected,
        profile=spec.check_profile(dict(profile)),
        throttle=None,
        present=True,
        generation=0,
        confirmed_generation=0,
        created_at=work.now,
        reserved_until=until,
        values={},
        elements={},
    )
    _reserve(work, service, spec, wanted=resources or {}, until=until)
    work.session.add(service)
    work.session.flush()
    work.audit("reserved", service.id, {"spec": spec.name, "values": service.values})
    return service


def _reserve(
    work: Work, service: Service, spec: Specification, *, wanted: Mapping[str, str | None], until: datetime
) -> None:
    aliases = [need.alias for need in spec.resources]
    for alias in wanted:
        if alias not in aliases:
            raise Invalid(f"{spec.name} has no such resource", field=alias, fix=f"it has {', '.join(aliases)}")
    values, elements = {ALIAS: str(service.id)}, {}
    for need in spec.resources:
        piece = pools.reserve(work, need.pool, service_id=service.id, wanted=wanted.get(need.alias), until=until)
        names = POOLS[need.pool].value_names(need.alias)
        values |= {names[kind]: value for kind, value in bindings.identities(work, piece).items()}
        if piece.element is not None:
            elements[need.alias] = piece.element
    service.values, service.elements = values, elements


def get(work: Work, service_id: ServiceId) -> Service:
    """A service of the tenant. Raises NotFound."""
    return _found(store.service(work, service_id), service_id)


def of_owner(work: Work, owner: str) -> list[Service]:
    """Every service of an owner, oldest first."""
    return store.of_owner(work, owner)


def own(work: Work, service_id: ServiceId, *, owner: str) -> Service:
    """Say whose service it is, once it is known. Raises Conflict when it is somebody else's."""
    service = _locked(work, service_id)
    if service.owner not in (None, owner):
        raise Conflict(f"{service_id} belongs to {service.owner}", field="owner", fix="reserve another service")
    service.owner = owner
    return service


def intent(work: Work, service_id: ServiceId) -> Intent:
    """What the service is meant to be now."""
    found = store.wanted(work, service_id)
    if found is None:
        raise _unknown(service_id)
    profile, throttle, present, moves, levels = found
    if moves is None:
        return Intent(profile=profile, level=_strictest(levels), throttle=throttle, present=present)
    return Intent(profile=profile, level=_strictest(levels), throttle=throttle, present=present, **moves)


def level_of(work: Work, service_id: ServiceId) -> Level:
    """The strictest of a service's open restrictions."""
    return _strictest(row.level for row in open_restrictions(work, service_id))


def _strictest(levels: Iterable[Level]) -> Level:
    return max(levels, key=_STRICTNESS.index, default=Level.NONE)


def open_restrictions(work: Work, service_id: ServiceId) -> list[Restriction]:
    """Every reason why the line is not wholly open now, oldest first."""
    return [row for row in store.restrictions(work, service_id) if row.lifted_at is None]


def reshape(work: Work, service_id: ServiceId, *, profile: Mapping[str, str]) -> Service:
    """Want other values. Raises Invalid outside their grammar, Conflict when the service is going or gone."""
    service = _wanted(work, service_id)
    spec = specs.get(work, service.spec, service.spec_hash)
    service.profile = spec.check_profile(dict(profile))
    work.audit("reshaped", service_id, {"profile": service.profile})
    return service


def throttle(work: Work, service_id: ServiceId, *, rate: str | None) -> Service:
    """Want a throttle, or (None) none. Raises Invalid when the service knows none."""
    service = _wanted(work, service_id)
    spec = specs.get(work, service.spec, service.spec_hash)
    service.throttle = spec.check_throttle(rate)
    work.audit("throttled", service_id, {"rate": rate})
    return service


def restrict(
    work: Work,
    service_id: ServiceId,
    *,
    cause: str,
    level: Level,
    until: datetime | None = None,
    placed_by: str | None = None,
    approved_by: str | None = None,
) -> Restriction:
    """Take something away from a line whose owner may still come back; the same one twice is one.

    `placed_by` is who wanted it, the actor unless told. Raises Forbidden on a protected line: always for a hard one of
    cause nonPayment, otherwise for a hard one that nobody else approved.
    """
    service, actor = _wanted(work, service_id), placed_by or work.actor.name
    protection.check_sense(cause=cause, level=level, until=until, now=work.now)
    if service.protected:
        protection.check_cut(service_id, cause=cause, level=level, actor=actor, approved_by=approved_by)
    for standing in open_restrictions(work, service_id):
        if (standing.cause, standing.level) == (cause, level):
            standing.until = _later(standing.until, until)
            standing.approved_by = standing.approved_by or approved_by
            return standing
    placed = Restriction(
        tenant=work.tenant,
        id=RestrictionId.new(),
        service_id=service_id,
        cause=cause,
        level=level,
        from_at=work.now,
        until=until,
        placed_by=actor,
        approved_by=approved_by,
    )
    work.session.add(placed)
    work.session.flush()
    work.emit(
        LineRestricted(restriction_id=placed.id, service_id=service_id, owner=service.owner, cause=cause, level=level)
    )
    work.audit("restricted", service_id, {"cause": cause, "level": level, "approved_by": approved_by})
    return placed


def lift(work: Work, service_id: ServiceId, *, cause: str) -> list[Restriction]:
    """Take back every open restriction of one cause, and no other; those that were."""
    service = _locked(work, service_id)
    lifted = [row for row in open_restrictions(work, service_id) if row.cause == cause]
    for row in lifted:
        _lift(work, service, row)
    return lifted


def retire(work: Work, service_id: ServiceId, *, cause: str | None = None) -> Service:
    """Want the service no more. Raises Forbidden for a protected line when the cause is nonPayment."""
    service = _locked(work, service_id)
    if service.protected:
        protection.check_end(service_id, cause=cause)
    if service.state is ServiceState.TERMINATED:
        raise Conflict(f"{service_id} is terminated", field="service", fix="there is nothing left to end")
    service.present = False
    work.audit("retired", service_id, {"cause": cause})
    return service


def become(
    work: Work, service_id: ServiceId, *, generation: int, intent: Intent, at: datetime, overlay: bool = False
) -> Service:
    """Every enforcing element has confirmed an intent: the network fact, from that business instant on.

    An older generation than the one confirmed changes nothing, and an `overlay` brings no line up. Raises Conflict when
    an identity is bound elsewhere.
    """
    service = _locked(work, service_id)
    if overlay and service.state is ServiceState.RESERVED:
        return service
    if service.state is ServiceState.TERMINATED or generation <= service.confirmed_generation:
        return service
    before = None if service.confirmed_intent is None else Intent.of(service.confirmed_intent)
    service.confirmed_generation = generation
    service.confirmed_intent, service.confirmed_at = replace(intent, values={}, elements={}).document(), at
    if not intent.present:
        _terminate(work, service, at=at)
        return service
    if intent.values or intent.elements:
        moving.settle(work, service, intent, at=at)
    if service.state is ServiceState.RESERVED:
        _activate(work, service, at=at)
    elif before is None or (before.profile, before.throttle) != (intent.profile, intent.throttle):
        work.emit(ServiceReshaped(service_id=service.id, owner=service.owner, generation=generation, at=at))
    if intent.level is not (Level.NONE if before is None else before.level):
        work.emit(RestrictionConfirmed(service_id=service.id, owner=service.owner, level=intent.level, at=at))
    return service


def release(work: Work, service_id: ServiceId) -> Service:
    """The activation never came or was rolled back: everything held goes back, what was in use before rests again.

    Raises IllegalTransition when it is active.
    """
    service = _locked(work, service_id)
    service.state = SERVICE.after(service.state, ServiceMove.RELEASE)
    service.present, service.reserved_until, service.terminated_at = False, None, work.now
    _close_restrictions(work, service_id, at=work.now)
    if service.activated_at is None:
        pools.give_back(work, service_id)
    else:
        pools.rest(work, service_id, until=work.now + pools.QUARANTINE)
    work.audit("released", service_id)
    return service


def resolve(
    work: Unit, kind: str, value: str, at: datetime, *, namespace: str | None = None
) -> tuple[TenantId, ServiceId] | None:
    """Whose identity it was at an instant; None when nobody's.

    Raises Conflict when the namespace is left open and the value stood for several (port 3 of two elements).
    """
    return bindings.resolve(work, kind, value, at, namespace=namespace)


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, Id]]:
    """Reservations, restrictions and rests that are over; give each to `lapse`."""
    return [(tenant or PLATFORM_TENANT, what) for _, tenant, what in store.due(work, now, limit)]


def next_due(work: SystemWork) -> datetime | None:
    """When the next of them is or was over."""
    return store.next_due(work)


def lapse(work: Work, subject: Id) -> bool:
    """End what is over: a reservation nobody ordered, a restriction with an end, a rest; False when it is not over."""
    if isinstance(subject, ResourceId):
        return pools.end_rest(work, subject)
    if isinstance(subject, RestrictionId):
        return _lapse_restriction(work, subject)
    if isinstance(subject, ServiceId):
        return _lapse_reservation(work, subject)
    raise Invalid(f"{subject} has no end here", field="subject", fix="give what `due` returned")


def _lapse_reservation(work: Work, service_id: ServiceId) -> bool:
    service = _locked(work, service_id)
    over = service.reserved_until is not None and service.reserved_until <= work.now
    if service.state is not ServiceState.RESERVED or service.generation > 0 or not over:
        return False
    release(work, service_id)
    work.emit(ReservationExpired(service_id=service_id, owner=service.owner))
    return True


def _lapse_restriction(work: Work, restriction_id: RestrictionId) -> bool:
    row = store.restriction(work, restriction_id)
    if row is None:
        return False
    service = _locked(work, row.service_id)
    work.session.refresh(row)
    if row.lifted_at is not None or row.until is None or row.until > work.now:
        return False
    _lift(work, service, row)
    work.emit(RestrictionLapsed(restriction_id=row.id, service_id=service.id, owner=service.owner))
    return True


def _activate(work: Work, service: Service, *, at: datetime) -> None:
    service.state = SERVICE.after(service.state, ServiceMove.ACTIVATE)
    service.activated_at, service.reserved_until = at, None
    bindings.open_for(work, service, pools.assign(work, service.id), at=at)
    work.emit(ServiceActivated(service_id=service.id, owner=service.owner, at=at))


def _terminate(work: Work, service: Service, *, at: datetime) -> None:
    service.state = SERVICE.after(service.state, ServiceMove.TERMINATE)
    service.terminated_at, service.reserved_until, service.present = at, None, False
    if service.moving is not None:
        moving.want(work, service, Intent())
    _close_restrictions(work, service.id, at=at)
    bindings.close(work, service.id, at=at)
    pools.rest(work, service.id, until=at + pools.QUARANTINE)
    work.emit(ServiceTerminated(service_id=service.id, owner=service.owner, at=at))


def _close_restrictions(work: Work, service_id: ServiceId, *, at: datetime) -> None:
    """The end of a service is the end of what restricted it; the termination alone is announced."""
    for row in open_restrictions(work, service_id):
        row.lifted_at, row.lifted_by = at, work.actor.name


def _lift(work: Work, service: Service, row: Restriction) -> None:
    row.lifted_at, row.lifted_by = work.now, work.actor.name
    work.emit(
        LineLifted(restriction_id=row.id, service_id=service.id, owner=service.owner, cause=row.cause, level=row.level)
    )
    work.audit("lifted", service.id, {"cause": row.cause, "level": row.level})


def _later(standing: datetime | None, wanted: datetime | None) -> datetime | None:
    return None if standing is None or wanted is None else max(standing, wanted)


def _wanted(work: Work, service_id: ServiceId) -> Service:
    service = _locked(work, service_id)
    if service.state is ServiceState.TERMINATED or not service.present:
        raise Conflict(f"{service_id} is going or gone", field="service", fix="order a new service")
    return service


def _locked(work: Work, service_id: ServiceId) -> Service:
    return _found(store.locked(work, service_id), service_id)


def _found(service: Service | None, service_id: ServiceId) -> Service:
    if service is None:
        raise _unknown(service_id)
    return service


def _unknown(service_id: ServiceId) -> NotFound:
    return NotFound(f"no service {service_id}", field="service_id", fix="look it up by its owner")
