"""Bulk jobs as people handle them: rows taken in, started, approved by another, paused, ended, undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bss.ordering.bulk import checks, store
from bss.ordering.bulk.machine import BULK_JOB, BULK_ROW, BulkMove, BulkState, RowMove, RowState
from bss.ordering.bulk.model import BulkJob, BulkJobId, BulkRow, BulkVerb
from bss.ordering.bulk.rows import PROFILE, ROWS, Bad, Row, Seen, check
from kernel.errors import Conflict, Exhausted, Invalid, NotFound
from kernel.work import Work
from oss.inventory import alarms
from oss.inventory.model import AlarmKind
from oss.orders import guard
from oss.orders.incidents import sentence
from oss.port import Level

CANARY_LEAST, CANARY_ONE_IN = 20, 100
"""The first rows of a job go ahead and must end before the others follow: 1 %, and at least 20."""
BATCH = 5_000
"""Rows taken in or checked by one Work: about a second."""
NAME_LENGTH = 200
"""Characters of a file's name."""
CUTS = frozenset({BulkVerb.RESTRICT, BulkVerb.TERMINATE})
"""The verbs that the blast radius counts."""
DEFAULTS: Mapping[BulkVerb, Mapping[str, str]] = {
    BulkVerb.RESTRICT: {"cause": "customer", "level": str(Level.SOFT)},
    BulkVerb.LIFT: {"cause": "customer"},
    BulkVerb.TERMINATE: {"cause": "customer"},
}
"""What a file may leave out."""

S, M, R = BulkState, BulkMove, RowState


# ---- looking


def get(work: Work, job_id: BulkJobId) -> BulkJob:
    """A job of the tenant. Raises NotFound."""
    return _found(store.job(work, job_id), job_id)


def rows(
    work: Work, job_id: BulkJobId, states: Sequence[RowState], *, after: int = 0, limit: int = BATCH
) -> list[BulkRow]:
    """A part of a job's rows in some states (all unless told), by line number. Raises NotFound."""
    get(work, job_id)
    return store.rows(work, job_id, states or list(R), after=after, limit=min(limit, BATCH))


def examine(
    work: Work, verb: BulkVerb, found: Sequence[tuple[int, Mapping[str, str]]], *, defaults: Mapping[str, str]
) -> tuple[list[Row], list[Bad]]:
    """Rows that can be done as things stand, and those that cannot, by line; changes nothing."""
    told, seen = known_defaults(verb, defaults), Seen()
    checked = [seen.once(check(verb, line, columns, defaults=told)) for line, columns in found]
    good = [row for row in checked if isinstance(row, Row)]
    bad = [row for row in checked if isinstance(row, Bad)]
    bad += checks.problems(work, verb, good, defaults=told)
    wrong = {row.line for row in bad}
    return [row for row in good if row.line not in wrong], sorted(bad, key=lambda row: row.line)


def known_defaults(verb: BulkVerb, given: Mapping[str, str]) -> dict[str, str]:
    """What stands in for the columns that a file leaves out. Raises Invalid for one that the verb has not."""
    told = {name: value for name, value in given.items() if value != ""}
    line = {"subscription_id": "sub_0000000000000", "account_id": "acc_0000000000000", "offering": "x"}
    probe = {
        name: value for name, value in line.items() if (name == "subscription_id") is (verb is not BulkVerb.ACTIVATE)
    }
    if verb is BulkVerb.CHANGE:
        probe["offering"] = "x"
    found = check(verb, 0, {**probe, **told}, defaults={})
    if isinstance(found, Bad):
        raise Invalid(found.message, field=found.field, fix="see trunkline bulk plan --help")
    return {**DEFAULTS.get(verb, {}), **told}


# ---- taking in


