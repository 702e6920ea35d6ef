"""The queries of ordering."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.ordering.model import (
    ProductOrder,
    ProductOrderGate,
    ProductOrderId,
    ProductOrderItem,
    ProductOrderPlan,
    ProductOrderPlanId,
)
from bss.subscriptions.model import SubscriptionId
from kernel.ids import TenantId
from kernel.work import SystemWork, Work
from oss.orders.model import OrderId


def order(work: Work, order_id: ProductOrderId) -> ProductOrder | None:
    """One order."""
    return work.session.get(ProductOrder, (work.tenant, order_id))


def locked(work: Work, order_id: ProductOrderId) -> ProductOrder | None:
    """One order whose row nobody else may change until the commit."""
    statement = sa.select(ProductOrder).where(ProductOrder.tenant == work.tenant, ProductOrder.id == order_id)
    return work.session.scalars(statement.with_for_update().execution_options(populate_existing=True)).one_or_none()


def by_key(work: Work, key: str) -> ProductOrder | None:
    """The order that was submitted under a key."""
    statement = sa.select(ProductOrder).where(ProductOrder.tenant == work.tenant, ProductOrder.key == key)
    return work.session.scalars(statement).one_or_none()


def of_account(work: Work, account_id: AccountId, *, limit: int) -> list[ProductOrder]:
    """An account's latest orders, the newest first."""
    statement = sa.select(ProductOrder).where(ProductOrder.tenant == work.tenant, ProductOrder.account_id == account_id)
    return list(work.session.scalars(statement.order_by(ProductOrder.id.desc()).limit(limit)))


def items(work: Work, order_id: ProductOrderId) -> list[ProductOrderItem]:
    """An order's items as submitted."""
    statement = sa.select(ProductOrderItem).where(
        ProductOrderItem.tenant == work.tenant, ProductOrderItem.order_id == order_id
    )
    return list(work.session.scalars(statement.order_by(ProductOrderItem.number)))


def items_of(work: Work, subscription_id: SubscriptionId) -> list[ProductOrderItem]:
    """Every item that was ever about a subscription, oldest first."""
    statement = sa.select(ProductOrderItem).where(
        ProductOrderItem.tenant == work.tenant, ProductOrderItem.subscription_id == subscription_id
    )
    return list(work.session.scalars(statement.order_by(ProductOrderItem.order_id, ProductOrderItem.number)))


def item_of(work: Work, service_order_id: OrderId) -> ProductOrderItem | None:
    """The item that a service order was placed for."""
    statement = sa.select(ProductOrderItem).where(
        ProductOrderItem.tenant == work.tenant, ProductOrderItem.service_order_id == service_order_id
    )
    return work.session.scalars(statement).one_or_none()


def gates(work: Work, order_id: ProductOrderId) -> list[ProductOrderGate]:
    """The gates of an order."""
    statement = sa.select(ProductOrderGate).where(
        ProductOrderGate.tenant == work.tenant, ProductOrderGate.order_id == order_id
    )
    return list(work.session.scalars(statement.order_by(ProductOrderGate.name)))


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, ProductOrderId]]:
    """Orders with a gate whose deadline has passed, the longest overdue first."""
    statement = (
        sa.select(ProductOrderGate.tenant, ProductOrderGate.order_id)
        .where(ProductOrderGate.deadline.is_not(None), ProductOrderGate.deadline <= now)
        .order_by(ProductOrderGate.deadline)
        .limit(limit)
    )
    return [(tenant, order_id) for tenant, order_id in work.session.execute(statement)]


def next_due(work: SystemWork) -> datetime | None:
    """The earliest deadline of a gate that is still shut."""
    statement = sa.select(ProductOrderGate.deadline).where(ProductOrderGate.deadline.is_not(None))
    return work.session.scalars(statement.order_by(ProductOrderGate.deadline).limit(1)).first()


# ---- plans


def plan(work: Work, plan_id: ProductOrderPlanId) -> ProductOrderPlan | None:
    """A plan, held until this Work ends."""
    return _plan(work, ProductOrderPlan.id == plan_id)


def plan_by_checksum(work: Work, checksum: str) -> ProductOrderPlan | None:
    """The plan with that checksum, held until this Work ends, so that it is submitted once."""
    return _plan(work, ProductOrderPlan.checksum == checksum)


def _plan(work: Work, which: sa.ColumnElement[bool]) -> ProductOrderPlan | None:
    statement = sa.select(ProductOrderPlan).where(ProductOrderPlan.tenant == work.tenant, which)
    return work.session.scalars(statement.with_for_update().execution_options(populate_existing=True)).one_or_none()


def plans_due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, ProductOrderPlanId]]:
    """Plans that are over, the oldest first."""
    statement = sa.select(ProductOrderPlan.tenant, ProductOrderPlan.id).where(ProductOrderPlan.until <= now)
    rows = work.session.execute(statement.order_by(ProductOrderPlan.until).limit(limit))
    return [(tenant, plan_id) for tenant, plan_id in rows]


def next_plan_due(work: SystemWork) -> datetime | None:
    """When the first plan is over."""
    return work.session.scalars(sa.select(ProductOrderPlan.until).order_by(ProductOrderPlan.until).limit(1)).first()
