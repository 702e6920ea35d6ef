"""What was wanted of a service is wanted no more: a change, a throttle, or its end."""

from __future__ import annotations

from datetime import datetime

from kernel.errors import Conflict, NotFound
from kernel.work import Work
from oss.inventory import moving, pools, store
from oss.inventory.machine import RESOURCE, SERVICE, ResourceMove, ResourceState, ServiceMove
from oss.inventory.model import Resource, Service, ServiceId
from oss.specs import service as specs
from oss.specs.compose import Intent
from oss.specs.pools import POOLS


def revert(work: Work, service_id: ServiceId, *, to: Intent | None = None) -> Service:
    """A change was taken back: want again what a later one wants, else what the network last confirmed.

    Restrictions and the throttle stand as they are.
    """
    service = _locked(work, service_id)
    if to is None and service.confirmed_intent is not None:
        to = Intent.of(service.confirmed_intent)
    if to is not None:
        service.profile, service.present = dict(to.profile), to.present
        if service.moving is not None:
            moving.want(work, service, to)
        work.audit("reverted", service_id, {"profile": service.profile})
    return service


def unthrottle(work: Work, service_id: ServiceId, *, to: Intent | None) -> Service:
    """A throttle was taken back: want that of a later order, else the one the network last confirmed."""
    service = _locked(work, service_id)
    if to is None and service.confirmed_intent is not None:
        to = Intent.of(service.confirmed_intent)
    service.throttle = None if to is None else to.throttle
    work.audit("throttled", service_id, {"rate": service.throttle})
    return service


def revive(work: Work, service_id: ServiceId, *, until: datetime) -> Service:
    """Want a terminated service again, on the very pieces it stood on: they are held for it anew.

    Raises Conflict when it never was up or when one of them rests no more.
    """
    service = _locked(work, service_id)
    ended = service.terminated_at
    if service.activated_at is None or ended is None:
        raise Conflict(f"{service_id} is {service.state}", field="service", fix="only a line that ended comes back")
    state = SERVICE.after(service.state, ServiceMove.REVIVE)
    for piece in _pieces(work, service):
        if piece.state is not ResourceState.QUARANTINE or piece.until != ended + pools.QUARANTINE:
            message = f"{piece.pool} {piece.value} rests no more: it is {piece.state}"
            raise Conflict(message, field=piece.pool, fix="order a new line")
        piece.state = RESOURCE.after(piece.state, ResourceMove.RECALL)
        piece.service_id, piece.until = service_id, until
    service.state, service.present, service.terminated_at = state, True, None
    work.flush()
    work.audit("revived", service_id)
    return service


def _pieces(work: Work, service: Service) -> list[Resource]:
    """The pieces of the stock that a service stood on."""
    found = []
    for need in specs.get(work, service.spec, service.spec_hash).resources:
        kind = POOLS[need.pool]
        value = service.values[kind.value_names(need.alias)[kind.kind]]
        on = service.elements.get(need.alias) if kind.namespaces[kind.kind] is None else None
        found += store.named(work, need.pool, value, namespace=on)
    return found


def _locked(work: Work, service_id: ServiceId) -> Service:
    service = store.locked(work, service_id)
    if service is None:
        raise NotFound(f"no service {service_id}", field="service_id", fix="look it up by its owner")
    return service
