"""The network's elements, and the stock they carry."""

from __future__ import annotations

from pydantic import Field

from gateway.verbs.core import Asks, Desk, Gives, Nothing, Page, edging, reading, writing
from gateway.verbs.documents import SOURCE_LIMIT
from kernel.work import Work
from oss.inventory import elements, pools, supply
from oss.inventory.machine import ElementState
from oss.inventory.model import Element
from oss.orders import lanes
from oss.orders.model import Lane


class ElementNamed(Asks):
    """One element."""

    name: str


class ElementGiven(Gives):
    """An element in force; addresses and references of secrets are in `element show`.

    `breaker` is open while nobody answers there (`broken_by`), `waits_for` names an open incident or a window.
    """

    name: str
    protocol: str
    lane: str
    role: str
    dialect: str
    state: ElementState
    breaker: str
    broken_by: str | None
    waits_for: str | None
    worker: str | None


class HealthGiven(Gives):
    """Who an element says it is, and since when."""

    element: str
    reachable: bool
    description: str
    incarnation: str
    elapsed_ms: float
    error: str


class StockAsked(Asks):
    """A file of stock, granted to the caller's tenant."""

    text: str = Field(max_length=SOURCE_LIMIT)


class PoolGiven(Gives):
    """A pool: how many of its pieces were new, or are in each state."""

    pool: str
    counts: dict[str, int]


@reading("element.list", "/elements")
def listed(work: Work, asked: Nothing) -> Page[ElementGiven]:
    """Every element, by name."""
    known = lanes.states(work)
    found = [_given(row, known.get(row.lane)) for row in elements.all(work)]
    return Page(items=found, total=len(found))


@edging("element.probe", "/elements/{name}/probe")
async def probe(desk: Desk, asked: ElementNamed) -> HealthGiven:
    """Ask an element who it is, over its own protocol."""
    spec = await desk.read(lambda work: elements.spec(work, asked.name))
    element = desk.gateway.connect(spec)
    try:
        return HealthGiven.model_validate(await element.probe())
    finally:
        await element.close()


@writing("element.withdraw", "/elements/{name}/withdraw")
def withdraw(work: Work, asked: ElementNamed) -> ElementGiven:
    """Keep commands from an element on which somebody works; they wait."""
    return _one(work, elements.withdraw(work, asked.name))


@writing("element.reinstate", "/elements/{name}/reinstate")
def reinstate(work: Work, asked: ElementNamed) -> ElementGiven:
    """Let commands reach an element again."""
    row = elements.reinstate(work, asked.name)
    work.hint(f"lane:{row.lane}")
    return _one(work, row)


@writing("pool.stock", "/pools")
def stock(work: Work, asked: StockAsked) -> Page[PoolGiven]:
    """Take numbers, SIMs, ports and meters into stock; what is there already stays as it is."""
    new = supply.apply(work, asked.text, granted_to=work.tenant)
    given = [PoolGiven(pool=name, counts={"new": count}) for name, count in new.items()]
    return Page(items=given, total=len(given))


@reading("pool.list", "/pools")
def list_pools(work: Work, asked: Nothing) -> Page[PoolGiven]:
    """How many pieces of each pool are free, reserved, assigned and resting."""
    found = [
        PoolGiven(pool=name, counts={str(state): count for state, count in states.items()})
        for name, states in pools.counts(work, tenant=work.tenant).items()
    ]
    return Page(items=found, total=len(found))


def _one(work: Work, row: Element) -> ElementGiven:
    return _given(row, lanes.states(work).get(row.lane))


def _given(row: Element, lane: Lane | None) -> ElementGiven:
    broken = lane is not None and lane.broken_since is not None
    return ElementGiven(
        name=row.name,
        protocol=row.protocol,
        lane=row.lane,
        role=row.role,
        dialect=row.dialect,
        state=row.state,
        breaker="open" if broken else "closed",
        broken_by=None if lane is None else lane.broken_by,
        waits_for=None if lane is None else lane.waits_for or lane.narrow,
        worker=None if lane is None else lane.owner,
    )
