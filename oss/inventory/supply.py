"""Files of stock: which pieces a pool has, written one by one or as a run of numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator
from stdnum import luhn

from kernel.errors import Invalid
from kernel.ids import TenantId
from kernel.work import Unit
from oss.inventory import elements, pools
from oss.inventory.pools import Piece
from oss.specs import source
from oss.specs.parts import Frozen
from oss.specs.pools import POOLS

RUN_LIMIT = 1_000_000
"""Pieces of one run at most: a number block of six digits."""
_TAIL = re.compile(r"^(.*?)([0-9]+)$")


def _digits(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_digits)]
"""A value that a file may write as a number."""
Count = Annotated[int, Field(ge=1, le=RUN_LIMIT)]


class Run(Frozen):
    """`count` values whose last digits count up from `first`."""

    first: Annotated[Text, Field(pattern=r"[0-9]$")]
    count: Count


class Sim(Frozen):
    """One SIM as a vendor's batch lists it."""

    iccid: Text
    imsis: tuple[Text, ...]
    eid: Text | None = None
    key_ref: str | None = None


class SimRun(Frozen):
    """`count` SIMs in a row: `iccid` is written without its Luhn digit, which is computed."""

    iccid: Annotated[Text, Field(pattern=r"^89[0-9]{15,19}$")]
    imsi: Annotated[Text, Field(pattern=r"^[0-9]{14,15}$")]
    count: Count


class Supply(Frozen):
    """The pieces of one pool, on one element where the pool's kind needs one."""

    pool: str
    element: str | None = None
    values: tuple[Text, ...] = ()
    run: Run | None = None
    sims: tuple[Sim, ...] = ()
    sim_run: SimRun | None = None

    @model_validator(mode="after")
    def _fits(self) -> Supply:
        if self.pool not in POOLS:
            raise ValueError(f"there is no pool {self.pool!r}; use one of {', '.join(POOLS)}")
        is_sim = "imsi" in POOLS[self.pool].namespaces
        if (bool(self.sims or self.sim_run), bool(self.values or self.run)) != (is_sim, not is_sim):
            raise ValueError(f"the pool {self.pool} takes {'sims or sim_run' if is_sim else 'values or run'}")
        return self

    def pieces(self) -> Iterator[Piece]:
        """Every piece."""
        for value in self.values:
            yield Piece(value, self.element)
        if self.run is not None:
            for value in _counted(self.run.first, self.run.count):
                yield Piece(value, self.element)
        for sim in self.sims:
            yield Piece(sim.iccid, self.element, sim.imsis, sim.eid, sim.key_ref)
        if self.sim_run is not None:
            numbers = _counted(self.sim_run.iccid, self.sim_run.count)
            for number, imsi in zip(numbers, _counted(self.sim_run.imsi, self.sim_run.count), strict=True):
                yield Piece(number + luhn.calc_check_digit(number), self.element, (imsi,))


class SupplyFile(Frozen):
    """A file of stock."""

    pools: Annotated[tuple[Supply, ...], Field(min_length=1)]


def load(path_or_text: Path | str) -> tuple[Supply, ...]:
    """Read a file of stock. Raises Invalid, which names file, line and place."""
    return source.checked(SupplyFile, source.read(path_or_text)).pools


def apply(work: Unit, path_or_text: Path | str, *, granted_to: TenantId | None) -> dict[str, int]:
    """Stock what a file lists; how many pieces of each pool were new. What is in stock already stays as it is.

    Raises Invalid, which names file, line and place, and NotFound for an element that was never applied.
    """
    new: dict[str, int] = {}
    for supply in load(path_or_text):
        if supply.element is not None:
            elements.get(work, supply.element)
        fresh = pools.stock(work, supply.pool, supply.pieces(), granted_to=granted_to)
        new[supply.pool] = new.get(supply.pool, 0) + fresh
    return new


def _counted(first: str, count: int) -> Iterator[str]:
    match = _TAIL.match(first)
    if match is None:
        raise Invalid(f"{first!r} does not end with a digit", field="first", fix="end it with the first number")
    head, tail = match[1], match[2]
    if len(str(int(tail) + count - 1)) > len(tail) and len(tail) > 1:
        raise Invalid(f"{first!r} cannot count {count} up", field="count", fix="count less, or begin with more digits")
    return (f"{head}{int(tail) + nth:0{len(tail)}}" for nth in range(count))
