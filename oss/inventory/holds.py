"""What is held for a service that nobody has ordered yet: shown, and held for longer once somebody does."""

from __future__ import annotations

from datetime import datetime

from kernel.errors import Conflict, NotFound
from kernel.work import Work
from oss.inventory import store
from oss.inventory.machine import ServiceState
from oss.inventory.model import Resource, Service, ServiceId


def pieces(work: Work, service_id: ServiceId) -> list[Resource]:
    """The pieces of the stock that a service holds."""
    return store.held(work, service_id)


def prolong(work: Work, service_id: ServiceId, *, until: datetime) -> Service:
    """Hold a reserved service and its pieces until a later instant. Raises Conflict when it is reserved no more."""
    service = store.locked(work, service_id)
    if service is None:
        raise NotFound(f"no service {service_id}", field="service_id", fix="look it up by its owner")
    if service.state is not ServiceState.RESERVED:
        raise Conflict(f"{service_id} is {service.state}", field="service", fix="reserve it anew")
    service.reserved_until = until
    for piece in pieces(work, service_id):
        piece.until = until
    return service
