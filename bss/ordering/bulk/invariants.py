"""What doctor asks of bulk jobs: I15, bulk rows add up."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import sqlalchemy as sa

from bss.ordering.bulk.machine import BulkState, RowState
from bss.ordering.bulk.model import BulkJob, BulkRow
from bss.ordering.bulk.stepping import COUNTERS
from kernel.doctor import SHOWN, Check
from kernel.work import SystemWork
from oss.orders.machine import OrderState
from oss.orders.model import ServiceOrder

_OVER = (BulkState.COMPLETED, BulkState.PARTIAL)
_FETCH = 1_000
"""Rows read at a time."""


def _rows(work: SystemWork) -> int:
    return work.session.scalar(sa.select(sa.func.count()).select_from(BulkRow)) or 0


def _wrong(work: SystemWork) -> list[str]:
    return list(islice(_differing(work), SHOWN))


def _differing(work: SystemWork) -> Iterator[str]:
    """Jobs whose counts are not those of their rows, or that ended too early; rows whose order says otherwise."""
    counted: dict[tuple[int, int], dict[RowState, int]] = {}
    grouped = sa.select(BulkRow.tenant, BulkRow.job_id, BulkRow.state, sa.func.count())
    for tenant, job_id, state, count in work.session.execute(
        grouped.group_by(BulkRow.tenant, BulkRow.job_id, BulkRow.state)
    ):
        counted.setdefault((tenant, job_id), {})[state] = count
    for job in work.session.scalars(sa.select(BulkJob).order_by(BulkJob.id)):
        yield from _of_job(job, counted.get((job.tenant, job.id), {}))
    yield from _of_rows(work)


def _of_job(job: BulkJob, counted: dict[RowState, int]) -> Iterator[str]:
    told = {state: getattr(job, name) for state, name in COUNTERS.items()}
    wrong = [f"{told[s]} {s} and has {counted.get(s, 0)}" for s in RowState if told[s] != counted.get(s, 0)]
    if wrong:
        yield f"{job.tenant}: {job.id} says {', '.join(wrong)}"
    if sum(counted.values()) != job.total:
        yield f"{job.tenant}: {job.id} took {job.total} rows in and has {sum(counted.values())}"
    left = counted.get(RowState.ACKNOWLEDGED, 0)
    if left and job.state in (*_OVER, BulkState.CANCELLED):
        yield f"{job.tenant}: {job.id} is {job.state} and {left} rows still wait"


def _of_rows(work: SystemWork) -> Iterator[str]:
    """A completed row whose order is not; one under way without an order."""
    on = sa.and_(ServiceOrder.tenant == BulkRow.tenant, ServiceOrder.id == BulkRow.service_order_id)
    ends = (OrderState.COMPLETED, OrderState.CANCELLED)
    query = sa.select(BulkRow.tenant, BulkRow.job_id, BulkRow.number, BulkRow.state, ServiceOrder.state)
    claimed = sa.and_(BulkRow.state == RowState.COMPLETED, BulkRow.service_order_id.is_not(None))
    for tenant, job_id, number, state, order in work.session.execute(
        query.join(ServiceOrder, on).where(claimed, ServiceOrder.state.not_in(ends)).execution_options(yield_per=_FETCH)
    ):
        yield f"{tenant}: row {number} of {job_id} is {state} and its order is {order}"
    lost = (
        BulkRow.state == RowState.IN_PROGRESS,
        BulkRow.service_order_id.is_(None),
        BulkRow.product_order_id.is_(None),
    )
    for tenant, job_id, number in work.session.execute(
        sa.select(BulkRow.tenant, BulkRow.job_id, BulkRow.number).where(*lost)
    ):
        yield f"{tenant}: row {number} of {job_id} is under way without an order"


CHECKS = (Check("I15", "bulk rows add up to their job and to their orders", _rows, _wrong),)
