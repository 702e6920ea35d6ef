"""What moves a job: its rows follow their orders, the next ones are ordered, too much fallout halts it.

A step is one Work, driven by the due rows of the business clock; the rows are the truth, so that whoever takes it up
after a crash goes on where the last committed step ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bss.ordering.bulk import doing, store
from bss.ordering.bulk import service as bulk
from bss.ordering.bulk.machine import BULK_JOB, BULK_ROW, BulkMove, BulkState, RowMove, RowState
from bss.ordering.bulk.model import BulkJob, BulkJobId, BulkRow, BulkVerb
from kernel.ids import TenantId
from kernel.work import SystemWork, Work
from oss.orders import guard
from oss.orders.machine import OrderState

FALLOUT_ONE_IN = 20
"""More than 5 % of what has ended fell out: nothing more is ordered."""
AHEAD = 5_000
"""Rows ordered and not yet ended at most: a pause bites soon, and others' work is not buried."""
CHUNK = {BulkVerb.RESTRICT: 500, BulkVerb.LIFT: 500}
"""Rows ordered in one Work where one statement serves many."""
CHUNK_ALONE = 25
"""The same where each row takes its own: about 100 ms, so that other Works get between."""
LOOK = timedelta(seconds=1)
"""How often a job that waits for the network is looked at."""
STOPPED = timedelta(minutes=1)
"""The same while the kill switch is on."""
FOLLOW = timedelta(hours=1)
"""How often the rows of an ended job that wait for a person are looked at."""

S, R = BulkState, RowState

_MOVES = {
    OrderState.COMPLETED: RowMove.COMPLETE,
    OrderState.PARTIAL: RowMove.FAIL,
    OrderState.FAILED: RowMove.FAIL,
    OrderState.REJECTED: RowMove.FAIL,
    OrderState.CANCELLED: RowMove.CANCEL,
    OrderState.HELD: RowMove.HOLD,
}
_TAKEN_BACK = {OrderState.CANCELLED: RowMove.COMPLETE, OrderState.COMPLETED: RowMove.FAIL}
"""Of a termination that is being taken back, the end is the other way round."""


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, BulkJobId]]:
    """Jobs that are to be looked at; give each to `step`."""
    return store.due(work, now, limit)


def next_due(work: SystemWork) -> datetime | None:
    """When the next job is to be looked at."""
    return store.next_due(work)


def step(work: Work, job_id: BulkJobId) -> None:
    """Let rows follow their orders, then order the next ones if the job may go on."""
    job = store.locked(work, job_id)
    if job is None or job.next_at is None or job.next_at > work.now:
        return
    _follow(work, job)
    if job.state is S.IN_PROGRESS:
        _go_on(work, job)
    else:
        job.next_at = _again(work, job)


def _again(work: Work, job: BulkJob) -> datetime | None:
    """When rows that are still under way are looked at again."""
    if job.in_progress:
        return work.now + LOOK
    return work.now + FOLLOW if job.held else None


# ---- following


def _follow(work: Work, job: BulkJob) -> None:
    """Rows under way, and those that waited for a person, become what their orders have become."""
    for before in (R.IN_PROGRESS, R.HELD):
        if not _count(job, before):
            continue
        told = {
            number: (OrderState(state), reason)
            for number, state, reason in store.outcomes(work, job.id, before, limit=bulk.BATCH)
        }
        rows = store.numbered(work, job.id, sorted(told))
        for row in rows:
            state, reason = told[row.number]
            _move(job, row, _move_of(row, before, state), error=reason)
        store.write(work, rows)


def _move_of(row: BulkRow, before: RowState, state: OrderState) -> RowMove:
    taken_back = row.columns.get("service_order_id")
    if taken_back is not None and taken_back == str(row.service_order_id) and state in _TAKEN_BACK:
        return _TAKEN_BACK[state]
    return _MOVES.get(state, RowMove.RELEASE) if before is R.HELD else _MOVES[state]


def _move(job: BulkJob, row: BulkRow, move: RowMove, *, error: str | None) -> None:
    after = BULK_ROW.after(row.state, move)
    for state, by in ((row.state, -1), (after, 1)):
        setattr(job, COUNTERS[state], _count(job, state) + by)
    row.state, row.error = after, None if after in (R.COMPLETED, R.IN_PROGRESS) else error


