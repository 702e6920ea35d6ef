"""The platform's stock: pieces come in, are granted, held by one service, used, rested and handed out again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kernel.errors import Conflict, Exhausted, Invalid, NotFound
from kernel.ids import TenantId
from kernel.work import Unit, Work
from oss.identity import Eid, Imsi
from oss.inventory import bindings, store
from oss.inventory.machine import RESOURCE, ResourceMove, ResourceState
from oss.inventory.model import (
    Resource,
    ResourceId,
    ServiceId,
    SimCard,
    SimCardId,
    SimImsi,
    SimProfile,
)
from oss.specs.pools import PoolKind, pool_kind

QUARANTINE = timedelta(days=90)
"""How long a used identity rests: longer than the latest usage record that is still accepted."""
FROM = "portedFrom"
"""The attribute of a number that is another operator's by its range: it goes back there when its line ends."""
BATCH = 1_000
"""Pieces checked by one statement: below every database's limit of parameters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece to be stocked; `imsis` in the order in which a SIM attaches with them, `key_ref` names its keys."""

    value: str
    element: str | None = None
    imsis: tuple[str, ...] = ()
    eid: str | None = None
    key_ref: str | None = None


def stock(work: Unit, pool: str, rows: Iterable[Piece], *, granted_to: TenantId | None) -> int:
    """Take pieces into a pool, granted to a tenant or (None) to nobody yet; how many were new.

    A piece that is in stock already is left as it is. Raises Invalid for a malformed one, Conflict for an IMSI that
    belongs to another SIM.
    """
    kind = pool_kind(pool)
    checked = [_checked(kind, row) for row in rows]
    pieces = {(_namespace(kind, piece), piece.value): piece for piece in checked}
    known = {(row.namespace, row.value) for row in _known(work, pool, [piece.value for piece in checked])}
    fresh = [piece for place, piece in pieces.items() if place not in known]
    for piece in fresh:
        work.session.add(_resource(kind, piece, granted_to))
    _stock_sims(work, [piece for piece in fresh if piece.imsis])
    work.session.flush()
    return len(fresh)


def reserve(
    work: Work, pool: str, *, service_id: ServiceId, wanted: str | None, until: datetime, on: str | None = None
) -> Resource:
    """Hold one piece for a service: the wanted one, else any (`on` that element), all errors named.

    Raises Exhausted, NotFound or Conflict.
    """
    free = ResourceState.FREE
    taken: dict[str, object] = {
        "state": RESOURCE.after(free, ResourceMove.RESERVE),
        "service_id": service_id,
        "until": until,
    }
    if wanted is None:
        found = store.take_any(work, pool, free=free, taken=taken, on=on)
        if found is None:
            where = "" if on is None else f" on {on}"
            fix = "stock it or grant some of it to the tenant"
            raise Exhausted(f"the pool {pool} is empty{where}", field=pool, fix=fix)
        return found
    candidate = _wanted(work, pool, wanted)
    bindings.check_free(work, [candidate])
    found = store.take(work, candidate.id, free=free, taken=taken)
    if found is None:
        raise Conflict(f"{wanted} was taken meanwhile", field=pool, fix="take another one")
    return found


def assign(work: Work, service_id: ServiceId) -> list[Resource]:
    """What a service held is now used by it; the pieces."""
    return _move(work, service_id, ResourceMove.ASSIGN, until=None)


def give_back(work: Work, service_id: ServiceId) -> list[Resource]:
    """What a service held was never used: free again."""
    return _move(work, service_id, ResourceMove.RELEASE, until=None)


def rest(work: Work, service_id: ServiceId, *, until: datetime) -> list[Resource]:
    """What a service used rests until an instant."""
    return _move(work, service_id, ResourceMove.REST, until=until)


def end_rest(work: Unit, resource_id: ResourceId) -> bool:
    """Free a piece whose rest is over; False when it is not, or somebody else did it."""
    piece = store.resource(work, resource_id)
    if piece is None or piece.state is not ResourceState.QUARANTINE or piece.until is None or piece.until > work.now:
        return False
    back = ResourceMove.LEAVE if FROM in piece.attributes else ResourceMove.RETURN
    piece.state, piece.until = RESOURCE.after(piece.state, back), None
    return True


def grant(work: Unit, pool: str, *, to: TenantId, count: int) -> int:
    """Grant free pieces that nobody has yet to a tenant, oldest first; how many there were."""
    pool_kind(pool)
    ungranted = (Resource.pool == pool, Resource.granted_to.is_(None), Resource.state == ResourceState.FREE)
    query = sa.select(Resource).where(*ungranted).order_by(Resource.id).limit(count)
    pieces = list(work.session.scalars(query.with_for_update(skip_locked=True)))
    for piece in pieces:
        piece.granted_to = to
    return len(pieces)


