"""`trunkline bulk`."""

from __future__ import annotations

import asyncio
import csv
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import office
from gateway.cli.nouns import STDIN, Limit, Offset, noun
from gateway.cli.output import Format, Output, emit, say

if TYPE_CHECKING:
    from bss.ordering.bulk.model import BulkVerb
    from bss.ordering.bulk.rows import Bad, Row

app = noun("One change of many lines, from a CSV or JSONL file: planned, approved, watched, undone.")
BATCH = 2_000
"""Rows of one request: a second's work, and well below the largest body."""
BATCH_ACTIVATE = 500
"""The same of activations, each of which is planned."""
POLL_S = 0.5
"""How often a watched job is looked at."""
_ENDED = {"completed": 0, "partial": 6, "cancelled": 1, "held": 7, "paused": 7}
"""The states in which nothing moves by itself any more, and how the command then ends."""
_TIMEOUT, _ERROR = 8, 1
_JOB = ("id", "verb", "state", "total", "completed", "in_progress", "held", "failed", "rejected", "reason")
_ROW = ("number", "state", "subscription_id", "service_order_id", "product_order_id", "error")

File = Annotated[str, typer.Argument(help="CSV with a header, or JSON lines; - is stdin")]
VerbOption = Annotated[str, typer.Option("--verb", help="activate, restrict, lift, change or terminate")]
Cause = Annotated[str | None, typer.Option(help="of rows that name none: nonPayment, customer, fraud, lost ...")]
Level = Annotated[str | None, typer.Option(help="of rows that name none: soft or hard")]
Until = Annotated[str | None, typer.Option(help="of rows that name none: RFC 3339 instant at which it ends")]
Offering = Annotated[str | None, typer.Option(help="of rows that name none: the offering to move to, or to add")]


@app.command("plan")
def plan(
    file: File,
    verb: VerbOption,
    cause: Cause = None,
    level: Level = None,
    until: Until = None,
    offering: Offering = None,
    output: Output = Format.TABLE,
) -> None:
    """Look at a file and change nothing: every row that cannot be done, by line; 1 when there is one."""
    defaults = _defaults(cause, level, until, offering)

    async def planned() -> dict[str, Any]:
        good, bad = _read(file, verb, defaults)
        async with office.office() as doer:
            return await _checked(doer, verb, defaults, good, bad)

    told = office.answered(planned, output=output)
    _tell(file, told["errors"], output)
    emit({**told, "errors": told["errors"] if output is not Format.TABLE else len(told["errors"])}, output)
    if told["errors"]:
        raise typer.Exit(_ERROR)


