"""What must hold when the killing is over, from the database and from what the elements heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel import engines
from oss.inventory.model import Service
from oss.orders.machine import OrderState
from oss.orders.model import ServiceOrder
from oss.port import satisfies
from oss.specs.compose import Intent, compose
from oss.specs.model import Specification
from oss.specs.source import read
from tests.chaos.engine import SPEC

Heard = Mapping[str, Any]
Place = tuple[str, str, str]
ENDED = (OrderState.COMPLETED, OrderState.CANCELLED)
"""No element refuses and nobody gives up: an order is done, or overtaken by a newer one."""


def judge(url: str, heard: list[Heard]) -> dict[str, Any]:
    """Counts, and every violation in words."""
    engine = sa.create_engine(engines.normal(url))
    with Session(engine) as session:
        orders = list(session.scalars(sa.select(ServiceOrder)))
        services = list(session.scalars(sa.select(Service)))
    engine.dispose()
    found = [f"{o.id} ended {o.state}: {o.reason}" for o in orders if o.state not in ENDED]
    found += _undecided(services) + list(_misshown(services, _shown(heard)))
    resends, unread = _resends(sorted(heard, key=itemgetter("said_at")))
    changes = Counter(h["idempotency"] for h in heard if h.get("changed"))
    found += [f"{key} changed a state {count} times" for key, count in changes.items() if count > 1]
    return {
        "orders": len(orders),
        "ended": dict(Counter(str(o.state) for o in orders)),
        "lines": dict(Counter(str(s.state) for s in services)),
        "commands": sum(h["what"] == "apply" for h in heard),
        "read_backs": sum(h["what"] == "read" for h in heard),
        "resends": resends,
        "late": _late(heard),
        "violations": found + unread + list(_backwards(heard)),
    }


def _undecided(services: list[Service]) -> list[str]:
    """Lines whose wanted profile or life the network has not confirmed."""
    return [
        f"{s.id} wants {s.profile} present={s.present}, confirmed is {s.confirmed_intent} of {s.confirmed_generation}"
        for s in services
        if s.generation and (s.confirmed_intent is None or not _same(s))
    ]


def _same(service: Service) -> bool:
    confirmed = Intent.of(service.confirmed_intent or {})
    if not service.present or not confirmed.present:
        return service.present is confirmed.present
    return dict(confirmed.profile) == service.profile


def _shown(heard: list[Heard]) -> dict[Place, dict[str, Any]]:
    """The elements' states, as the commands that they heard made them."""
    states: dict[Place, dict[str, Any]] = {}
    for h in heard:
        if h.get("changed"):
            where = (h["element"], h["intent"], h["key"])
            gone = not h["state"].get("present", True)
            states[where] = {"present": False} if gone else {**states.get(where, {}), **h["state"]}
    return states


def _misshown(services: list[Service], shown: Mapping[Place, dict[str, Any]]) -> Iterator[str]:
    """Places that do not show what their line's confirmed intent asks for."""
    spec = Specification.model_validate(read(SPEC).content)
    for service in services:
        if service.confirmed_intent is None:
            continue
        for target in compose(spec, Intent.of(service.confirmed_intent), service.values, service.elements):
            there = shown.get((target.element, target.intent, target.key), {"present": False})
            if not satisfies(target.state, there):
                asked = f"{service.id} ({service.state}) asks {target.state}"
                yield f"{target.key} on {target.element} shows {there}, {asked}"


def _late(heard: list[Heard]) -> int:
    """Commands that arrived after a read-back which was said later: their sender had given them up already."""
    asked: dict[Place, float] = {}
    count = 0
    for h in heard:
        where = (h["element"], h["intent"], h["key"])
        if h["what"] == "read":
            asked[where] = max(h["said_at"], asked.get(where, 0.0))
        else:
            count += h["said_at"] < asked.get(where, 0.0)
    return count


def _backwards(heard: list[Heard]) -> Iterator[str]:
    """Places at which an older generation changed something after a newer one had."""
    newest: dict[Place, int] = {}
    for h in heard:
        where = (h["element"], h["intent"], h["key"])
        if h.get("changed"):
            if h["generation"] < newest.get(where, 0):
                yield f"{where}: generation {h['generation']} was applied after {newest[where]} by {h['by']}"
            newest[where] = h["generation"]


def _resends(heard: list[Heard]) -> tuple[int, list[str]]:
    """How often a command was said again, and those said again without a read-back in between.

    In the order in which they were said: when they were heard is the network's doing. A command that was held back for
    longer than deadline and horizon is heard between its read-back and its resend, and was once taken for one unread.
    """
    last: dict[Place, Heard] = {}
    sent: set[str] = set()
    count, found = 0, []
    for h in heard:
        where = (h["element"], h["intent"], h["key"])
        if h["what"] == "apply":
            if h["idempotency"] in sent:
                count += 1
                if last[where]["what"] != "read":
                    found.append(f"{h['idempotency']} was sent again without a read-back")
            sent.add(h["idempotency"])
        last[where] = h
    return count, found
