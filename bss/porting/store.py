"""The queries of porting."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from bss.ordering.model import ProductOrderId
from bss.porting.machine import OPEN
from bss.porting.model import NumberPort
from bss.porting.port import PortId
from bss.subscriptions.model import SubscriptionId
from kernel.ids import TenantId
from kernel.work import SystemWork, Work


def locked(work: Work, port_id: PortId) -> NumberPort | None:
    """One port whose row nobody else may change until the commit."""
    query = sa.select(NumberPort).where(NumberPort.tenant == work.tenant, NumberPort.id == port_id)
    return work.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


def open_of(work: Work, number: str) -> NumberPort | None:
    """The open port of a number."""
    mine = (NumberPort.tenant == work.tenant, NumberPort.number == number, NumberPort.state.in_(OPEN))
    return work.session.scalars(sa.select(NumberPort).where(*mine)).one_or_none()


def of_order(work: Work, order_id: ProductOrderId) -> NumberPort | None:
    """The port that an order was placed for."""
    query = sa.select(NumberPort).where(NumberPort.tenant == work.tenant, NumberPort.order_id == order_id)
    return work.session.scalars(query).one_or_none()


def of_subscription(work: Work, subscription_id: SubscriptionId) -> NumberPort | None:
    """The open port out of a line."""
    mine = (NumberPort.tenant == work.tenant, NumberPort.subscription_id == subscription_id)
    return work.session.scalars(sa.select(NumberPort).where(*mine, NumberPort.state.in_(OPEN))).one_or_none()


def asked(work: SystemWork, limit: int) -> list[NumberPort]:
    """What the clearing house is to be asked now."""
    query = sa.select(NumberPort).where(NumberPort.ask.is_not(None)).order_by(NumberPort.id)
    return list(work.session.scalars(query.limit(limit)))


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, PortId]]:
    """Ports whose next step has fallen due."""
    ripe = (NumberPort.next_at.is_not(None), NumberPort.next_at <= now)
    query = sa.select(NumberPort.tenant, NumberPort.id).where(*ripe).order_by(NumberPort.next_at)
    return [(tenant, port_id) for tenant, port_id in work.session.execute(query.limit(limit))]


def next_due(work: SystemWork) -> datetime | None:
    """The earliest instant at which a step falls due."""
    return work.session.scalar(sa.select(sa.func.min(NumberPort.next_at)).where(NumberPort.next_at.is_not(None)))
