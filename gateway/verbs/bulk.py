"""Bulk jobs: rows checked, taken in, started, approved by another, paused, ended, undone, given back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field

from bss.ordering.bulk import rows as files
from bss.ordering.bulk import service as bulk
from bss.ordering.bulk.machine import BulkState, RowState
from bss.ordering.bulk.model import BulkJob, BulkJobId, BulkRow, BulkVerb
from bss.ordering.model import ProductOrderId
from bss.subscriptions.model import SubscriptionId
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, href, reading, writing
from gateway.verbs.once import Key
from kernel.work import Work
from oss.orders import guard
from oss.orders.model import OrderId

Line = Annotated[int, Field(ge=1, lt=2**31)]
Text = Annotated[str, Field(max_length=files.LINE_BYTES)]


class RowAsked(Asks):
    """One row of a file: its line number and its columns."""

    line: Line
    columns: dict[Text, Text] = Field(max_length=64)


class JobAsked(Asks):
    """What to do to each line; the defaults are the columns that the rows leave out."""

    verb: BulkVerb
    defaults: dict[Text, Text] = Field(default_factory=dict, max_length=64)


class CheckAsked(JobAsked):
    """Rows to be looked at."""

    rows: list[RowAsked] = Field(max_length=bulk.BATCH)


class CreateAsked(JobAsked):
    """A job to be filled with rows; under the same key it is the same job."""

    file: str = Field(default="rows", min_length=1, max_length=bulk.NAME_LENGTH)
    skip_bad: bool = False
    key: Key | None = None


class JobNamed(Asks):
    """One job."""

    job_id: BulkJobId


class RowsLoaded(JobNamed):
    """Rows of a job."""

    rows: list[RowAsked] = Field(max_length=bulk.BATCH)


class AbortAsked(JobNamed):
    """One job, and why it is ended."""

    reason: str


class RowsAsked(JobNamed):
    """Some of a job's rows: those in some states, after a line number."""

    state: RowState | None = None
    after: int = Field(default=0, ge=0)
    limit: int = Field(default=bulk.BATCH, ge=1, le=bulk.BATCH)


class BadGiven(Gives):
    """A row that is refused, and why."""

    line: int
    field: str
    message: str


class CheckGiven(Gives):
    """How many rows can be done, each that cannot, and whether the blast radius holds the job."""

    rows: int
    good: int
    errors: list[BadGiven]
    left: int | None


class LoadedGiven(Gives):
    """How many rows a job has now, and those of this request that are refused."""

    total: int
    errors: list[BadGiven]


class JobGiven(Gives):
    """A job: where it stands and what became of its rows."""

    id: BulkJobId
    href: str
    verb: BulkVerb
    state: BulkState
    reason: str | None
    file: str
    undo_of: BulkJobId | None
    submitted_by: str
    submitted_at: datetime
    needs_approval: bool
    approved_by: str | None
    approved_until: datetime | None
    ended_at: datetime | None
    canary: int
    total: int
    acknowledged: int
    rejected: int
    in_progress: int
    held: int
    completed: int
    failed: int
    cancelled: int


class RowGiven(Gives):
    """A row, its columns as taken in, and what became of it."""

    number: int
    state: RowState
    subscription_id: SubscriptionId | None
    service_order_id: OrderId | None
    product_order_id: ProductOrderId | None
    error: str | None
    columns: dict[str, str]


class JobsAsked(PageAsked):
    """A part of the jobs."""


@reading("bulk.list", "/bulk-jobs")
def listed(work: Work, asked: JobsAsked) -> Page[JobGiven]:
    """Bulk jobs, the newest first."""
    found, total = store.page(work, BulkJob, asked)
    return Page(items=[_given(job) for job in found], total=total)


@reading("bulk.show", "/bulk-jobs/{job_id}")
def show(work: Work, asked: JobNamed) -> JobGiven:
    """A job and how many of its rows stand where."""
    return _given(bulk.get(work, asked.job_id))


@reading("bulk.rows", "/bulk-jobs/{job_id}/rows")
def rows(work: Work, asked: RowsAsked) -> Page[RowGiven]:
    """Rows of a job by line number, a part at a time: ask again after the last one."""
    states = list(RowState) if asked.state is None else [asked.state]
    return _rows(bulk.rows(work, asked.job_id, states, after=asked.after, limit=asked.limit))