def create(
    work: Work,
    verb: BulkVerb,
    *,
    file: str,
    defaults: Mapping[str, str],
    skip_bad: bool = False,
    key: str | None = None,
) -> BulkJob:
    """A job without rows; under the same key the same job."""
    known = None if key is None else store.by_key(work, key)
    if known is not None:
        if (known.verb, known.file) != (verb, file[:NAME_LENGTH]):
            raise Conflict(f"{key!r} was used for {known.id}", field="key", fix="give each job its own key")
        return known
    if verb is BulkVerb.REINSTATE:
        raise Invalid("comes of an undo alone", field="verb", fix="trunkline bulk undo JOB")
    told = known_defaults(verb, defaults)
    return _created(work, verb, file=file, defaults=told, skip_bad=skip_bad, key=key, undo_of=None)


def load(work: Work, job_id: BulkJobId, found: Sequence[tuple[int, Mapping[str, str]]]) -> list[Bad]:
    """Take rows in; those that cannot be done are stored as rejected and given back. Lines taken in before stay."""
    job = _locked(work, job_id)
    if job.state is not S.ACKNOWLEDGED:
        raise Conflict(f"{job_id} is {job.state}", field="job_id", fix="make another job")
    fresh = _unknown(work, job, found)
    if job.total + len(fresh) > ROWS:
        raise Exhausted(f"more than {ROWS} rows", field="rows", fix="make another job for the rest")
    good, bad = examine(work, job.verb, fresh, defaults=job.defaults)
    standing = store.subjects(work, job.id, [row.subject for row in good])
    bad += [
        Bad(row.line, next(iter(row.columns), "row"), f"the same as row {standing[row.subject]}", row.columns)
        for row in good
        if row.subject in standing
    ]
    _store(work, job, [row for row in good if row.subject not in standing], bad)
    return sorted(bad, key=lambda row: row.line)


def _unknown(
    work: Work, job: BulkJob, found: Sequence[tuple[int, Mapping[str, str]]]
) -> list[tuple[int, Mapping[str, str]]]:
    numbers = [line for line, _ in found]
    if len(set(numbers)) < len(numbers):
        raise Invalid("two rows have one line number", field="rows", fix="number them as in the file")
    known = store.lines(work, job.id, numbers)
    return [(line, columns) for line, columns in found if line not in known]


def _store(work: Work, job: BulkJob, good: Sequence[Row], bad: Sequence[Bad]) -> None:
    rejected = BULK_ROW.after(BULK_ROW.initial, RowMove.REJECT)
    common = {"tenant": work.tenant, "job_id": job.id}
    store.add(work, [{**common, **_good(row)} for row in good])
    store.add(work, [{**common, **_bad(row), "state": rejected} for row in bad])
    job.total += len(good) + len(bad)
    job.acknowledged += len(good)
    job.rejected += len(bad)
    job.refused += len(bad)


def _good(row: Row) -> dict[str, Any]:
    return {"number": row.line, "subject": row.subject, "columns": dict(row.columns), "state": BULK_ROW.initial}


def _bad(row: Bad) -> dict[str, Any]:
    return {"number": row.line, "subject": None, "columns": dict(row.columns), "error": f"{row.field}: {row.message}"}


def _created(work: Work, verb: BulkVerb, **told: Any) -> BulkJob:
    job = BulkJob(
        tenant=work.tenant,
        id=BulkJobId.new(),
        verb=verb,
        state=BULK_JOB.initial,
        submitted_by=work.actor.name,
        submitted_at=work.now,
        **{**told, "file": told["file"][:NAME_LENGTH]},
    )
    work.session.add(job)
    work.flush()
    work.audit("bulk.created", job.id, {"verb": verb, "file": job.file, "undo_of": str(job.undo_of or "")})
    return job


# ---- starting