def counts(
    work: Unit, pool: str | None = None, *, tenant: TenantId | None = None
) -> dict[str, dict[ResourceState, int]]:
    """{pool: {state: how many}}."""
    found: dict[str, dict[ResourceState, int]] = {}
    for name, state, number in store.counts(work, pool, tenant):
        found.setdefault(name, dict.fromkeys(ResourceState, 0))[state] = number
    return found


def _move(work: Work, service_id: ServiceId, move: ResourceMove, *, until: datetime | None) -> list[Resource]:
    pieces = store.held(work, service_id)
    for piece in pieces:
        piece.state = RESOURCE.after(piece.state, move)
        piece.until = until
        if piece.state is not ResourceState.ASSIGNED:
            piece.service_id = None
    return pieces


def _wanted(work: Work, pool: str, text: str) -> Resource:
    kind = pool_kind(pool)
    element, value = None, text
    if kind.namespaces[kind.kind] is None and "/" in text:
        element, _, value = text.rpartition("/")
    found = store.named(work, pool, kind.parse(value), namespace=element)
    mine = [piece for piece in found if piece.granted_to == work.tenant]
    for piece in mine:
        if piece.state is ResourceState.FREE:
            return piece
    if any(piece.state is not ResourceState.FREE for piece in found):
        raise Conflict(f"{text} is {_why(mine)}", field=pool, fix="take another one")
    raise NotFound(f"no {text} in this tenant's stock", field=pool, fix="take one that is, or leave the choice open")


def _why(mine: Sequence[Resource]) -> str:
    if not mine:
        return "taken"
    piece = mine[0]
    return f"resting until {piece.until}" if piece.state is ResourceState.QUARANTINE else str(piece.state)


def _checked(kind: PoolKind, piece: Piece) -> Piece:
    if kind.namespaces[kind.kind] is None and piece.element is None:
        raise Invalid(f"{kind.name} {piece.value} is on no element", field="element", fix="name its element")
    if bool(piece.imsis) != ("imsi" in kind.namespaces):
        raise Invalid(f"{kind.name} {piece.value}", field="imsi", fix="a SIM has at least one, nothing else has any")
    imsis = tuple(Imsi.parse(imsi) for imsi in piece.imsis)
    eid = None if piece.eid is None else Eid.parse(piece.eid)
    return Piece(kind.parse(piece.value), piece.element, imsis, eid, piece.key_ref)


def _namespace(kind: PoolKind, piece: Piece) -> str:
    return kind.namespaces[kind.kind] or piece.element or ""


def _known(work: Unit, pool: str, values: Sequence[str]) -> list[sa.Row[tuple[str, str]]]:
    rows: list[sa.Row[tuple[str, str]]] = []
    for start in range(0, len(values), BATCH):
        chosen = Resource.value.in_(values[start : start + BATCH])
        rows += work.session.execute(sa.select(Resource.namespace, Resource.value).where(Resource.pool == pool, chosen))
    return rows


def _resource(kind: PoolKind, piece: Piece, granted_to: TenantId | None) -> Resource:
    return Resource(
        id=ResourceId.new(),
        pool=kind.name,
        namespace=_namespace(kind, piece),
        value=piece.value,
        element=piece.element,
        attributes={},
        state=RESOURCE.initial,
        granted_to=granted_to,
        service_id=None,
        until=None,
    )


def _stock_sims(work: Unit, pieces: Sequence[Piece]) -> None:
    for start in range(0, len(pieces), BATCH):
        batch = pieces[start : start + BATCH]
        imsis = [imsi for piece in batch for imsi in piece.imsis]
        clash = work.session.scalar(sa.select(SimImsi).where(SimImsi.imsi.in_(imsis)).limit(1))
        if clash is not None or len(set(imsis)) != len(imsis):
            name = clash.imsi if clash is not None else next(i for i in imsis if imsis.count(i) > 1)
            raise Conflict(f"{name} belongs to another SIM", field="imsi", fix="look at the batch again")
        for piece in batch:
            _stock_sim(work, piece)


def _stock_sim(work: Unit, piece: Piece) -> None:
    card = None
    if piece.eid is not None:
        card = work.session.scalars(sa.select(SimCard).where(SimCard.eid == piece.eid)).one_or_none()
    if card is None:
        card = SimCard(id=SimCardId.new(), eid=piece.eid)
        work.session.add(card)
    work.session.add(SimProfile(iccid=piece.value, card_id=card.id, key_ref=piece.key_ref))
    for position, imsi in enumerate(piece.imsis, 1):
        work.session.add(SimImsi(imsi=imsi, iccid=piece.value, position=position))
