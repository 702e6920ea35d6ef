"""What an order needs to know before it starts: the service, its specification, what the elements last confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy.orm.util import identity_key

from kernel import rows
from kernel.database import NOW
from kernel.errors import NotFound
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.model import Restriction, Service, ServiceId
from oss.orders import store
from oss.orders.decompose import Leftover, Place, Reach, Shown, decompose
from oss.orders.machine import TaskState
from oss.orders.model import OVERLAYS, OrderPlan, Verb
from oss.orders.plan import CACHED, Plan
from oss.orders.store import OrderRow, TaskRow
from oss.port import Level, State
from oss.specs import compose as composing
from oss.specs import service as specs
from oss.specs.compose import Intent, Outside, Target, compose

DEFAULT_TIMEOUT_MS = 60_000
"""A command's deadline where the element's address names no `timeout_ms`."""


@dataclass(slots=True)
class Subject:
    """The service an order is about, as it stood when its row was locked."""

    id: ServiceId
    spec: str
    spec_hash: str
    owner: str | None
    protected: bool
    generation: int
    confirmed: Intent | None
    values: dict[str, Any]
    elements: dict[str, Any]


_ROW = 'spec, spec_hash, owner, protected, generation, confirmed_intent, "values", elements'
_LOCK = f"UPDATE service SET generation = generation + ? WHERE tenant = ? AND id = ? RETURNING {_ROW}"
_LOCKING = {dialect: f"{_LOCK}, {now}" for dialect, now in NOW.items()}
_LOCKING["postgresql"] = _LOCKING["postgresql"].replace("?", "%s")
_REACH = "SELECT name, lane, dialect_hash, address FROM element WHERE name IN ({})"
_SHOWN = (
    "SELECT element, key, wanted, intent FROM confirmation WHERE tenant = ? AND service_id = ? ORDER BY order_id, seq"
)


@dataclass(slots=True)
class Approached:
    """What a placement knows of its service: locked, with the open orders before it and its elements at hand."""

    subject: Subject
    now: int
    older: list[OrderRow]
    near: dict[str, Reach]


def lock(work: Work, service_id: ServiceId, *, raise_by: int = 0) -> Subject:
    """Lock the service's row first of all, raising its generation; NotFound when the tenant has no such service."""
    work.flush()
    return _subject(work, service_id, rows.fetch(work, _LOCK, (raise_by, int(work.tenant), int(service_id))))


def approach(work: Work, service_id: ServiceId) -> Approached:
    """Lock it, raise its generation, and look around, at one go. Raises NotFound."""
    service = (int(work.tenant), int(service_id))
    found = store.of(work).approach(work, _LOCKING[work.dialect], (1, *service), service)
    subject = _subject(work, service_id, found.locked)
    return Approached(subject, found.locked[0][-1], found.older, _reaches(found.near))


def _subject(work: Work, service_id: ServiceId, found: Sequence[Sequence[Any]]) -> Subject:
    if not found:
        raise NotFound(f"no service {service_id}", field="service", fix="see trunkline subscription list")
    known = work.loaded(identity_key(Service, (work.tenant, service_id)))
    if known is not None:
        work.session.expire(known, ["generation"])
    spec, spec_hash, owner, protected, generation, confirmed, values, elements, *_ = found[0]
    return Subject(
        id=service_id,
        spec=spec,
        spec_hash=spec_hash,
        owner=owner,
        protected=bool(protected),
        generation=generation,
        confirmed=None if confirmed is None else Intent.of(from_json(confirmed)),
        values=from_json(values),
        elements=from_json(elements),
    )


def targets(work: Work, subject: Subject, intent: Intent) -> list[Target]:
    """What each element must show for an intent, by the specification the service pins."""
    spec = specs.get(work, subject.spec, subject.spec_hash)
    return compose(spec, intent, subject.values, subject.elements)


def plan(
    work: Work,
    subject: Subject,
    verb: Verb,
    intent: Intent,
    *,
    doubtful: Sequence[TaskRow] = (),
    near: Mapping[str, Reach] | None = None,
) -> Plan:
    """The steps from what is confirmed to the intent; a doubtful place is always said again."""
    wanted = targets(work, subject, intent)
    shown, kinds = ({}, {}) if verb is Verb.ADD else shown_by(work, subject.id, doubtful=doubtful)
    left = leftovers(wanted, shown, kinds)
    guarded = subject.protected and not approved(work, subject.id)
    return decompose(
        verb,
        wanted,
        shown=shown,
        reach=reach(work, [*wanted, *left], near=near),
        protected=guarded,
        leftovers=left,
        outside=outside(work, subject, verb, intent),
    )


