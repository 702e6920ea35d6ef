"""Whom we remind, how far up the ladder, and everything that was done about it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from bss.customers.model import AccountId
from bss.dunning.machine import CaseState
from bss.ledger.model import SellerId
from bss.notices.model import NoticeId
from bss.subscriptions.model import SubscriptionId
from kernel.ids import Id
from kernel.tables import Base, Tenanted

_DUE = sql("next_at IS NOT NULL")


class DunningCaseId(Id, prefix="dun"):
    """One debt followed up the ladder."""


class DunningActId(Id, prefix="dac"):
    """One thing done about a debt."""


class Do(StrEnum):
    """What a rung does: a letter, a soft bar, a hard restriction, the end."""

    REMIND = "remind"
    SOFT = "soft"
    HARD = "hard"
    TERMINATE = "terminate"


class Deed(StrEnum):
    """What was done: what a rung does, and the lifting of it."""

    REMIND = "remind"
    SOFT = "soft"
    HARD = "hard"
    TERMINATE = "terminate"
    LIFT = "lift"


class DunningCase(Tenanted, Base):
    """One account's debt to one seller in one currency; `rung` counts the rungs of the pinned ladder already climbed.

    `next_at` is when the next rung is due or, while paused, when the pause ends; None when nothing is due.
    """

    __tablename__ = "dunning_case"
    __table_args__ = (
        Index("ix_dunning_case_account", "tenant", "account_id", "id"),
        Index("ix_dunning_case_next", "next_at", sqlite_where=_DUE, postgresql_where=_DUE),
        Index(
            "uq_dunning_case_live",
            *("tenant", "account_id", "seller_id", "currency"),
            unique=True,
            sqlite_where=sql(f"state <> '{CaseState.CURED}'"),
            postgresql_where=sql(f"state <> '{CaseState.CURED}'"),
        ),
    )
    id: Mapped[DunningCaseId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId]
    seller_id: Mapped[SellerId]
    currency: Mapped[str]
    ladder: Mapped[str]
    ladder_hash: Mapped[str]
    state: Mapped[CaseState]
    rung: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    climbed_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    ended_at: Mapped[datetime | None]


class DunningAct(Tenanted, Base):
    """One deed of a case: a letter (`notice_id`), or what befell one subscription; append-only."""

    __tablename__ = "dunning_act"
    __table_args__ = (
        Index("ix_dunning_act_case", "tenant", "case_id", "id"),
        Index("ix_dunning_act_subscription", "tenant", "subscription_id", "id"),
    )
    id: Mapped[DunningActId] = mapped_column(primary_key=True)
    case_id: Mapped[DunningCaseId]
    rung: Mapped[int]
    deed: Mapped[Deed]
    subscription_id: Mapped[SubscriptionId | None]
    notice_id: Mapped[NoticeId | None]
    owed_minor: Mapped[int]
    currency: Mapped[str]
    at: Mapped[datetime]
