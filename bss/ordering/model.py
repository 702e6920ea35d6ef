"""A customer's order, its items with the prices frozen at submission, and the gates it waits at."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from bss.customers.model import AccountId
from bss.ordering.machine import ProductOrderState
from bss.subscriptions.model import SubscriptionId
from kernel.ids import Id
from kernel.tables import Base, Tenanted
from oss.inventory.model import ServiceId
from oss.orders.model import OnError, OrderId, Priority


class ProductOrderId(Id, prefix="por"):
    """One order of one account."""


class ProductOrderPlanId(Id, prefix="pop"):
    """One order that was planned and not submitted."""


class Action(StrEnum):
    """What an item asks for (the words of TMF622)."""

    ADD = "add"
    MODIFY = "modify"
    DELETE = "delete"
    NO_CHANGE = "noChange"


JOINED = (Action.ADD, Action.MODIFY)
"""The items of an atomic order that complete, or are taken back, together."""


class ProductOrder(Tenanted, Base):
    """A request for change; `key` makes its submission repeatable, `body_hash` says what was submitted under it."""

    __tablename__ = "product_order"
    __table_args__ = (
        Index("uq_product_order_key", "tenant", "key", unique=True),
        Index("ix_product_order_account", "tenant", "account_id", "id"),
    )
    id: Mapped[ProductOrderId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId]
    state: Mapped[ProductOrderState]
    atomic: Mapped[bool]
    method_id: Mapped[str | None]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    priority: Mapped[int] = mapped_column(default=Priority.INTERACTIVE)
    key: Mapped[str]
    body_hash: Mapped[str]
    submitted_by: Mapped[str]
    submitted_at: Mapped[datetime]
    start_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class ProductOrderItem(Tenanted, Base):
    """One line's part of an order; it becomes one ServiceOrder for one service.

    `service_order_id` is known before that order is placed when the item was planned; `on_error` is what happens
    when a step of it fails.
    """

    __tablename__ = "product_order_item"
    __table_args__ = (
        Index("ix_product_order_item_service_order", "tenant", "service_order_id"),
        Index("ix_product_order_item_subscription", "tenant", "subscription_id", "order_id", "number"),
    )
    order_id: Mapped[ProductOrderId] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[Action]
    state: Mapped[ProductOrderState]
    offering: Mapped[str]
    offering_hash: Mapped[str]
    prices: Mapped[list[Any]]
    quantity: Mapped[int]
    subscription_id: Mapped[SubscriptionId]
    service_id: Mapped[ServiceId]
    service_order_id: Mapped[OrderId | None]
    on_error: Mapped[OnError]
    reason: Mapped[str | None]


class ProductOrderGate(Tenanted, Base):
    """Something an order waits for before the network is asked; `deadline` is None once it was opened or closed.

    The `start` gate opens by itself at its deadline; any other that is shut then ends the order.
    """

    __tablename__ = "product_order_gate"
    __table_args__ = (
        Index(
            "ix_product_order_gate_deadline",
            "deadline",
            sqlite_where=text("deadline IS NOT NULL"),
            postgresql_where=text("deadline IS NOT NULL"),
        ),
    )
    order_id: Mapped[ProductOrderId] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    deadline: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class ProductOrderPlan(Tenanted, Base):
    """An order that was planned: what it rests on, and what is held for its items until it is submitted or over."""

    __tablename__ = "product_order_plan"
    __table_args__ = (
        Index("uq_product_order_plan_checksum", "tenant", "checksum", unique=True),
        Index("ix_product_order_plan_until", "until"),
    )
    id: Mapped[ProductOrderPlanId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId]
    checksum: Mapped[str]
    body_hash: Mapped[str]
    items: Mapped[list[Any]]
    footprint: Mapped[dict[str, Any]]
    planned_by: Mapped[str]
    planned_at: Mapped[datetime]
    until: Mapped[datetime]
