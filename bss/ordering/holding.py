"""An order planned before it is submitted: what it would use is held for a while, and all it rests on is summed up.

A submission under the plan's checksum uses what is held, unless something it rests on has changed meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from bss.ordering import planning, store
from bss.ordering.model import ProductOrderPlan, ProductOrderPlanId
from bss.ordering.request import CHECKSUM_LENGTH, SubmitRequest
from bss.subscriptions.model import SubscriptionId
from kernel import versions
from kernel.errors import Conflict, NotFound
from kernel.ids import TenantId
from kernel.work import SystemWork, Work
from oss.inventory import holds
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.model import ServiceId
from oss.inventory.service import RESERVATION
from oss.orders.footprint import Footprint, footprint
from oss.orders.model import OrderId

HOLD = timedelta(minutes=15)
"""How long a plan keeps what somebody else could take: as long as a person looks at it."""
NAMED = 5
"""Changes that a refusal names at most."""
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
AGAIN = "plan it again and look at what it prints"


@dataclass(frozen=True, slots=True)
class Held:
    """The ids that an item of a planned order is submitted under, so that its commands are those that were shown."""

    subscription_id: SubscriptionId
    service_id: ServiceId
    service_order_id: OrderId

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Held:
        """From its stored form."""
        return cls(
            SubscriptionId(document["subscription_id"]),
            ServiceId(document["service_id"]),
            OrderId(document["service_order_id"]),
        )


# ---- planning


def hold(work: Work, request: SubmitRequest) -> ProductOrderPlan:
    """Hold all that an order would reserve, for 15 minutes. Raises what its submission would raise."""
    if store.by_key(work, request.key) is not None:
        raise Conflict(f"{request.key!r} was used for an order", field="key", fix="plan it under another key")
    planned, until = planning.plan(work, request), work.now + HOLD
    held = [_held(work, line, until=until) for line in planned.lines]
    work.flush()
    plan_id, found = ProductOrderPlanId.new(), _footprint(work, request, planned, held)
    row = ProductOrderPlan(
        tenant=work.tenant,
        id=plan_id,
        account_id=request.account_id,
        checksum=versions.digest({"plan": str(plan_id), **found})[:CHECKSUM_LENGTH],
        body_hash=request.body_hash(),
        items=[asdict(each) for each in held],
        footprint=found,
        planned_by=work.actor.name,
        planned_at=work.now,
        until=until,
    )
    work.session.add(row)
    work.audit("order.planned", plan_id, {"account": str(request.account_id), "checksum": row.checksum})
    return row


def _held(work: Work, line: planning.Line, *, until: datetime) -> Held:
    if line.subscription is not None:
        return Held(line.subscription.id, line.subscription.service_id, OrderId.new())
    subscription_id = SubscriptionId.new()
    return Held(subscription_id, planning.reserved(work, line, subscription_id, until=until), OrderId.new())


def items(plan: ProductOrderPlan) -> list[Held]:
    """What is held for each item, in the order of the request."""
    return [Held.of(document) for document in plan.items]


def _footprint(work: Work, request: SubmitRequest, planned: planning.Plan, held: Sequence[Held]) -> Footprint:
    account = planned.account
    found = {
        "order": request.body_hash(),
        f"parking of {account.id}": account.parked_reason or "none",
        "owed at once before tax": str(planned.estimate.net),
        "tax on what is owed at once": str(planned.estimate.tax),
    }
    for line, each in zip(planned.lines, held, strict=True):
        found[f"offering {line.offering.code}"] = line.offering.hash
        for price in line.offering.prices:
            found[f"price {price.code} of {line.offering.code}"] = f"{price.amount} {price.currency}"
        if line.subscription is not None:
            found[f"state of {line.subscription.id}"] = str(line.subscription.state)
        found |= footprint(work, each.service_id)
    return found


# ---- submitting


def claim(work: Work, request: SubmitRequest, planned: planning.Plan) -> list[Held]:
    """What was held for a planned order, now held for its submission; empty when it was not planned.

    Raises NotFound for a plan that is gone, Conflict for one that is over, for another order, or stale: it names what
    has changed.
    """
    if request.plan is None:
        return []
    row = store.plan_by_checksum(work, request.plan)
    if row is None:
        raise NotFound(f"no plan {request.plan}", field="plan", fix="plan it again: a plan is kept for 15 minutes")
    if row.body_hash != request.body_hash():
        raise Conflict("the plan is for another order", field="plan", fix="submit what was planned, or plan this one")
    if row.until <= work.now:
        raise Conflict(f"the plan was kept until {row.until}", field="plan", fix=AGAIN)
    held = items(row)
    _check(row.footprint, _footprint(work, request, planned, held))
    for line, each in zip(planned.lines, held, strict=True):
        if line.subscription is None:
            holds.prolong(work, each.service_id, until=work.now + RESERVATION)
    work.session.delete(row)
    return held


def _check(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    names = [name for name in sorted({**before, **now}) if before.get(name) != now.get(name)]
    if not names:
        return
    told = [f"{name} was {_short(before.get(name))}, is {_short(now.get(name))}" for name in names[:NAMED]]
    more = f"; and {len(names) - NAMED} more" if len(names) > NAMED else ""
    raise Conflict(f"the plan is stale: {'; '.join(told)}{more}", field="plan", fix=AGAIN)


def _short(value: str | None) -> str:
    return "not there" if value is None else _HASH.sub(lambda found: found[0][:12], value)


# ---- letting go


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, ProductOrderPlanId]]:
    """Plans that nobody submitted in time; give each to `let_go`."""
    return store.plans_due(work, now, limit)


def next_due(work: SystemWork) -> datetime | None:
    """When the next plan is over."""
    return store.next_plan_due(work)


def let_go(work: Work, plan_id: ProductOrderPlanId) -> bool:
    """Forget a plan and give back what is still held for it; False when it is gone already."""
    row = store.plan(work, plan_id)
    if row is None:
        return False
    for each in items(row):
        service = inventory.get(work, each.service_id)
        if service.state is ServiceState.RESERVED and service.generation == 0:
            inventory.release(work, service.id)
    work.session.delete(row)
    return True
