"""By when an order was promised: one that is still open shortly before is in jeopardy, and somebody hears of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from kernel.errors import Conflict, Invalid
from kernel.ids import TenantId
from kernel.work import SystemWork, Work
from oss.inventory import alarms
from oss.inventory.model import AlarmKind
from oss.orders import views
from oss.orders.machine import OPEN_ORDERS
from oss.orders.model import OrderDeadline, OrderId, ServiceOrder

MARGIN = timedelta(minutes=30)
"""So long before its deadline an open order is in jeopardy: time for a person to mend it."""
AGAIN = timedelta(hours=1)
"""How often one that is late is counted again."""
NOWHERE = "order"
"""The element of an alarm about an order none of whose steps is under way."""


def promise(work: Work, order_id: OrderId, *, by: datetime) -> OrderDeadline:
    """Say by when an open order is wanted; a second promise replaces the first. Raises Invalid or Conflict."""
    if by.tzinfo is None:
        raise Invalid("an instant needs its offset", field="by", fix="as in 2026-07-01T12:00:00+02:00")
    if by <= work.now:
        raise Invalid(f"{by.isoformat()} is over", field="by", fix="give a later instant")
    order = views.get(work, order_id)
    if order.state not in OPEN_ORDERS:
        raise Conflict(f"{order_id} is {order.state}", field="order_id", fix="only an open order has a deadline")
    row = _row(work, order_id)
    if row is None:
        row = OrderDeadline(tenant=work.tenant, order_id=order_id)
        work.session.add(row)
    row.wanted_by, row.look_at = by, max(work.now, by - MARGIN)
    work.audit("order.promised", order_id, {"by": by.isoformat()})
    return row


def of(work: Work, order_id: OrderId) -> datetime | None:
    """By when an order was promised."""
    row = _row(work, order_id)
    return None if row is None else row.wanted_by


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, OrderId]]:
    """Orders to be looked at now; give each to `look`."""
    ripe = (OrderDeadline.look_at.is_not(None), OrderDeadline.look_at <= now)
    rows = work.session.execute(
        sa.select(OrderDeadline.tenant, OrderDeadline.order_id)
        .where(*ripe)
        .order_by(OrderDeadline.look_at)
        .limit(limit)
    )
    return [(tenant, order_id) for tenant, order_id in rows]


def next_due(work: SystemWork) -> datetime | None:
    """When the next one is to be looked at."""
    waiting = sa.select(OrderDeadline.look_at).where(OrderDeadline.look_at.is_not(None))
    return work.session.scalar(waiting.order_by(OrderDeadline.look_at).limit(1))


def look(work: Work, order_id: OrderId) -> bool:
    """Raise the alarm of an order that is still open, clear that of one that has ended; whether it is open."""
    row = _row(work, order_id)
    if row is None or row.look_at is None or row.look_at > work.now:
        return False
    order = views.get(work, order_id)
    if order.state not in OPEN_ORDERS:
        row.look_at = None
        for element, key in alarms.stand(work, AlarmKind.JEOPARDY, tenant=work.tenant):
            if key == str(order_id):
                alarms.clear(work, AlarmKind.JEOPARDY, element=element, key=key)
        return False
    late = row.wanted_by <= work.now
    row.look_at = work.now + AGAIN if late else row.wanted_by
    wanted = f"{'was' if late else 'is'} wanted by {row.wanted_by:%d %b %H:%M} UTC"
    said = f"{order_id} ({order.verb}) is {order.state} and {wanted}"
    alarms.set_off(work, AlarmKind.JEOPARDY, element=_place(work, order), key=str(order_id), message=said)
    return True


def _place(work: Work, order: ServiceOrder) -> str:
    standing = {key: element for element, key in alarms.stand(work, AlarmKind.JEOPARDY, tenant=work.tenant)}
    if str(order.id) in standing:
        return standing[str(order.id)]
    waiting = [step.element for step in views.steps(work, order.id) if step.state not in views.SETTLED]
    return (waiting[0] if waiting else "") or NOWHERE


def _row(work: Work, order_id: OrderId) -> OrderDeadline | None:
    return work.session.get(OrderDeadline, (work.tenant, order_id))
