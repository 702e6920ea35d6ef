"""`trunkline usage`."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from gateway.cli import office
from gateway.cli.nouns import Account, Limit, Offset, noun, text
from gateway.cli.output import Format, Output, emit, say

app = noun("Usage: taken in, counted, rejected.")
BATCH = 5_000
"""Events taken in by one Work: at most what the API takes at once, and short enough for others to get between."""
_SHOWN = 20
_FIELDS = ("event_id", "meter", "kind", "value", "quantity", "at")
_PARTIAL, _ERROR = 6, 1
_DELIVERY = "ubt_"


@app.command("ingest")
def ingest(
    file: Annotated[str, typer.Argument(help="JSON lines, or CSV with a header (.csv); - is stdin")],
    output: Output = Format.TABLE,
) -> None:
    """Take usage events in; 6 when some were rejected, 1 when all were."""

    async def ingested() -> dict[str, int]:
        content, name = text(file)
        counts = {"received": 0, "accepted": 0, "duplicate": 0, "rejected": 0}
        events = _csv(content, name) if name.endswith(".csv") else _lines(content, name)
        async with office.office() as doer:
            while batch := list(itertools.islice(events, BATCH)):
                given: Any = await office.done(doer, "usage.ingest", {"events": batch})
                _count(counts, given)
        return counts

    counts = office.answered(ingested, output=output)
    emit(counts, output)
    if counts["rejected"]:
        raise typer.Exit(_PARTIAL if counts["accepted"] + counts["duplicate"] else _ERROR)


@app.command("list")
def listed(
    account: Account = None,
    line: Annotated[str | None, typer.Option(help="only of this line (sub_...)")] = None,
    offset: Offset = 0,
    limit: Limit = 50,
    output: Output = Format.TABLE,
) -> None:
    """What lines used of their meters, period by period, the newest counter first."""
    columns = ("subscription_id", "meter", "period_start", "period_end", "quantity", "throttled_until")
    document = {"account_id": account, "subscription_id": line, "offset": offset, "limit": limit}
    office.ask("usage.list", document, output=output, columns=columns)


@app.command("batches")
def batches(offset: Offset = 0, limit: Limit = 50, output: Output = Format.TABLE) -> None:
    """Deliveries of events and how they came out, the newest first."""
    office.ask("usage-batch.list", {"offset": offset, "limit": limit}, output=output)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="a line (sub_...) or a delivery (ubt_...)")],
    offset: Offset = 0,
    limit: Limit = 50,
    output: Output = Format.TABLE,
) -> None:
    """A line's counters and latest events, or a delivery and why some of it was rejected."""
    part = {"offset": offset, "limit": limit}
    if name.startswith(_DELIVERY):
        office.ask("usage-batch.show", {"batch_id": name, **part}, output=output)
    else:
        office.ask("usage.show", {"subscription_id": name, **part}, output=output)


def _count(counts: dict[str, int], given: Any) -> None:
    for each in given.rejected[: max(0, _SHOWN - counts["rejected"])]:
        say(f"rejected {each.event_id}: {each.reason}: {each.detail}")
    counts["received"] += given.received
    counts["accepted"] += given.accepted
    counts["duplicate"] += given.duplicate
    counts["rejected"] += len(given.rejected)


def _lines(content: str, name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise _wrong(name, number, "not a JSON object")
        yield found


def _csv(content: str, name: str) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(content))
    missing = [field for field in _FIELDS if field not in (reader.fieldnames or ())]
    if missing:
        raise _wrong(name, 1, f"no column {', '.join(missing)}")
    for row in reader:
        quantity = str(row["quantity"] or "")
        if not quantity.isascii() or not quantity.isdigit() or None in row or None in row.values():
            raise _wrong(name, reader.line_num, "the quantity is no whole number, or the columns are not those above")
        yield {**{field: row[field] for field in _FIELDS}, "quantity": int(quantity)}


def _wrong(name: str, number: int, message: str) -> Exception:
    from kernel.errors import Invalid

    fix = "mend the line and repeat the whole file: what was taken in counts once"
    return Invalid(message, field=f"{name}:{number}", fix=fix)
