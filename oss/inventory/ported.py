"""Numbers that come from another operator, and numbers that go to one."""

from __future__ import annotations

from kernel.errors import Conflict
from kernel.work import Work
from oss.inventory import pools, store
from oss.inventory.machine import RESOURCE, ResourceMove, ResourceState
from oss.inventory.model import Resource
from oss.inventory.pools import FROM, Piece
from oss.specs.pools import pool_kind

POOL = "msisdn"
TO = "portedTo"
"""The attribute of a number of ours that another operator has."""


def check(work: Work, number: str) -> str:
    """A number that may come: nobody's here. Raises Invalid for a malformed one, Conflict for one that is ours."""
    number = pool_kind(POOL).parse(number)
    found = _piece(work, number)
    if found is not None and found.state is not ResourceState.AWAY:
        raise Conflict(f"{number} is in stock here: {found.state}", field="number", fix="order it as any other number")
    return number


def arrive(work: Work, number: str, *, donor: str) -> Resource:
    """Take a number that another operator gave up into the stock, for the line that brings it along."""
    number = check(work, number)
    piece = _piece(work, number)
    if piece is None:
        pools.stock(work, POOL, [Piece(number)], granted_to=work.tenant)
        piece = store.named(work, POOL, number, namespace=None)[0]
        piece.attributes = {**piece.attributes, FROM: donor}
    else:
        piece.state, piece.granted_to = RESOURCE.after(piece.state, ResourceMove.ARRIVE), work.tenant
        ours = TO in piece.attributes
        kept = {name: value for name, value in piece.attributes.items() if name != TO}
        piece.attributes = kept if ours else {**kept, FROM: donor}
    work.flush()
    work.audit("number.arrived", piece.id, {"number": number, "from": donor})
    return piece


def leave(work: Work, number: str, *, to: str | None = None) -> bool:
    """Let a number that no line uses go to another operator, or back to it; False when it is not here to go."""
    piece = _piece(work, number)
    if piece is None or piece.state not in (ResourceState.FREE, ResourceState.QUARANTINE):
        return False
    piece.state, piece.until = RESOURCE.after(piece.state, ResourceMove.LEAVE), None
    if to is not None and FROM not in piece.attributes:
        piece.attributes = {**piece.attributes, TO: to}
    work.audit("number.left", piece.id, {"number": number, "to": to})
    return True


def _piece(work: Work, number: str) -> Resource | None:
    found = store.named(work, POOL, number, namespace=None)
    return found[0] if found else None
