"""Orders for many services of one verb, placed in a few statements; what stands in another's way is placed alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json

from kernel import rows
from kernel.database import now_micros
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.many import among, chunks
from oss.inventory.model import Confirmation, Restriction, Service, ServiceId
from oss.orders import events, finish, guard, prepare, store
from oss.orders import service as orders
from oss.orders.decompose import decompose
from oss.orders.machine import ORDER, OrderMove
from oss.orders.model import OnError, OrderId, Phase, Priority, Verb
from oss.orders.prepare import Subject
from oss.orders.scratch import Scratch, opened
from oss.orders.store import OrderRow
from oss.port import Level, State
from oss.specs.compose import Intent

_STRICTNESS = (Level.NONE, Level.SOFT, Level.HARD)
Shown = dict[tuple[str, str], State | None]


def place_many(
    work: Work,
    service_ids: Collection[ServiceId],
    *,
    verb: Verb,
    parent: str,
    on_error: OnError = OnError.HOLD,
    priority: Priority = Priority.BULK,
) -> dict[ServiceId, OrderId]:
    """Raise each service's generation and order the network to follow its intent; the order of each.

    Raises Conflict where an open order does not let the new one in: then place them one by one.
    """
    how, ids = _How(verb, parent, on_error, priority), sorted(set(service_ids))
    wanted = _wanted(work, ids)
    scratch = opened(work, now=now_micros(work))
    busy = {row.service_id for row in scratch.store.open_of(work, [(int(work.tenant), int(one)) for one in ids])}
    free = [one for one in ids if int(one) not in busy]
    if verb in guard.CUTS and free and not guard.admit(work, len(free), parent=parent):
        free = []
    made = [_order(scratch, int(work.tenant), wanted[one][0], how) for one in free]
    _start(work, scratch, made, wanted)
    placed = {ServiceId(order.service_id): OrderId(order.id) for order in made}
    for alone in sorted(set(ids) - set(free)):
        placed[alone] = orders.place(
            work,
            alone,
            intent=inventory.intent(work, alone),
            verb=verb,
            priority=priority,
            on_error=on_error,
            parent=parent,
        ).order_id
    return placed


@dataclass(frozen=True, slots=True)
class _How:
    verb: Verb
    parent: str
    on_error: OnError
    priority: Priority


def _order(scratch: Scratch, tenant: int, subject: Subject, how: _How) -> OrderRow:
    order = OrderRow(
        tenant=tenant,
        id=int(OrderId.new()),
        service_id=int(subject.id),
        verb=how.verb,
        state=ORDER.initial,
        phase=Phase.DO,
        priority=how.priority,
        on_error=how.on_error,
        generation=subject.generation + 1,
        done=0,
        whole=0,
        group_id=None,
        parent=how.parent,
        owner=subject.owner,
        intent="",
        placed_at=scratch.at,
    )
    scratch.orders[order.key] = order
    return order


def _start(
    work: Work, scratch: Scratch, made: Sequence[OrderRow], wanted: Mapping[ServiceId, tuple[Subject, Intent]]
) -> None:
    ids = [ServiceId(order.service_id) for order in made]
    _raise(work, ids)
    shown = _shown(work, ids)
    targets = [prepare.targets(work, *wanted[one]) for one in ids]
    reach = prepare.reach(work, [target for each in targets for target in each]) if ids else {}
    for one, order, shows in zip(ids, made, targets, strict=True):
        subject, intent = wanted[one]
        scratch.move(order, OrderMove.START)
        scratch.fact(events.ServiceOrderAcknowledged, order, generation=order.generation, state=order.state)
        work.audit("orderPlaced", OrderId(order.id), {"verb": order.verb, "service": str(one)})
        guarded = subject.protected and not prepare.approved(work, subject.id)
        plan = decompose(order.verb, shows, shown=shown.get(one, {}), reach=reach, protected=guarded)
        finish.start(scratch, order, subject, intent, plan=plan)
        del scratch.changed_orders[order.key]
    store.insert_orders(scratch.unit, made)
    finish.settle_confirmed(scratch)
    scratch.write()


# ---- what is read for all of them at once

_SERVICE = (
    *(Service.id, Service.spec, Service.spec_hash, Service.owner, Service.protected, Service.generation),
    *(Service.confirmed_intent, Service.values, Service.elements, Service.profile, Service.throttle, Service.present),
)


def _wanted(work: Work, ids: Sequence[ServiceId]) -> dict[ServiceId, tuple[Subject, Intent]]:
    """Each service with its intent, locked in id order as every placement does."""
    work.flush()
    levels: dict[ServiceId, Level] = defaultdict(lambda: Level.NONE)
    found = {}
    for some in chunks(ids):
        mine = (Service.tenant == work.tenant, among(work, Service.id, some))
        services = work.connection.execute(
            sa.select(*_SERVICE).where(*mine).order_by(Service.id).with_for_update()
        ).all()
        standing = (
            Restriction.tenant == work.tenant,
            among(work, Restriction.service_id, some),
            Restriction.lifted_at.is_(None),
        )
        levels_of = sa.select(Restriction.service_id, Restriction.level).where(*standing)
        for service_id, level in work.connection.execute(levels_of).all():
            levels[service_id] = max(levels[service_id], level, key=_STRICTNESS.index)
        found.update({row.id: (_subject(row), _intent(row, levels[row.id])) for row in services})
    return found


def _subject(row: Any) -> Subject:
    return Subject(
        id=row.id,
        spec=row.spec,
        spec_hash=row.spec_hash,
        owner=row.owner,
        protected=row.protected,
        generation=row.generation,
        confirmed=None if row.confirmed_intent is None else Intent.of(row.confirmed_intent),
        values=row.values,
        elements=row.elements,
    )


def _intent(row: Any, level: Level) -> Intent:
    return Intent(profile=row.profile, level=level, throttle=row.throttle, present=row.present)


def _raise(work: Work, ids: Sequence[ServiceId]) -> None:
    for some in chunks(ids):
        mine = (Service.tenant == work.tenant, among(work, Service.id, some))
        work.connection.execute(sa.update(Service).where(*mine).values(generation=Service.generation + 1))
    work.session.expire_all()


def _shown(work: Work, ids: Sequence[ServiceId]) -> dict[ServiceId, Shown]:
    """What each place of each service last confirmed."""
    rows.settle(work)
    found: dict[ServiceId, Shown] = defaultdict(dict)
    wanted = sa.type_coerce(Confirmation.wanted, sa.Text)
    for some in chunks(ids):
        mine = (Confirmation.tenant == work.tenant, among(work, Confirmation.service_id, some))
        query = sa.select(Confirmation.service_id, Confirmation.element, Confirmation.key, wanted).where(*mine)
        ordered = query.order_by(Confirmation.order_id, Confirmation.seq)
        for service_id, element, key, state in work.connection.execute(ordered).all():
            found[service_id][element, key] = from_json(state)
    return found
