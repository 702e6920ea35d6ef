"""What doctor asks of orders: I6 (restrictions reach the network) and I12 (an order is the fold of its facts)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby, islice

import sqlalchemy as sa

from kernel.doctor import SHOWN, Check
from kernel.events import EventRow
from kernel.work import SystemWork
from oss.inventory.machine import ServiceState
from oss.inventory.model import Restriction, Service
from oss.orders import events
from oss.orders.machine import OPEN_ORDERS, OrderState, TaskState
from oss.orders.model import Phase, ServiceOrder
from oss.orders.plan import PARTLY, UNDO
from oss.port import Level

REACH = timedelta(hours=1)
"""A restriction, or its lifting, that has not reached the network after so long of business time is in default."""
_FETCH = 1_000
"""Rows read at a time."""
_STRICTNESS = (Level.NONE, Level.SOFT, Level.HARD)

# ---- I6


def _restrictions(work: SystemWork) -> int:
    return work.session.scalar(sa.select(sa.func.count()).select_from(Restriction)) or 0


def _unreached(work: SystemWork) -> list[str]:
    return list(islice(_differing(work), SHOWN))


def _differing(work: SystemWork) -> Iterator[str]:
    """Active services confirmed at another level than their restrictions ask for, with nothing on its way."""
    rows = work.session.execute(
        sa.select(Service, Restriction)
        .join(Service, sa.and_(Service.tenant == Restriction.tenant, Service.id == Restriction.service_id))
        .where(Service.state == ServiceState.ACTIVE)
        .order_by(Service.tenant, Service.id, Restriction.id)
        .execution_options(yield_per=_FETCH)
    )
    for service, pairs in groupby(rows, key=lambda row: row[0]):
        restrictions = [restriction for _, restriction in pairs]
        wanted = max((r.level for r in restrictions if r.lifted_at is None), key=_STRICTNESS.index, default=Level.NONE)
        shown = Level((service.confirmed_intent or {}).get("level", Level.NONE))
        since = max(r.lifted_at or r.from_at for r in restrictions)
        if wanted is not shown and not _on_its_way(work, service, fresh=since > work.now - REACH):
            yield f"{service.tenant}: {service.id} is to be restricted {wanted}, the network confirmed {shown}"


def _on_its_way(work: SystemWork, service: Service, *, fresh: bool) -> bool:
    """Whether an order is under way within its time, or waits for a person in the fallout list."""
    states = [OrderState.HELD, *(OPEN_ORDERS if fresh else ())]
    return (
        work.session.scalar(
            sa.select(
                sa.exists().where(
                    ServiceOrder.tenant == service.tenant,
                    ServiceOrder.service_id == service.id,
                    ServiceOrder.state.in_(states),
                )
            )
        )
        or False
    )


# ---- I12


_NEXT: dict[str, OrderState | None] = {
    events.ServiceOrderAcknowledged.kind(): None,
    events.ServiceOrderStarted.kind(): OrderState.IN_PROGRESS,
    events.ServiceOrderHeld.kind(): OrderState.HELD,
    events.ServiceOrderReleased.kind(): OrderState.IN_PROGRESS,
    events.ServiceOrderCompleted.kind(): OrderState.COMPLETED,
    events.ServiceOrderFailed.kind(): OrderState.FAILED,
    events.ServiceOrderCancelled.kind(): OrderState.CANCELLED,
    events.ServiceOrderPartial.kind(): OrderState.PARTIAL,
}
"""What each fact makes of an order; an acknowledgement says it itself."""
_STEPS = PARTLY - 1
"""The bits of the mask that are steps."""
_DONE = (TaskState.DONE, TaskState.SKIPPED)
_SETTLED = events.TaskSettled.kind()
_TURNED = frozenset({OrderState.IN_PROGRESS, OrderState.HELD, OrderState.PENDING_CANCELLATION})
"""An order that is taking back goes between these without a fact of its own."""


def _orders(work: SystemWork) -> int:
    return work.session.scalar(sa.select(sa.func.count()).select_from(ServiceOrder)) or 0


def _unfolded(work: SystemWork) -> list[str]:
    return list(islice(_other_than_told(work), SHOWN))


def _other_than_told(work: SystemWork) -> Iterator[str]:
    order = ServiceOrder
    columns = (order.tenant, order.id, order.state, order.phase, order.generation, order.done)
    rows = work.connection.execute(
        sa.select(*columns, EventRow.kind, EventRow.body)
        .join(
            EventRow,
            sa.and_(
                EventRow.tenant == order.tenant, EventRow.subject == order.id, EventRow.kind.in_([*_NEXT, _SETTLED])
            ),
            isouter=True,
        )
        .order_by(order.tenant, order.id, EventRow.id)
        .execution_options(yield_per=_FETCH)
    )
    for (tenant, order_id, state, phase, generation, done), facts in groupby(rows, key=lambda row: tuple(row[:6])):
        told, told_generation, mask = _fold((kind, body) for *_, kind, body in facts if kind is not None)
        turned = phase is Phase.UNDO and {state, told} <= _TURNED
        if told is None:
            yield f"{tenant}: {order_id} is {state} and no fact tells of it"
        elif (state is not told and not turned) or generation != told_generation:
            stored, folded = f"{state} of generation {generation}", f"{told} of {told_generation}"
            yield f"{tenant}: {order_id} is {stored}, its facts say {folded}"
        elif phase is Phase.DO and done & _STEPS != mask:
            yield f"{tenant}: {order_id} has done {done & _STEPS:b}, its facts say {mask:b}"


def _fold(facts: Iterator[tuple[str, str]]) -> tuple[OrderState | None, int | None, int]:
    """The state, the generation and the mask of what is done that an order's facts, oldest first, make."""
    state, generation, mask = None, None, 0
    for kind, body in facts:
        if kind == _SETTLED:
            told = json.loads(body)
            mask |= 1 << told["seq"] if told["seq"] < UNDO and told["state"] in _DONE else 0
        elif (after := _NEXT[kind]) is None:
            told = json.loads(body)
            state, generation = OrderState(told["state"]), told["generation"]
        else:
            state = after
    return state, generation, mask


CHECKS = (
    Check("I6", "each line is as restricted as it is to be, or an order is on its way", _restrictions, _unreached),
    Check("I12", "an order is what its facts make of it", _orders, _unfolded),
)
