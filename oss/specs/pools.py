"""The kinds of stock a specification may ask for, and the identities that a piece of each brings along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernel.errors import Invalid
from oss import identity


@dataclass(frozen=True, slots=True)
class PoolKind:
    """One kind of stock: its identities (the first is the piece's own value) and the namespaces they are unique in.

    A namespace of None is the element that carries the piece.
    """

    name: str
    namespaces: Mapping[str, str | None]
    parse: Callable[[str], str]

    @property
    def kind(self) -> str:
        """The kind of the piece's own value."""
        return next(iter(self.namespaces))

    def value_names(self, alias: str) -> dict[str, str]:
        """What a service calls each identity of a piece that it holds under an alias: {kind: name}."""
        if len(self.namespaces) == 1:
            return {self.kind: alias}
        return {kind: kind if alias == self.name else f"{alias}_{kind}" for kind in self.namespaces}


POOLS: Mapping[str, PoolKind] = {
    pool.name: pool
    for pool in (
        PoolKind("msisdn", {"msisdn": "E.164"}, identity.Msisdn.parse),
        PoolKind("sim", {"iccid": "E.118", "imsi": "PLMN"}, identity.Iccid.parse),
        PoolKind("port", {"port": None}, identity.Port.parse),
        PoolKind("meter", {"meter": None}, identity.DeviceName.parse),
    )
}


def pool_kind(name: str) -> PoolKind:
    """The kind of a pool. Raises Invalid, which lists the known ones."""
    try:
        return POOLS[name]
    except KeyError:
        raise Invalid(f"there is no pool {name!r}", field="pool", fix=f"use one of {', '.join(POOLS)}") from None
