"""What is to be told to a customer, and whether it was."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from bss.customers.model import AccountId
from bss.notices.machine import NoticeState
from kernel.ids import Id
from kernel.tables import Base, Tenanted

_QUEUED = sql(f"state = '{NoticeState.QUEUED}'")


class NoticeId(Id, prefix="ntc"):
    """One notice."""


class Notice(Tenanted, Base):
    """One message, worded when it was decided; `dedup` keeps the same one from being sent twice.

    It goes to an account, or (without one) to the house's own people.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("tenant", "dedup"),
        Index("ix_notice_account", "tenant", "account_id", "id"),
        Index("ix_notice_queued", "retry_at", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
    )
    id: Mapped[NoticeId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId | None]
    template: Mapped[str]
    params: Mapped[dict[str, Any]]
    address: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    state: Mapped[NoticeState]
    dedup: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime]
    error: Mapped[str | None]
    queued_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
