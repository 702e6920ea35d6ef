"""Every query on debts and what was done about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.dunning.machine import LIVE
from bss.dunning.model import DunningAct, DunningCase, DunningCaseId
from kernel.ids import TenantId
from kernel.work import SystemWork, Work

_FRESH = {"populate_existing": True}
"""A row that was waited for is read as it is now."""


def case(work: Work, case_id: DunningCaseId) -> DunningCase | None:
    """A case."""
    return work.session.get(DunningCase, (work.tenant, case_id))


def locked(work: Work, case_id: DunningCaseId) -> DunningCase | None:
    """A case, held until this Work ends."""
    return work.session.scalars(
        sa.select(DunningCase).where(DunningCase.tenant == work.tenant, DunningCase.id == case_id).with_for_update(),
        execution_options=_FRESH,
    ).first()


def latest(work: Work, account_id: AccountId) -> DunningCase | None:
    """An account's latest case."""
    return work.session.scalars(_latest(work, account_id)).first()


def locked_latest(work: Work, account_id: AccountId) -> DunningCase | None:
    """The same, held until this Work ends."""
    return work.session.scalars(_latest(work, account_id).with_for_update(), execution_options=_FRESH).first()


def _latest(work: Work, account_id: AccountId) -> sa.Select[DunningCase]:
    return (
        sa.select(DunningCase)
        .where(DunningCase.tenant == work.tenant, DunningCase.account_id == account_id)
        .order_by(DunningCase.id.desc())
        .limit(1)
    )


def cases(work: Work, *, account_id: AccountId | None, live: bool, limit: int) -> Sequence[DunningCase]:
    """Cases, newest first, of one account or of all; only live ones if asked."""
    query = sa.select(DunningCase).where(DunningCase.tenant == work.tenant)
    if account_id is not None:
        query = query.where(DunningCase.account_id == account_id)
    if live:
        query = query.where(DunningCase.state.in_(LIVE))
    return work.session.scalars(query.order_by(DunningCase.id.desc()).limit(limit)).all()


def acts(work: Work, case_id: DunningCaseId) -> Sequence[DunningAct]:
    """Everything a case did, oldest first."""
    return work.session.scalars(
        sa.select(DunningAct)
        .where(DunningAct.tenant == work.tenant, DunningAct.case_id == case_id)
        .order_by(DunningAct.id)
    ).all()


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, DunningCaseId]]:
    """The cases of all tenants whose next rung, or whose pause's end, has come."""
    rows = work.session.execute(
        sa.select(DunningCase.tenant, DunningCase.id)
        .where(DunningCase.next_at.is_not(None), DunningCase.next_at <= now)
        .order_by(DunningCase.next_at)
        .limit(limit)
    )
    return [(tenant, case_id) for tenant, case_id in rows]


def next_due(work: SystemWork) -> datetime | None:
    """When the next case of any tenant is due."""
    return work.session.scalar(
        sa.select(DunningCase.next_at).where(DunningCase.next_at.is_not(None)).order_by(DunningCase.next_at).limit(1)
    )
