"""All that an order for a service would rest on, by name, so that what has changed since can be named."""

from __future__ import annotations

import json

from kernel.work import Work
from oss.inventory import elements, holds
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.model import Service, ServiceId
from oss.orders import views
from oss.orders.machine import OPEN_ORDERS
from oss.specs import service as specs

Footprint = dict[str, str]
"""What it is called, and what it is."""


def footprint(work: Work, service_id: ServiceId) -> Footprint:
    """The service's state and generation, its specification, elements, dialects, pieces and open orders."""
    service = inventory.get(work, service_id)
    waiting = [row for row in views.of_service(work, service_id) if row.state in OPEN_ORDERS]
    found = {
        f"state of {service_id}": str(service.state),
        f"generation of {service_id}": str(service.generation),
        f"confirmed generation of {service_id}": str(service.confirmed_generation),
        f"intent of {service_id}": _intent(work, service),
        f"open orders of {service_id}": ", ".join(f"{row.id} {row.state}" for row in waiting) or "none",
        f"specification {service.spec}": _spec(work, service),
    }
    for piece in holds.pieces(work, service_id):
        found[f"{piece.pool} of {service_id}"] = f"{piece.namespace}/{piece.value}"
    for name in sorted(set(service.elements.values())):
        element = elements.get(work, name)
        found[f"element {name}"] = f"{element.version} {element.state}"
        found[f"dialect of {name}"] = element.dialect_hash or "none"
    return found


def _intent(work: Work, service: Service) -> str:
    return json.dumps(inventory.intent(work, service.id).document(), sort_keys=True)


def _spec(work: Work, service: Service) -> str:
    """The version it pins; for one that is only reserved the version in force, by which it would be made today."""
    if service.state is ServiceState.RESERVED:
        return specs.pinned(work, service.spec)[1]
    return service.spec_hash
