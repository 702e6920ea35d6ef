"""Other pieces of the stock under a service that is up: held and bound as next, current once the network shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from kernel.errors import Conflict, Invalid
from kernel.work import Work
from oss.inventory import bindings, elements, pools, store
from oss.inventory.events import ServiceMoved
from oss.inventory.machine import RESOURCE, ElementState, ResourceMove, ResourceState, ServiceState
from oss.inventory.model import Resource, Role, Service, ServiceId
from oss.specs import service as specs
from oss.specs.compose import Intent
from oss.specs.model import ResourceNeed, Specification
from oss.specs.pools import POOLS

HELD = timedelta(hours=24)
"""The end that a move's piece is held with on paper; it goes back when its order ends otherwise, and no sooner."""


def replace(
    work: Work, service_id: ServiceId, *, alias: str, to: str | None = None, element: str | None = None
) -> Service:
    """Want another piece under an alias: the one named, else any, else any on an element; the old one stays in use.

    Raises Conflict for a line that is not up or an element that is out of service, Invalid for an alias it has not,
    Exhausted or NotFound for a piece that is not to be had.
    """
    service = store.locked(work, service_id)
    if service is None or service.state is not ServiceState.ACTIVE or not service.present:
        state = "gone" if service is None else "going" if service.state is ServiceState.ACTIVE else service.state
        raise Conflict(f"{service_id} is {state}", field="service", fix="only a line that is up is moved")
    need = _need(specs.get(work, service.spec, service.spec_hash), alias)
    if element is not None:
        _check_in_service(work, element)
    until = work.now + HELD
    piece = pools.reserve(work, need.pool, service_id=service_id, wanted=to, until=until, on=element)
    if piece.element is not None and to is not None:
        _check_in_service(work, piece.element)
    work.flush()
    bindings.open_for(work, service, [piece], at=work.now, role=Role.NEXT)
    _want(service, need, bindings.identities(work, piece), piece)
    work.flush()
    work.audit("moving", service_id, {"alias": alias, "to": piece.value, "element": piece.element})
    return service


def settle(work: Work, service: Service, intent: Intent, *, at: datetime) -> None:
    """The network shows the new pieces: they are in use, and what they replace rests."""
    before = _standing(service)
    service.values = {**service.values, **intent.values}
    service.elements = {**service.elements, **intent.elements}
    used = _used(work, service, Intent())
    for piece in store.held(work, service.id):
        mine = (piece.pool, piece.element, piece.value) in used
        if mine and piece.state is ResourceState.RESERVED:
            piece.state, piece.until = RESOURCE.after(piece.state, ResourceMove.ASSIGN), None
            bindings.become_current(work, service.id, piece)
        elif not mine and piece.state is ResourceState.ASSIGNED:
            piece.state, piece.until = RESOURCE.after(piece.state, ResourceMove.REST), at + pools.QUARANTINE
            bindings.retire(work, service.id, piece, at=at)
            piece.service_id = None
    service.moving = _still(service, service.moving or {})
    after = _standing(service)
    changed = sorted(name for name, value in after.items() if before.get(name) != value)
    if changed:
        told = {name: before.get(name, "") for name in changed}
        now = {name: after[name] for name in changed}
        work.emit(ServiceMoved(service_id=service.id, owner=service.owner, before=told, after=now, at=at))


def want(work: Work, service: Service, intent: Intent) -> None:
    """Want the pieces of an intent and no others: what was held for a move that is off goes back to the stock."""
    service.moving = _still(service, {"values": intent.values, "elements": intent.elements})
    used = _used(work, service, intent)
    for piece in store.held(work, service.id):
        if piece.state is ResourceState.RESERVED and (piece.pool, piece.element, piece.value) not in used:
            bindings.retire(work, service.id, piece, at=work.now)
            piece.state, piece.until = RESOURCE.after(piece.state, ResourceMove.RELEASE), None
            piece.service_id = None


def _standing(service: Service) -> dict[str, str]:
    """Its values, and the element that carries each alias."""
    carried = {f"element of {alias}": str(name) for alias, name in service.elements.items()}
    return {**{name: str(value) for name, value in service.values.items()}, **carried}


def _need(spec: Specification, alias: str) -> ResourceNeed:
    need = next((each for each in spec.resources if each.alias == alias), None)
    if need is None:
        known = ", ".join(each.alias for each in spec.resources) or "none"
        raise Invalid(f"{spec.name} has no such resource", field=alias, fix=f"it has {known}")
    return need


def _check_in_service(work: Work, name: str) -> None:
    if elements.get(work, name).state is ElementState.MAINTENANCE:
        fix = f"take another one, or wait: trunkline element reinstate {name}"
        raise Conflict(f"{name} is in maintenance", field="element", fix=fix)


def _want(service: Service, need: ResourceNeed, identities: Mapping[str, str], piece: Resource) -> None:
    names = POOLS[need.pool].value_names(need.alias)
    wanted = service.moving or {"values": {}, "elements": {}}
    values = {**wanted["values"], **{names[kind]: value for kind, value in identities.items()}}
    carried = {} if piece.element is None else {need.alias: piece.element}
    service.moving = {"values": values, "elements": {**wanted["elements"], **carried}}


def _used(work: Work, service: Service, intent: Intent) -> set[tuple[str, str | None, str]]:
    """Pool, element and value of every piece that a service stands on under an intent."""
    spec = specs.get(work, service.spec, service.spec_hash)
    values, carried = {**service.values, **intent.values}, {**service.elements, **intent.elements}
    found = set()
    for need in spec.resources:
        kind = POOLS[need.pool]
        found.add((need.pool, carried.get(need.alias), values[kind.value_names(need.alias)[kind.kind]]))
    return found


def _still(service: Service, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]] | None:
    """What of a move is not so yet; None when all of it is."""
    values = {name: value for name, value in wanted.get("values", {}).items() if service.values.get(name) != value}
    carried = {name: to for name, to in wanted.get("elements", {}).items() if service.elements.get(name) != to}
    return {"values": values, "elements": carried} if values or carried else None
