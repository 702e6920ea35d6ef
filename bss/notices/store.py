"""Every query on notices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.notices.machine import NoticeState
from bss.notices.model import Notice, NoticeId
from kernel.work import SystemWork, Work

_QUEUED: sa.ColumnElement[str] = sa.literal_column(f"'{NoticeState.QUEUED}'")
"""As a literal, so that the partial index serves the query."""


def notice(work: Work, notice_id: NoticeId) -> Notice | None:
    """A notice, its row held until this Work ends."""
    return work.session.scalars(
        sa.select(Notice).where(Notice.tenant == work.tenant, Notice.id == notice_id).with_for_update()
    ).first()


def same(work: Work, dedup: str) -> Notice | None:
    """The notice that was queued under a key."""
    return work.session.scalars(sa.select(Notice).where(Notice.tenant == work.tenant, Notice.dedup == dedup)).first()


def of_account(work: Work, account_id: AccountId, *, limit: int) -> Sequence[Notice]:
    """An account's notices, newest first."""
    return work.session.scalars(
        sa.select(Notice)
        .where(Notice.tenant == work.tenant, Notice.account_id == account_id)
        .order_by(Notice.id.desc())
        .limit(limit)
    ).all()


def any_queued(work: SystemWork, now: datetime) -> bool:
    """Whether a notice of any tenant may be sent now; asked in a Work that only reads."""
    waiting = sa.exists().where(Notice.state == _QUEUED, Notice.retry_at <= now)
    return bool(work.session.scalar(sa.select(waiting)))


def queued(work: SystemWork, now: datetime, limit: int) -> Sequence[Notice]:
    """Notices of every tenant that may be sent now, longest waiting first."""
    return work.session.scalars(
        sa.select(Notice)
        .where(Notice.state == _QUEUED, Notice.retry_at <= now)
        .order_by(Notice.retry_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def next_send(work: SystemWork) -> datetime | None:
    """When the next queued notice of any tenant is to be sent, on the database's clock."""
    first = sa.select(Notice.retry_at).where(Notice.state == NoticeState.QUEUED)
    return work.session.scalar(first.order_by(Notice.retry_at).limit(1))