def start(work: Work, job_id: BulkJobId) -> BulkJob:
    """Let it go: its canary first. Beyond the blast radius it is held, whole, until a second person approves it.

    Raises Conflict when rows were refused and the job does not skip them, or when it has none.
    """
    job = _locked(work, job_id)
    if job.refused and not job.skip_bad:
        fix = "mend them (trunkline bulk rejects), or make the job with --skip-bad"
        raise Conflict(f"{job.refused} of {job.total} rows are refused", field="rows", fix=fix)
    if not job.acknowledged:
        raise Conflict(f"{job_id} has no row that can be done", field="rows", fix="take some in")
    job.canary = min(job.acknowledged, max(CANARY_LEAST, -(-job.acknowledged // CANARY_ONE_IN)))
    left = guard.radius(work).left if job.verb in CUTS else job.acknowledged
    if job.acknowledged > left:
        hold(work, job, guard.radius(work).told(job.acknowledged), approval=True)
    else:
        job.state, job.next_at = BULK_JOB.after(job.state, M.START), work.now
    work.audit("bulk.started", job.id, {"rows": job.acknowledged, "state": job.state})
    return job


def hold(work: Work, job: BulkJob, reason: str, *, approval: bool) -> None:
    """Nothing more of it is ordered before a person (for an approval: another person) lets it go on."""
    job.state, job.reason = BULK_JOB.after(job.state, M.HOLD), reason
    job.needs_approval, job.next_at = approval, work.now if job.in_progress else None
    alarms.set_off(work, AlarmKind.BLAST_RADIUS, element="", key=str(job.id), message=reason)
    work.audit("bulk.held", job.id, {"reason": reason})


def approve(work: Work, job_id: BulkJobId) -> BulkJob:
    """Stand behind all of its rows for a day, as the second person. Raises Forbidden for whoever submitted it."""
    job = _locked(work, job_id)
    if job.state is not S.HELD or not job.needs_approval:
        raise Conflict(
            f"{job_id} is {job.state} and waits for no approval", field="job_id", fix="see trunkline bulk show"
        )
    row = guard.approve_parent(work, str(job.id), requested_by=job.submitted_by)
    job.approved_by, job.approved_until = row.approved_by, row.until
    _release(work, job)
    return job


def pause(work: Work, job_id: BulkJobId) -> BulkJob:
    """Order nothing more for now; what was ordered goes on."""
    job = _locked(work, job_id)
    job.state = BULK_JOB.after(job.state, M.PAUSE)
    work.audit("bulk.paused", job.id)
    return job


def resume(work: Work, job_id: BulkJobId) -> BulkJob:
    """Go on after a pause, or after a halt in spite of what fell out. Raises Conflict while an approval is wanted."""
    job = _locked(work, job_id)
    if job.state is S.HELD and job.needs_approval:
        raise Conflict(f"{job_id} waits for a second person", field="job_id", fix=f"trunkline bulk approve {job_id}")
    if job.state is S.HELD:
        job.forgiven, job.forgiven_of = fallen(job), ended(job)
    _release(work, job)
    work.audit("bulk.resumed", job.id, {"forgiven": job.forgiven})
    return job


def _release(work: Work, job: BulkJob) -> None:
    job.state = BULK_JOB.after(job.state, M.RELEASE)
    job.reason, job.needs_approval, job.next_at = None, False, work.now
    alarms.clear(work, AlarmKind.BLAST_RADIUS, element="", key=str(job.id))


def abort(work: Work, job_id: BulkJobId, *, reason: str) -> BulkJob:
    """End it: rows that were not ordered never are; what was ordered goes on, and may be undone."""
    told, job = sentence(reason, field="reason"), _locked(work, job_id)
    job.state = BULK_JOB.after(job.state, M.ABORT)
    cancelled = BULK_ROW.after(R.ACKNOWLEDGED, RowMove.CANCEL)
    count = store.cancel_waiting(work, job.id, before=R.ACKNOWLEDGED, after=cancelled, error=f"aborted: {told}")
    job.acknowledged -= count
    job.cancelled += count
    job.reason, job.ended_at = told, work.now
    job.next_at = work.now if job.in_progress or job.held else None
    alarms.clear(work, AlarmKind.BLAST_RADIUS, element="", key=str(job.id))
    work.audit("bulk.aborted", job.id, {"reason": told, "rows": count})
    return job


# ---- counting


def fallen(job: BulkJob) -> int:
    """Rows that the network did not do: failed, or waiting for a person."""
    return job.failed + job.held


def ended(job: BulkJob) -> int:
    """Rows of which the network has said its word."""
    return job.completed + job.failed + job.held


# ---- undoing


def undo(work: Work, job_id: BulkJobId) -> BulkJob:
    """Take back as a unit all that a job ordered: another job, started at once.

    Raises Conflict while it still moves, when it was undone already, or when there is nothing to take back.
    """
    job = _locked(work, job_id)
    if job.verb not in _UNDONE_BY:
        raise Conflict(f"{job_id} is an undo itself", field="job_id", fix="submit what you want instead")
    if job.state in (S.ACKNOWLEDGED, S.IN_PROGRESS):
        raise Conflict(f"{job_id} is {job.state}", field="job_id", fix=f"first trunkline bulk abort {job_id}")
    before = store.undo_of(work, job_id)
    if before is not None:
        raise Conflict(f"{job_id} was undone by {before.id}", field="job_id", fix=f"trunkline bulk show {before.id}")
    made = _created(
        work, _UNDONE_BY[job.verb], file=f"undo of {job_id}", defaults={}, skip_bad=True, key=None, undo_of=job_id
    )
    for part in _placed(work, job_id):
        rows = [(row.number, _opposite(job, row)) for row in part if row.service_order_id or row.product_order_id]
        load(work, made.id, [(number, columns) for number, columns in rows if columns])
    if not made.acknowledged:
        raise Conflict(
            f"{job_id} ordered nothing that can be taken back", field="job_id", fix="see trunkline bulk rows"
        )
    return start(work, made.id)


def _placed(work: Work, job_id: BulkJobId) -> Iterator[list[BulkRow]]:
    after = 0
    while part := store.rows(work, job_id, (R.COMPLETED, R.HELD, R.FAILED, R.IN_PROGRESS), after=after, limit=BATCH):
        yield part
        after = part[-1].number


def _opposite(job: BulkJob, row: BulkRow) -> dict[str, str]:
    """The row that takes this one back; nothing when there is nothing left to take back."""
    told = {**job.defaults, **row.columns}
    line = {"subscription_id": str(row.subscription_id)}
    match job.verb:
        case BulkVerb.RESTRICT:
            return {**line, "cause": told["cause"]}
        case BulkVerb.LIFT:
            return {**line, **_strictest(row.before or [])}
        case BulkVerb.TERMINATE:
            return {**line, "service_order_id": str(row.service_order_id)}
        case BulkVerb.ACTIVATE:
            return {**line, "cause": "customer"} if row.state is R.COMPLETED else {}
        case _:
            return {**line, **_as_before(told, row.before or ["", "", {}])} if row.state is R.COMPLETED else {}


def _strictest(lifted: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    chosen = next((each for each in lifted if each["level"] == Level.HARD), lifted[0])
    told = {"cause": str(chosen["cause"]), "level": str(chosen["level"])}
    return told if chosen["until"] is None else {**told, "until": str(chosen["until"]).replace(" ", "T")}


def _as_before(told: Mapping[str, str], before: Sequence[Any]) -> dict[str, str]:
    offering, version, profile = before
    if "offering" in told:
        return {"offering": offering, "version": version}
    return {name: profile[name.removeprefix(PROFILE)] for name in told if name.removeprefix(PROFILE) in profile}


_UNDONE_BY = {
    BulkVerb.ACTIVATE: BulkVerb.TERMINATE,
    BulkVerb.RESTRICT: BulkVerb.LIFT,
    BulkVerb.LIFT: BulkVerb.RESTRICT,
    BulkVerb.CHANGE: BulkVerb.CHANGE,
    BulkVerb.TERMINATE: BulkVerb.REINSTATE,
}


def _locked(work: Work, job_id: BulkJobId) -> BulkJob:
    return _found(store.locked(work, job_id), job_id)


def _found(job: BulkJob | None, job_id: BulkJobId) -> BulkJob:
    if job is None:
        raise NotFound(f"no bulk job {job_id}", field="job_id", fix="see trunkline bulk list")
    return job
