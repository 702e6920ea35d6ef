"""A bulk job and its rows: the rows are the truth, the job counts them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from bss.ordering.bulk.machine import BulkState, RowState
from bss.ordering.model import ProductOrderId
from bss.subscriptions.model import SubscriptionId
from kernel.ids import Id
from kernel.tables import Base, Tenanted
from oss.orders.model import OrderId


class BulkJobId(Id, prefix="blk"):
    """One change of many lines."""


class BulkVerb(StrEnum):
    """What a job does to each of its lines; reinstate takes a termination back and comes of an undo alone."""

    ACTIVATE = "activate"
    RESTRICT = "restrict"
    LIFT = "lift"
    CHANGE = "change"
    TERMINATE = "terminate"
    REINSTATE = "reinstate"


class BulkJob(Tenanted, Base):
    """One verb for many lines; `defaults` are the columns that its file left out.

    `next_at` is when it is looked at again, None when nothing of it moves; `needs_approval` says that it is held for a
    second person; `forgiven` of `forgiven_of` ended rows had fallen out when a person let a held job go on.
    """

    __tablename__ = "bulk_job"
    __table_args__ = (
        Index(
            "ix_bulk_job_next_at",
            "next_at",
            sqlite_where=text("next_at IS NOT NULL"),
            postgresql_where=text("next_at IS NOT NULL"),
        ),
        Index("uq_bulk_job_key", "tenant", "key", unique=True),
    )
    id: Mapped[BulkJobId] = mapped_column(primary_key=True)
    verb: Mapped[BulkVerb]
    state: Mapped[BulkState]
    file: Mapped[str]
    key: Mapped[str | None]
    defaults: Mapped[dict[str, Any]]
    skip_bad: Mapped[bool]
    undo_of: Mapped[BulkJobId | None]
    submitted_by: Mapped[str]
    submitted_at: Mapped[datetime]
    needs_approval: Mapped[bool] = mapped_column(default=False)
    approved_by: Mapped[str | None]
    approved_until: Mapped[datetime | None]
    reason: Mapped[str | None]
    next_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    canary: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    acknowledged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    in_progress: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    completed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
    forgiven: Mapped[int] = mapped_column(default=0)
    forgiven_of: Mapped[int] = mapped_column(default=0)


class BulkRow(Tenanted, Base):
    """One line of a file and what became of it; `subject` is what no second row of the job may be about.

    `before` is what an undo needs to know of the line as it was.
    """

    __tablename__ = "bulk_row"
    __table_args__ = (
        Index("ix_bulk_row_state", "tenant", "job_id", "state", "number"),
        Index("uq_bulk_row_subject", "tenant", "job_id", "subject", unique=True),
    )
    job_id: Mapped[BulkJobId] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str | None]
    columns: Mapped[dict[str, Any]]
    state: Mapped[RowState]
    subscription_id: Mapped[SubscriptionId | None]
    service_order_id: Mapped[OrderId | None]
    product_order_id: Mapped[ProductOrderId | None]
    before: Mapped[list[Any] | None]
    error: Mapped[str | None]