def outside(
    work: Work, subject: Subject, verb: Verb, intent: Intent
) -> tuple[list[Outside], dict[str, tuple[str, ...]]]:
    """What an order waits for that no element answers, and what comes after what."""
    spec = specs.get(work, subject.spec, subject.spec_hash)
    return composing.outside(spec, verb, intent.profile, subject.values) if spec.tasks else ([], {})


def reach(
    work: Work, wanted: Sequence[Target | Leftover], *, near: Mapping[str, Reach] | None = None
) -> Mapping[str, Reach]:
    """How each element is reached; those near are known already."""
    near = near or {}
    names = sorted({t.element for t in wanted} - near.keys())
    if not names:
        return near
    return {**near, **_reaches(rows.fetch(work, _REACH.format(", ".join("?" * len(names))), names))}


def _reaches(found: Sequence[Sequence[Any]]) -> dict[str, Reach]:
    return {name: Reach(lane, dialect, _timeout_s(address)) for name, lane, dialect, address in found}


@lru_cache(maxsize=CACHED)
def _timeout_s(address: str) -> float:
    return int(from_json(address).get("timeout_ms") or DEFAULT_TIMEOUT_MS) / 1000


def shown_by(work: Work, service_id: ServiceId, *, doubtful: Sequence[TaskRow] = ()) -> tuple[Shown, dict[Place, str]]:
    """What each place of a service last confirmed, and its kind; None where a later command failed and none vouches."""
    rows.settle(work)
    found = rows.fetch(work, _SHOWN, (int(work.tenant), int(service_id)))
    shown: dict[Place, State | None] = {(element, key): from_json(wanted) for element, key, wanted, _ in found}
    kinds = {(element, key): intent for element, key, _, intent in found}
    for task in doubtful:
        if task.state in (TaskState.FAILED, TaskState.UNKNOWN, TaskState.SKIPPED) and task.owner:
            shown[task.said[1], task.key], kinds[task.said[1], task.key] = None, task.said[2]
    return shown, kinds


def leftovers(wanted: Sequence[Target], shown: Shown, kinds: Mapping[Place, str]) -> list[Leftover]:
    """What shows something of the service, or may, and is no place of it any more."""
    places = {(target.element, target.key) for target in wanted}
    return [
        Leftover(*place, kinds[place])
        for place, state in shown.items()
        if place not in places and (state is None or state.get("present", True))
    ]


def approved(work: Work, service_id: ServiceId) -> bool:
    """Whether a second person stands behind every open hard restriction of a protected service."""
    found = work.connection.execute(
        sa.select(Restriction.approved_by).where(
            Restriction.tenant == work.tenant,
            Restriction.service_id == service_id,
            Restriction.level == Level.HARD,
            Restriction.lifted_at.is_(None),
        )
    ).all()
    return all(row.approved_by is not None for row in found)


def today(work: Work, order: OrderRow, intent: Intent) -> Intent:
    """An order's intent under the bars and the throttle of now, so that nothing late ever opens or speeds up a line."""
    now = inventory.intent(work, ServiceId(order.service_id))
    throttle = intent.throttle if order.verb is Verb.THROTTLE else now.throttle
    return replace(intent, level=now.level, throttle=throttle) if intent.present else intent


def barred(work: Work, service_id: ServiceId, intent: Intent) -> Intent:
    """An intent under the restrictions that are open on a service now; an end is an end under any of them."""
    return replace(intent, level=inventory.intent(work, service_id).level) if intent.present else intent


def kept(intent: Intent, confirmed: Intent, verb: Verb) -> Intent:
    """A bar, or a throttle, over what the network last confirmed: it carries no other change along."""
    if verb not in OVERLAYS or not intent.present:
        return intent
    throttle = intent.throttle if verb is Verb.THROTTLE else confirmed.throttle
    return replace(
        intent, profile=confirmed.profile, throttle=throttle, values=confirmed.values, elements=confirmed.elements
    )


def undo_state(work: Work, subject: Subject, element: str, key: str) -> State:
    """What a place must show when an order is taken back: the previous generation under today's restrictions."""
    if subject.confirmed is None:
        return {"present": False}
    intent = barred(work, subject.id, subject.confirmed)
    for target in targets(work, subject, intent):
        if (target.element, target.key) == (element, key):
            return target.state
    return {"present": False}


def write_plan(work: Work, order: OrderRow) -> None:
    """Replace a plan whose unsent steps were recomposed (the merge of a restriction into an activation)."""
    work.connection.execute(
        sa.update(OrderPlan)
        .where(OrderPlan.tenant == work.tenant, OrderPlan.order_id == order.id)
        .values(plan=order.plan)
    )
