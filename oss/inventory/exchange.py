"""Another piece of the stock for a service that is not up yet: the one it held goes back, the wanted one is held."""

from __future__ import annotations

from kernel.errors import Conflict, Invalid
from kernel.work import Work
from oss.inventory import bindings, pools, store
from oss.inventory.machine import RESOURCE, ResourceMove, ServiceState
from oss.inventory.model import Resource, Service, ServiceId
from oss.inventory.service import RESERVATION
from oss.specs import service as specs
from oss.specs.model import ResourceNeed
from oss.specs.pools import POOLS


def piece(work: Work, service_id: ServiceId, *, alias: str, value: str) -> Service:
    """Hold the wanted piece instead. Raises Invalid, NotFound, or Conflict when it is taken or the service is up."""
    service = store.locked(work, service_id)
    if service is None or service.state is not ServiceState.RESERVED:
        message = f"{service_id} is not one that is only reserved"
        raise Conflict(message, field=alias, fix="what an active line uses is changed by an order of its own")
    spec = specs.get(work, service.spec, service.spec_hash)
    need = next((each for each in spec.resources if each.alias == alias), None)
    if need is None:
        known = ", ".join(each.alias for each in spec.resources) or "none"
        raise Invalid(f"{spec.name} has no such resource", field=alias, fix=f"it has {known}")
    old = _held(work, service, need)
    until = old.until or service.reserved_until or work.now + RESERVATION
    new = pools.reserve(work, need.pool, service_id=service_id, wanted=value, until=until)
    old.state, old.service_id, old.until = RESOURCE.after(old.state, ResourceMove.RELEASE), None, None
    names = POOLS[need.pool].value_names(need.alias)
    known_as = {names[kind]: identity for kind, identity in bindings.identities(work, new).items()}
    service.values = {**service.values, **known_as}
    if new.element is not None:
        service.elements = {**service.elements, need.alias: new.element}
    work.session.flush()
    work.audit("exchanged", service_id, {"alias": alias, "from": old.value, "to": new.value})
    return service


def _held(work: Work, service: Service, need: ResourceNeed) -> Resource:
    kind = POOLS[need.pool]
    value = service.values[kind.value_names(need.alias)[kind.kind]]
    for held in store.held(work, service.id):
        if (held.pool, held.value) == (need.pool, value):
            return held
    raise Conflict(f"{service.id} holds no {need.alias}", field=need.alias, fix="take the order back")