@reading("bulk.rejects", "/bulk-jobs/{job_id}/rejects")
def rejects(work: Work, asked: RowsAsked) -> Page[RowGiven]:
    """Rows that were not done, by line number: refused, failed, never ordered; mended, they make another file."""
    states = (RowState.REJECTED, RowState.FAILED, RowState.CANCELLED, RowState.HELD)
    chosen = [state for state in states if asked.state in (None, state)]
    return _rows(bulk.rows(work, asked.job_id, chosen, after=asked.after, limit=asked.limit) if chosen else [])


@writing("bulk.plan", "/bulk-jobs/check")
def check(work: Work, asked: CheckAsked) -> CheckGiven:
    """Look at rows and change nothing: each that cannot be done as things stand, by line."""
    good, bad = bulk.examine(work, asked.verb, _told(asked.rows), defaults=asked.defaults)
    left = guard.radius(work).left if asked.verb in bulk.CUTS else None
    return CheckGiven(rows=len(asked.rows), good=len(good), errors=_errors(bad), left=left)


@writing("bulk.submit", "/bulk-jobs", status=201)
def create(work: Work, asked: CreateAsked) -> JobGiven:
    """Make a job; its rows are taken in next, and it does nothing before it is started."""
    job = bulk.create(
        work, asked.verb, file=asked.file, defaults=asked.defaults, skip_bad=asked.skip_bad, key=asked.key
    )
    return _given(job)


@writing("bulk.load", "/bulk-jobs/{job_id}/rows")
def load(work: Work, asked: RowsLoaded) -> LoadedGiven:
    """Take rows in; one line number is taken in once, so that a request may be repeated."""
    bad = bulk.load(work, asked.job_id, _told(asked.rows))
    return LoadedGiven(total=bulk.get(work, asked.job_id).total, errors=_errors(bad))


@writing("bulk.start", "/bulk-jobs/{job_id}/start")
def start(work: Work, asked: JobNamed) -> JobGiven:
    """Let a job go, its canary first; beyond the blast radius it is held for a second person."""
    return _given(bulk.start(work, asked.job_id))


@writing("bulk.approve", "/bulk-jobs/{job_id}/approve")
def approve(work: Work, asked: JobNamed) -> JobGiven:
    """Stand behind all rows of a held job for 24 hours; whoever submitted it may not."""
    return _given(bulk.approve(work, asked.job_id))


@writing("bulk.pause", "/bulk-jobs/{job_id}/pause")
def pause(work: Work, asked: JobNamed) -> JobGiven:
    """Order nothing more for now; what was ordered goes on."""
    return _given(bulk.pause(work, asked.job_id))


@writing("bulk.continue", "/bulk-jobs/{job_id}/continue")
def go_on(work: Work, asked: JobNamed) -> JobGiven:
    """Go on after a pause, or in spite of what fell out."""
    return _given(bulk.resume(work, asked.job_id))


@writing("bulk.abort", "/bulk-jobs/{job_id}/abort")
def abort(work: Work, asked: AbortAsked) -> JobGiven:
    """End a job: what was not ordered never is."""
    return _given(bulk.abort(work, asked.job_id, reason=asked.reason))


@writing("bulk.undo", "/bulk-jobs/{job_id}/undo", status=201)
def undo(work: Work, asked: JobNamed) -> JobGiven:
    """Take back all that a job ordered, by another job."""
    return _given(bulk.undo(work, asked.job_id))


def _told(asked: Sequence[RowAsked]) -> list[tuple[int, dict[str, str]]]:
    return [(row.line, dict(row.columns)) for row in asked]


def _errors(bad: Sequence[files.Bad]) -> list[BadGiven]:
    return [BadGiven(line=row.line, field=row.field, message=row.message) for row in bad]


def _rows(found: Sequence[BulkRow]) -> Page[RowGiven]:
    return Page(items=[RowGiven.model_validate(row) for row in found], total=len(found))


def _given(job: BulkJob) -> JobGiven:
    told = {name: getattr(job, name) for name in JobGiven.model_fields if name != "href"}
    return JobGiven(href=href("bulk-jobs", job.id), **told)
