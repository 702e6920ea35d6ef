"""I13: every element is asked whether it still shows what it last confirmed; nothing is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from gateway.network import Network
from kernel.database import Database
from kernel.doctor import SHOWN
from kernel.errors import TrunklineError
from kernel.work import SystemWork
from oss.inventory.model import Confirmation, ServiceId
from oss.orders.machine import OPEN_ORDERS
from oss.orders.model import ServiceOrder, Task
from oss.port import State, satisfies

MOST = 10_000
"""Places read at most, the latest confirmed first: an element is asked about one key in about 10 ms."""
AT_ONCE = 16
"""Keys asked of one element at the same time: a quarter of what its lane bears, the rest is for orders."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an element last confirmed for one key that no open order is about."""

    element: str
    intent: str
    key: str
    service_id: ServiceId
    wanted: dict[str, Any]


@dataclass(slots=True)
class Attested:
    """How many places were read, those that show something else, and the elements that could not be asked."""

    read: int = 0
    drifted: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


async def attest(network: Network, database: Database) -> Attested:
    """Read every confirmed place from its element; one that differs and has not been ordered otherwise has drifted."""
    places = await asyncio.wrap_future(database.read_system(confirmed))
    by_element = groupby(places, key=lambda place: place.element)
    found = Attested()
    drifts = await asyncio.gather(*(_ask(network, name, list(group), found) for name, group in by_element))
    suspects = [drift for some in drifts for drift in some]
    if suspects:
        standing = await asyncio.wrap_future(database.read_system(confirmed))
        found.drifted = [sentence for place, sentence in suspects if place in standing][:SHOWN]
    return found


async def _ask(network: Network, name: str, places: Sequence[Place], found: Attested) -> list[tuple[Place, str]]:
    """Ask one element about its places, some at a time; one that cannot be asked is asked no more."""
    drifts = []
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        try:
            shown = await asyncio.gather(*(_shown(network, place) for place in some))
        except TrunklineError as error:
            found.silent.append(f"{name} could not be asked: {error}")
            break
        found.read += len(some)
        drifts += [
            (place, _sentence(place, state))
            for place, state in zip(some, shown, strict=True)
            if not satisfies(place.wanted, state)
        ]
    return drifts


async def _shown(network: Network, place: Place) -> State:
    element = await network.element(place.element)
    return (await element.read(place.intent, place.key)).state


def _sentence(place: Place, shown: State) -> str:
    return f"{place.element} {place.intent} {place.key} of {place.service_id}: {_difference(place.wanted, shown)}"


def _difference(wanted: State, shown: State) -> str:
    if wanted.get("present", True) != shown.get("present", True):
        return "it is gone" if wanted.get("present", True) else "it is there again"
    names = [name for name, value in wanted.items() if shown.get(name) != value]
    return ", ".join(f"{name} is {shown.get(name)!r}, confirmed was {wanted[name]!r}" for name in names)


def confirmed(work: SystemWork) -> list[Place]:
    """What was last confirmed of each key, element by element, keys of open orders left out."""
    c = Confirmation
    newest = sa.func.row_number().over(
        partition_by=(c.element, c.intent, c.key), order_by=(c.at.desc(), c.order_id.desc(), c.seq.desc())
    )
    moving = (
        sa.select(Task.key)
        .join(ServiceOrder, sa.and_(ServiceOrder.tenant == Task.tenant, ServiceOrder.id == Task.order_id))
        .where(ServiceOrder.state.in_(OPEN_ORDERS))
    )
    ranked = (
        sa.select(c.element, c.intent, c.key, c.service_id, c.wanted, c.at, newest.label("age"))
        .where(c.key.not_in(moving))
        .subquery()
    )
    rows = work.connection.execute(sa.select(ranked).where(ranked.c.age == 1).order_by(ranked.c.at.desc()).limit(MOST))
    return sorted((Place(*row[:5]) for row in rows), key=lambda place: (place.element, place.intent, place.key))
