"""The queries of bulk jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bss.ordering.bulk.machine import RowState
from bss.ordering.bulk.model import BulkJob, BulkJobId, BulkRow
from bss.ordering.machine import ProductOrderState
from bss.ordering.model import ProductOrder
from kernel.ids import TenantId
from kernel.work import SystemWork, Work
from oss.orders.machine import OrderState
from oss.orders.model import ServiceOrder

CHUNK = 500
"""Values in one statement."""


def job(work: Work, job_id: BulkJobId) -> BulkJob | None:
    """One job."""
    return work.session.get(BulkJob, (work.tenant, job_id))


def locked(work: Work, job_id: BulkJobId) -> BulkJob | None:
    """One job whose row nobody else may change until the commit."""
    work.flush()
    query = sa.select(BulkJob).where(BulkJob.tenant == work.tenant, BulkJob.id == job_id)
    return work.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


def by_key(work: Work, key: str) -> BulkJob | None:
    """The job that was made under a key."""
    query = sa.select(BulkJob).where(BulkJob.tenant == work.tenant, BulkJob.key == key)
    return work.session.scalars(query).one_or_none()


def undo_of(work: Work, job_id: BulkJobId) -> BulkJob | None:
    """The job that undoes another."""
    query = sa.select(BulkJob).where(BulkJob.tenant == work.tenant, BulkJob.undo_of == job_id)
    return work.session.scalars(query.order_by(BulkJob.id.desc()).limit(1)).one_or_none()


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, BulkJobId]]:
    """Jobs that are to be looked at, the longest waiting first."""
    query = sa.select(BulkJob.tenant, BulkJob.id).where(BulkJob.next_at.is_not(None), BulkJob.next_at <= now)
    return [(tenant, number) for tenant, number in work.session.execute(query.order_by(BulkJob.next_at).limit(limit))]


def next_due(work: SystemWork) -> datetime | None:
    """When the next job is to be looked at."""
    query = sa.select(BulkJob.next_at).where(BulkJob.next_at.is_not(None)).order_by(BulkJob.next_at).limit(1)
    return work.session.scalars(query).first()


# ---- rows


def rows(
    work: Work, job_id: BulkJobId, states: Collection[RowState], *, after: int = 0, limit: int = CHUNK
) -> list[BulkRow]:
    """The rows of a job in some states, by line number."""
    mine = (BulkRow.tenant == work.tenant, BulkRow.job_id == job_id, BulkRow.number > after)
    query = sa.select(BulkRow).where(*mine, BulkRow.state.in_(states)).order_by(BulkRow.number).limit(limit)
    return list(work.session.scalars(query.execution_options(populate_existing=True)))


def numbered(work: Work, job_id: BulkJobId, wanted: Sequence[int]) -> list[BulkRow]:
    """The rows of those line numbers, apart from the session: they are written by `write`."""
    mine = (BulkRow.tenant == work.tenant, BulkRow.job_id == job_id)
    found: list[BulkRow] = []
    for start in range(0, len(wanted), CHUNK):
        some = BulkRow.number.in_(wanted[start : start + CHUNK])
        found += work.session.scalars(sa.select(BulkRow).where(*mine, some).execution_options(populate_existing=True))
    for row in found:
        work.session.expunge(row)
    return found


def subjects(work: Work, job_id: BulkJobId, wanted: Sequence[str]) -> dict[str, int]:
    """Which of those subjects a job has a row about already, and in which line."""
    found: dict[str, int] = {}
    for start in range(0, len(wanted), CHUNK):
        mine = (BulkRow.tenant == work.tenant, BulkRow.job_id == job_id)
        some = BulkRow.subject.in_(wanted[start : start + CHUNK])
        rows = work.session.execute(sa.select(BulkRow.subject, BulkRow.number).where(*mine, some))
        found |= {str(subject): number for subject, number in rows}
    return found


def lines(work: Work, job_id: BulkJobId, wanted: Sequence[int]) -> set[int]:
    """Which of those line numbers a job has a row of already."""
    mine = (BulkRow.tenant == work.tenant, BulkRow.job_id == job_id)
    found: set[int] = set()
    for start in range(0, len(wanted), CHUNK):
        some = BulkRow.number.in_(wanted[start : start + CHUNK])
        found |= set(work.session.scalars(sa.select(BulkRow.number).where(*mine, some)))
    return found


def add(work: Work, made: Iterable[Mapping[str, Any]]) -> None:
    """New rows."""
    if wanted := list(made):
        work.connection.execute(sa.insert(BulkRow), wanted)


_CHANGE = (
    sa.update(BulkRow)
    .where(
        BulkRow.tenant == sa.bindparam("of_tenant"),
        BulkRow.job_id == sa.bindparam("of_job"),
        BulkRow.number == sa.bindparam("of_number"),
    )
    .values(
        {
            name: sa.bindparam(f"new_{name}")
            for name in ("state", "subscription_id", "service_order_id", "product_order_id", "before", "error")
        }
    )
)


def write(work: Work, changed: Sequence[BulkRow]) -> None:
    """What became of some rows."""
    names = ("state", "subscription_id", "service_order_id", "product_order_id", "before", "error")
    values = [
        {
            "of_tenant": row.tenant,
            "of_job": row.job_id,
            "of_number": row.number,
            **{f"new_{name}": getattr(row, name) for name in names},
        }
        for row in changed
    ]
    if values:
        work.connection.execute(_CHANGE, values)


def cancel_waiting(work: Work, job_id: BulkJobId, *, before: RowState, after: RowState, error: str) -> int:
    """Let every row of one state be of another; how many they were."""
    mine = (BulkRow.tenant == work.tenant, BulkRow.job_id == job_id, BulkRow.state == before)
    change = sa.update(BulkRow).where(*mine).values(state=after, error=error)
    return len(work.connection.execute(change.returning(BulkRow.number)).all())


Outcome = tuple[int, str, str | None]
"""line number, the state of its order, its reason"""


def outcomes(work: Work, job_id: BulkJobId, row_state: RowState, *, limit: int) -> list[Outcome]:
    """The rows of one state whose orders are in another state than that of being under way, with their reasons."""
    mine = (BulkRow.tenant == work.tenant, BulkRow.job_id == job_id, BulkRow.state == row_state)
    network = (
        sa.select(BulkRow.number, ServiceOrder.state, ServiceOrder.reason)
        .join(ServiceOrder, sa.and_(ServiceOrder.tenant == BulkRow.tenant, ServiceOrder.id == BulkRow.service_order_id))
        .where(*mine, BulkRow.product_order_id.is_(None))
    )
    sold = (
        sa.select(BulkRow.number, ProductOrder.state, ProductOrder.reason)
        .join(ProductOrder, sa.and_(ProductOrder.tenant == BulkRow.tenant, ProductOrder.id == BulkRow.product_order_id))
        .where(*mine)
    )
    still = (OrderState.HELD,) if row_state is RowState.HELD else _MOVING
    network = network.where(ServiceOrder.state.not_in(still))
    sold = sold.where(ProductOrder.state.not_in([ProductOrderState(str(state)) for state in still]))
    found = [*work.session.execute(network.limit(limit)), *work.session.execute(sold.limit(limit))]
    return [(number, str(state), reason) for number, state, reason in found]


_MOVING = (
    OrderState.ACKNOWLEDGED,
    OrderState.PENDING,
    OrderState.IN_PROGRESS,
    OrderState.ASSESSING_CANCELLATION,
    OrderState.PENDING_CANCELLATION,
)
"""The states of an order under way; a customer's order has the same words."""