@app.command("submit")
def submit(
    file: File,
    verb: VerbOption,
    cause: Cause = None,
    level: Level = None,
    until: Until = None,
    offering: Offering = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="do the others; these come out as rejects")] = False,
    key: Annotated[str | None, typer.Option(help="the same key with the same file is the same job")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a job of a file and start it; a bad row refuses the whole file, and nothing is sent."""
    defaults = _defaults(cause, level, until, offering)

    async def submitted() -> Any:
        good, bad = _read(file, verb, defaults)
        async with office.office() as doer:
            told = await _checked(doer, verb, defaults, good, bad)
            _tell(file, told["errors"], output)
            if told["errors"] and not skip_bad:
                return told
            return await _made(doer, file, verb, defaults, good, bad, skip_bad=skip_bad, key=key)

    given = office.answered(submitted, output=output)
    if isinstance(given, dict):
        _refuse(file, given, output)
    emit(given, output)
    if given.needs_approval:
        say(f"held: {given.reason}; another person: trunkline bulk approve {given.id}")


@app.command("list")
def listed(offset: Offset = 0, limit: Limit = 50, output: Output = Format.TABLE) -> None:
    """Bulk jobs, the newest first."""
    office.ask("bulk.list", {"offset": offset, "limit": limit}, output=output, columns=_JOB)


@app.command("show")
def show(job_id: str, output: Output = Format.TABLE) -> None:
    """A job (blk_...) and how many of its rows stand where."""
    office.ask("bulk.show", {"job_id": job_id}, output=output)


@app.command("rows")
def rows(
    job_id: str,
    state: Annotated[str | None, typer.Option(help="only in this state, such as held")] = None,
    after: Annotated[int, typer.Option(min=0, help="only after this line of the file")] = 0,
    limit: Limit = 50,
    output: Output = Format.TABLE,
) -> None:
    """What became of each row, by line of the file."""
    document = {"job_id": job_id, "state": state, "after": after, "limit": limit}
    office.ask("bulk.rows", document, output=output, columns=_ROW)


@app.command("rejects")
def rejects(
    job_id: str,
    state: Annotated[str | None, typer.Option(help="only rejected, failed, cancelled or held ones")] = None,
    output: Output = Format.TABLE,
) -> None:
    """The rows that were not done, as a file to be mended and submitted again: CSV unless told otherwise."""

    async def given() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        async with office.office() as doer:
            while True:
                after = found[-1]["number"] if found else 0
                part: Any = await office.done(doer, "bulk.rejects", {"job_id": job_id, "state": state, "after": after})
                found += [each.model_dump(mode="json") for each in part.items]
                if len(part.items) < BATCH:
                    return found

    found = [{**each["columns"], "error": each["error"]} for each in office.answered(given, output=output)]
    if output is not Format.TABLE:
        emit(found, output)
    else:
        names = [*dict.fromkeys(name for each in found for name in each if name != "error"), "error"]
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(found)


@app.command("watch")
def watch(
    job_id: str,
    timeout: Annotated[float, typer.Option(help="seconds to wait for its end")] = 3600.0,
    output: Output = Format.TABLE,
) -> None:
    """Follow a job to its end; 6 when not every row was done, 7 when it waits for a person, 8 when it goes on."""

    async def watched() -> Any:
        async with office.office(moving=True) as doer:
            return await _followed(doer, job_id, within_s=timeout)

    given = office.answered(watched, output=output)
    emit(given, output)
    code = _ENDED.get(str(given.state), _TIMEOUT)
    if code:
        raise typer.Exit(code)


@app.command("approve")
def approve(job_id: str, output: Output = Format.TABLE) -> None:
    """Stand behind all rows of a held job for 24 hours; whoever submitted it may not."""
    office.ask("bulk.approve", {"job_id": job_id}, output=output)


@app.command("pause")
def pause(job_id: str, output: Output = Format.TABLE) -> None:
    """Order nothing more for now; what was ordered goes on."""
    office.ask("bulk.pause", {"job_id": job_id}, output=output)


@app.command("continue")
def go_on(job_id: str, output: Output = Format.TABLE) -> None:
    """Go on after a pause, or in spite of what fell out."""
    office.ask("bulk.continue", {"job_id": job_id}, output=output)


@app.command("abort")
def abort(
    job_id: str,
    reason: Annotated[str, typer.Option(help="a sentence; it stays with the job")],
    output: Output = Format.TABLE,
) -> None:
    """End a job: what was not ordered never is; what was goes on, and may be undone."""
    office.ask("bulk.abort", {"job_id": job_id, "reason": reason}, output=output)


@app.command("undo")
def undo(job_id: str, output: Output = Format.TABLE) -> None:
    """Take back all that a job ordered, by another job."""
    office.ask("bulk.undo", {"job_id": job_id}, output=output)


# ---- files


def _defaults(cause: str | None, level: str | None, until: str | None, offering: str | None) -> dict[str, str]:
    told = {"cause": cause, "level": level, "until": until, "offering": offering}
    return {name: value for name, value in told.items() if value is not None}


def _read(file: str, verb: str, defaults: dict[str, str]) -> tuple[list[Row], list[Bad]]:
    """Every row that makes sense by itself, and every one that does not. Raises Invalid or Exhausted."""
    from bss.ordering.bulk import rows as files

    known, name = _verb(verb), "stdin" if file == STDIN else file
    seen, good, bad = files.Seen(), [], []
    with _opened(file, files.FILE_BYTES) as source:
        for found in files.split(source, name=name, verb=known, defaults=defaults):
            row = found if isinstance(found, files.Bad) else files.check(known, *found, defaults=defaults)
            row = seen.once(row)
            if isinstance(row, files.Bad):
                bad.append(row)
            else:
                good.append(row)
    return good, bad


def _verb(text: str) -> BulkVerb:
    from bss.ordering.bulk.model import BulkVerb
    from kernel.errors import Invalid

    if text not in (*BulkVerb,) or text == BulkVerb.REINSTATE:
        raise Invalid(f"{text!r} is no verb", field="verb", fix="activate, restrict, lift, change or terminate")
    return BulkVerb(text)


def _opened(file: str, limit: int) -> IO[bytes]:
    """The file, refused by its size before a byte of it is read. Raises Invalid or Exhausted."""
    import io

    from kernel.errors import Exhausted, Invalid

    try:
        if file == STDIN:
            content = sys.stdin.buffer.read(limit + 1)
            size, source = len(content), io.BytesIO(content)
        else:
            size, source = Path(file).stat().st_size, Path(file).open("rb")  # type: ignore[assignment]  # noqa: SIM115
    except OSError as error:
        raise Invalid(f"cannot be read: {error.strerror}", field=file, fix="give a readable file") from None
    if size > limit:
        source.close()
        raise Exhausted(f"has more than {limit} bytes (FILE_BYTES)", field=file, fix="split it")
    return source


async def _checked(
    doer: office.Doer, verb: str, defaults: dict[str, str], good: list[Row], bad: list[Bad]
) -> dict[str, Any]:
    """What the house says to the rows that make sense, with what is wrong with the others."""
    errors = [{"line": row.line, "field": row.field, "message": row.message} for row in bad]
    left: int | None = None
    for part in _parts(good, verb):
        given: Any = await office.done(doer, "bulk.plan", {"verb": verb, "defaults": defaults, "rows": _asked(part)})
        errors += [each.model_dump(mode="json") for each in given.errors]
        left = given.left
    rows = len(good) + len(bad)
    fit = rows - len(errors)
    told = {"verb": verb, "rows": rows, "good": fit, "canary": _canary(fit), "left": left}
    held = left is not None and fit > left
    return {**told, "needs_approval": held, "errors": sorted(errors, key=lambda each: each["line"])}


def _canary(count: int) -> int:
    from bss.ordering.bulk.service import CANARY_LEAST, CANARY_ONE_IN

    return min(count, max(CANARY_LEAST, -(-count // CANARY_ONE_IN)))


def _parts(rows: Iterable[Any], verb: str) -> Iterator[list[Any]]:
    source, size = iter(rows), BATCH_ACTIVATE if verb == "activate" else BATCH
    while part := list(itertools.islice(source, size)):
        yield part


def _asked(rows: Iterable[Row | Bad]) -> list[dict[str, Any]]:
    return [{"line": row.line, "columns": dict(row.columns)} for row in rows]


async def _made(
    doer: office.Doer,
    file: str,
    verb: str,
    defaults: dict[str, str],
    good: list[Row],
    bad: list[Bad],
    *,
    skip_bad: bool,
    key: str | None,
) -> Any:
    document = {"verb": verb, "defaults": defaults, "file": Path(file).name, "skip_bad": skip_bad, "key": key}
    job: Any = await office.done(doer, "bulk.submit", document)
    if job.state != "acknowledged":
        return job
    for part in _parts(sorted([*good, *bad], key=lambda row: row.line), verb):
        await office.done(doer, "bulk.load", {"job_id": str(job.id), "rows": _asked(part)})
    return await office.done(doer, "bulk.start", {"job_id": str(job.id)})


def _tell(file: str, errors: list[dict[str, Any]], output: Format) -> None:
    if output is Format.TABLE:
        for each in errors:
            say(f"{file}:{each['line']}: {each['field']}: {each['message']}")


def _refuse(file: str, told: dict[str, Any], output: Format) -> None:
    from gateway.cli.output import complain
    from kernel.errors import Invalid

    first, count = told["errors"][0], len(told["errors"])
    message = f"{count} of {told['rows']} rows are refused, the first for its {first['field']}: {first['message']}"
    fix = "mend them, or do the others with --skip-bad; nothing was sent"
    complain(Invalid(message, field=f"{file}:{first['line']}", fix=fix), output)
    raise typer.Exit(_ERROR)


# ---- watching


async def _followed(doer: office.Doer, job_id: str, *, within_s: float) -> Any:
    """The job once it has ended, or as it is when the time is up; a bar on stderr meanwhile."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr)) as progress:
        bar = progress.add_task(job_id, total=None)
        while True:
            given: Any = await office.done(doer, "bulk.show", {"job_id": job_id})
            moving = given.acknowledged + given.in_progress
            fell = given.held + given.failed
            told = f"{given.state}, {fell} fell out" if fell else str(given.state)
            progress.update(bar, description=told, total=given.total, completed=given.total - moving)
            if (given.state in _ENDED and not given.in_progress) or loop.time() > deadline:
                return given
            await asyncio.sleep(POLL_S)