COUNTERS = {state: "in_progress" if state is R.IN_PROGRESS else str(state) for state in R}
"""Where a job counts its rows of each state."""


def _count(job: BulkJob, state: RowState) -> int:
    found: int = getattr(job, COUNTERS[state])
    return found


# ---- going on


def _go_on(work: Work, job: BulkJob) -> None:
    if reason := _too_much_fallout(job):
        bulk.hold(work, job, reason, approval=False)
        return
    if not job.acknowledged and not job.in_progress:
        _end(work, job)
        return
    if job.verb in bulk.CUTS and (switch := guard.stopped(work, int(work.tenant))) is not None:
        job.reason, job.next_at = f"the kill switch is on: {switch.why}", work.now + STOPPED
        return
    job.reason, room = None, _room(job)
    if room and job.verb in bulk.CUTS and not guard.approved(work, str(job.id)):
        room, reason = _within(work, job, room)
        if not room:
            bulk.hold(work, job, reason, approval=True)
            return
    if room:
        job = _order(work, job, room)
    waits = job.in_progress and not _room(job)
    job.next_at = work.now + LOOK if waits else work.now


def _within(work: Work, job: BulkJob, room: int) -> tuple[int, str]:
    """How many of so many rows the blast radius lets through without a second person's word, and why not more."""
    if job.approved_by is not None:
        return 0, f"the approval of {job.approved_by} is over: it was good for 24 hours"
    radius = guard.known_radius(work)
    return min(room, radius.left), radius.told(job.acknowledged)


def _too_much_fallout(job: BulkJob) -> str | None:
    """Why a job must not go on: of what ended since a person looked, more than 5 % fell out."""
    fallen, ended = bulk.fallen(job) - job.forgiven, bulk.ended(job) - job.forgiven_of
    enough = ended >= bulk.CANARY_LEAST or not job.in_progress
    if not job.acknowledged or not enough or fallen * FALLOUT_ONE_IN <= ended:
        return None
    where = "canary" if _in_canary(job) else "job"
    return f"{where}: {fallen} of {ended} rows fell out, more than 5 %"


def _in_canary(job: BulkJob) -> bool:
    """Whether rows beyond the first are still to be ordered: a rejected one makes room for another."""
    return _ordered(job) <= job.canary and not job.forgiven_of


def _ordered(job: BulkJob) -> int:
    return job.in_progress + job.completed + job.failed + job.held + job.cancelled


def _room(job: BulkJob) -> int:
    """How many rows may be ordered now: the canary, then nothing before it has ended, then a chunk."""
    ahead = min(CHUNK.get(job.verb, CHUNK_ALONE), AHEAD - job.in_progress, job.acknowledged)
    if job.forgiven_of or _ordered(job) > job.canary:
        return max(0, ahead)
    if _ordered(job) < job.canary:
        return max(0, min(ahead, job.canary - _ordered(job)))
    return 0 if job.in_progress else max(0, ahead)


def _order(work: Work, job: BulkJob, room: int) -> BulkJob:
    """Order the next rows; objects of this session are forgotten when a row is rejected, so the job is read again."""
    work.flush()
    rows = store.rows(work, job.id, (R.ACKNOWLEDGED,), limit=room)
    work.session.expunge_all()
    done = doing.do(work, job, rows)
    again = store.locked(work, job.id)
    if again is None:
        return job
    _record(again, rows, done)
    store.write(work, rows)
    return again


def _record(job: BulkJob, rows: Sequence[BulkRow], done: dict[int, doing.Done]) -> None:
    for row in rows:
        what = done[row.number]
        row.subscription_id = what.subscription_id or row.subscription_id
        row.service_order_id, row.product_order_id = what.service_order_id, what.product_order_id
        row.before = list(what.before) or None
        if what.error is not None:
            place = what.error.field or "row"
            _move(job, row, RowMove.REJECT, error=f"{place}: {what.error.message}")
        else:
            ordered = row.service_order_id is not None or row.product_order_id is not None
            _move(job, row, RowMove.PLACE if ordered else RowMove.COMPLETE, error=None)


def _end(work: Work, job: BulkJob) -> None:
    whole = job.completed == job.total
    job.state = BULK_JOB.after(job.state, BulkMove.COMPLETE if whole else BulkMove.PART)
    job.ended_at, job.next_at = work.now, _again(work, job)
    work.audit("bulk.ended", job.id, {"state": job.state, "completed": job.completed, "of": job.total})
