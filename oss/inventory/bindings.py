"""Who had which identity when; usage is resolved at the instant of its event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kernel.errors import Conflict
from kernel.ids import TenantId
from kernel.work import Unit, Work
from oss.inventory import store
from oss.inventory.model import Binding, BindingId, Resource, Role, Service, ServiceId
from oss.inventory.store import Identity
from oss.specs.pools import POOLS


def identities(work: Unit, resource: Resource) -> dict[str, str]:
    """The identities a piece of the stock brings along: {kind: value}."""
    kinds = {POOLS[resource.pool].kind: resource.value}
    if "imsi" in POOLS[resource.pool].namespaces:
        imsi = store.first_imsi(work, resource.value)
        if imsi is not None:
            kinds["imsi"] = imsi
    return kinds


def check_free(work: Unit, pieces: Sequence[Resource]) -> list[Identity]:
    """The identities of some pieces. Raises Conflict, naming one that somebody on the platform has now."""
    wanted = [
        (kind, POOLS[piece.pool].namespaces[kind] or piece.namespace, value)
        for piece in pieces
        for kind, value in identities(work, piece).items()
    ]
    for taken in store.live(work, wanted):
        message = f"{taken.value} is bound to a service"
        raise Conflict(message, field=taken.kind, fix="take another one, or wait until it rests")
    return wanted


def open_for(
    work: Work, service: Service, pieces: Sequence[Resource], *, at: datetime, role: Role = Role.CURRENT
) -> None:
    """Bind the identities of pieces to a service from an instant on. Raises Conflict when one is bound already."""
    for kind, namespace, value in check_free(work, pieces):
        work.session.add(
            Binding(
                id=BindingId.new(),
                tenant=work.tenant,
                service_id=service.id,
                kind=kind,
                namespace=namespace,
                value=value,
                role=role,
                from_at=at,
                to_at=None,
            )
        )


def become_current(work: Work, service_id: ServiceId, piece: Resource) -> None:
    """What was next is current: the network shows it."""
    for binding in _of(work, service_id, piece):
        binding.role = Role.CURRENT


def retire(work: Work, service_id: ServiceId, piece: Resource, *, at: datetime) -> None:
    """End the time of a piece's identities with a service; one that was current is a previous one."""
    for binding in _of(work, service_id, piece):
        binding.to_at = max(at, binding.from_at)
        if binding.role is Role.CURRENT:
            binding.role = Role.PREVIOUS


def _of(work: Work, service_id: ServiceId, piece: Resource) -> list[Binding]:
    mine = {(kind, value) for kind, value in identities(work, piece).items()}
    there = {POOLS[piece.pool].namespaces[kind] or piece.namespace for kind, _ in mine}
    found = [binding for binding in store.bindings(work, service_id) if binding.to_at is None]
    return [each for each in found if (each.kind, each.value) in mine and each.namespace in there]


def close(work: Work, service_id: ServiceId, *, at: datetime) -> None:
    """End a service's open bindings at an instant."""
    for binding in store.bindings(work, service_id):
        if binding.to_at is None:
            binding.to_at = max(at, binding.from_at)


def resolve(
    work: Unit, kind: str, value: str, at: datetime, *, namespace: str | None = None
) -> tuple[TenantId, ServiceId] | None:
    """Whose identity it was at an instant; None when nobody's.

    Raises Conflict when the namespace is left open and the value stood for several (port 3 of two elements).
    """
    found = store.bound(work, kind, value, at, namespace=namespace)
    if len({binding.namespace for binding in found}) > 1:
        spaces = ", ".join(sorted(binding.namespace for binding in found))
        raise Conflict(f"{kind} {value} is known in several places", field="namespace", fix=f"give one of {spaces}")
    return (found[0].tenant, found[0].service_id) if found else None
