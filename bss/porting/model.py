"""Numbers on their way between operators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from bss.customers.model import AccountId
from bss.ordering.model import ProductOrderId
from bss.porting.machine import OPEN, PortState
from bss.porting.port import Ask, Direction, PortId
from bss.subscriptions.model import SubscriptionId
from kernel.tables import Base, Tenanted

_OPEN = text(f"state IN ({', '.join(repr(str(state)) for state in OPEN)})")
_ASKED = text("ask IS NOT NULL")
_DUE = text("next_at IS NOT NULL")


class NumberPort(Tenanted, Base):
    """One port of one number: `other` is the operator it comes from or goes to, within a window.

    `ask` is what the edge is to put to the clearing house now, `next_at` when the next step falls due; `sent` says
    that a request left us, so that it is looked up before it is sent again. `item` is the line ordered with it.
    """

    __tablename__ = "number_port"
    __table_args__ = (
        Index("uq_number_port_open", "number", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_number_port_asked", "id", sqlite_where=_ASKED, postgresql_where=_ASKED),
        Index("ix_number_port_due", "next_at", sqlite_where=_DUE, postgresql_where=_DUE),
        Index("ix_number_port_order", "tenant", "order_id"),
        Index("ix_number_port_subscription", "tenant", "subscription_id"),
    )
    id: Mapped[PortId] = mapped_column(primary_key=True)
    direction: Mapped[Direction]
    number: Mapped[str]
    other: Mapped[str]
    state: Mapped[PortState]
    window_from: Mapped[datetime]
    window_until: Mapped[datetime]
    account_id: Mapped[AccountId]
    item: Mapped[dict[str, Any] | None]
    order_id: Mapped[ProductOrderId | None]
    subscription_id: Mapped[SubscriptionId | None]
    reference: Mapped[str | None]
    ask: Mapped[Ask | None]
    sent: Mapped[bool]
    next_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
