"""Rows of a bulk file: split, named by line number and checked as far as nothing has to be looked up. Pure."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from bss.customers.model import AccountId
from bss.ordering.bulk.model import BulkVerb
from bss.subscriptions.model import Cause, SubscriptionId
from kernel.errors import Exhausted, Invalid, TrunklineError
from oss.port import Level

ROWS = 100_000
"""Rows of one job at most: more is another file, and another approval."""
FILE_BYTES = 64 << 20
"""The largest file: 100,000 rows of 600 characters; a greater one is refused by its size, unread."""
LINE_BYTES = 8_000
"""The longest line; a longer one has lost its line ends."""
VALUE_LENGTH = 200
"""Characters of one value at most: longer ones name nothing that a network knows."""
IGNORED = "error"
"""The column that a file of rejects has in addition; taken in again, it says nothing."""
PROFILE, CHARACTERISTIC, RESOURCE = "profile.", "characteristic.", "resource."


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a verb: those that must be there, those that may, and the beginnings of further ones."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    def knows(self, name: str) -> bool:
        """Whether a column may be there."""
        further = any(name.startswith(each) and len(name) > len(each) for each in self.open)
        return name in (*self.required, *self.optional, IGNORED) or further

    def __str__(self) -> str:
        may = [*self.optional, *(f"{each}NAME" for each in self.open)]
        return ", ".join(self.required) + (f" and perhaps {', '.join(may)}" if may else "")


_LINE = ("subscription_id",)
COLUMNS: Mapping[BulkVerb, Columns] = {
    BulkVerb.ACTIVATE: Columns(("account_id", "offering"), ("method_id", "ref"), (CHARACTERISTIC, RESOURCE)),
    BulkVerb.RESTRICT: Columns(_LINE, ("cause", "level", "until")),
    BulkVerb.LIFT: Columns(_LINE, ("cause",)),
    BulkVerb.CHANGE: Columns(_LINE, ("offering", "version"), (PROFILE,)),
    BulkVerb.TERMINATE: Columns(_LINE, ("cause",)),
    BulkVerb.REINSTATE: Columns(_LINE, ("service_order_id",)),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be understood: its place in the file, what it is about, and its columns."""

    line: int
    subject: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that is refused: where, which column, why, and what of it could be read."""

    line: int
    field: str
    message: str
    columns: Mapping[str, str]


# ---- one row


def check(verb: BulkVerb, line: int, columns: Mapping[str, str], *, defaults: Mapping[str, str]) -> Row | Bad:
    """Whether a row makes sense by itself; empty values are as good as none."""
    told = {name: value for name, value in columns.items() if name != IGNORED and value != ""}
    try:
        _check_text(told)
        whole = {**defaults, **told}
        _check_names(verb, whole)
        return Row(line, _subject(verb, whole), told)
    except TrunklineError as error:
        return Bad(line, error.field or "row", error.message, told)


def _check_text(columns: Mapping[str, str]) -> None:
    for name, value in columns.items():
        if not name.isprintable():
            raise Invalid("a column's name has a control character", field="row", fix="leave it out")
        if not value.isprintable():
            raise Invalid("has a control character", field=name, fix="leave it out")
        if len(value) > VALUE_LENGTH or len(name) > VALUE_LENGTH:
            raise Invalid(f"has more than {VALUE_LENGTH} characters", field=name[:VALUE_LENGTH], fix="shorten it")


def _check_names(verb: BulkVerb, columns: Mapping[str, str]) -> None:
    known = COLUMNS[verb]
    for name in columns:
        if not known.knows(name):
            raise Invalid(f"no such column; {verb} has {known}", field=name, fix="leave it out")
    for name in known.required:
        if name not in columns:
            raise Invalid("is missing", field=name, fix=f"{verb} has {known}")


def _subject(verb: BulkVerb, told: Mapping[str, str]) -> str:
    """What the row is about, once its values have been parsed."""
    if verb is BulkVerb.ACTIVATE:
        parsed(AccountId.parse, told, "account_id")
        return json.dumps(dict(sorted(told.items())))
    for name, parse in (("cause", Cause.parse), ("level", _level), ("until", instant)):
        if name in told:
            parsed(parse, told, name)
    if verb is BulkVerb.CHANGE and ("offering" in told) == any(name.startswith(PROFILE) for name in told):
        raise Invalid("either an offering or profile.NAME is changed", field="offering", fix="give one of them")
    return str(parsed(SubscriptionId.parse, told, "subscription_id"))


def parsed(parse: Callable[[str], object], told: Mapping[str, str], name: str) -> object:
    """A value of a row. Raises Invalid, which names its column."""
    try:
        return parse(told[name])
    except TrunklineError as error:
        raise Invalid(error.message, field=name, fix=error.fix) from None


def _level(text: str) -> Level:
    if text not in (Level.SOFT, Level.HARD):
        raise Invalid(f"{text!r} is no level", field="level", fix="soft or hard")
    return Level(text)


def instant(text: str) -> datetime:
    """An instant with its offset. Raises Invalid."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Invalid(f"{text!r} is no instant with an offset", field="until", fix="as in 2026-07-01T00:00:00+02:00")
    return found


class Seen:
    """The subjects of a file so far: the second row about one is refused by the line of the first."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}

    def once(self, row: Row | Bad) -> Row | Bad:
        """The row, or why it is one too many."""
        if isinstance(row, Bad):
            return row
        first = self._lines.setdefault(row.subject, row.line)
        if first == row.line:
            return row
        field = next(iter(row.columns), "row")
        same = "the same activation as" if "account_id" in row.columns else "the same line as"
        return Bad(row.line, field, f"{same} row {first}", row.columns)


# ---- one file


def split(
    lines: Iterable[bytes], *, name: str, verb: BulkVerb, defaults: Mapping[str, str]
) -> Iterator[tuple[int, dict[str, str]] | Bad]:
    """The rows of a file with their line numbers, one at a time. Raises Invalid for a header that is wrong.

    JSON lines when the file begins with a brace or is called .jsonl, else CSV with a header.
    """
    numbered = _decoded(lines)
    first = next(numbered, None)
    if first is None:
        raise Invalid("has no rows", field=name, fix=f"columns of {verb}: {COLUMNS[verb]}")
    json_lines = _is_json(first, name)
    rows = (
        _objects(first, numbered)
        if json_lines
        else _cells(_header(first, name=name, verb=verb, defaults=defaults), numbered)
    )
    for count, found in enumerate(rows, 1):
        if count > ROWS:
            raise Exhausted(f"more than {ROWS} rows", field=name, fix="split it")
        yield found


Decoded = tuple[int, str | None]
"""A line number, and its text unless it cannot be read."""


def _decoded(lines: Iterable[bytes]) -> Iterator[Decoded]:
    for number, raw in enumerate(lines, 1):
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if not raw.strip():
            continue
        try:
            yield number, raw.rstrip(b"\r\n").decode() if len(raw) <= LINE_BYTES else None
        except UnicodeDecodeError:
            yield number, None


def _is_json(first: Decoded, name: str) -> bool:
    return name.endswith((".jsonl", ".ndjson")) or (first[1] or "").lstrip().startswith("{")


def _objects(first: Decoded, rest: Iterator[Decoded]) -> Iterator[tuple[int, dict[str, str]] | Bad]:
    for number, text in chain([first], rest):
        if text is None:
            yield _unreadable(number)
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            yield Bad(number, "row", "is not one JSON object of texts", {})
        else:
            yield number, found


def _cells(header: Sequence[str], rest: Iterator[Decoded]) -> Iterator[tuple[int, dict[str, str]] | Bad]:
    for number, text in rest:
        cells = None if text is None else _values(text)
        if cells is None:
            yield _unreadable(number)
        elif len(cells) != len(header):
            yield Bad(number, "row", f"has {len(cells)} values for {len(header)} columns", dict(zip(header, cells)))  # noqa: B905
        else:
            yield number, dict(zip(header, cells, strict=True))


def _header(first: Decoded, *, name: str, verb: BulkVerb, defaults: Mapping[str, str]) -> Sequence[str]:
    number, text = first
    place, fix = f"{name}:{number}", f"columns of {verb}: {COLUMNS[verb]}"
    cells = [cell.strip() for cell in _values(text or "") or []]
    if not cells or not all(cell.isprintable() for cell in cells):
        raise Invalid("is no header of column names", field=place, fix=fix)
    if len(set(cells)) < len(cells):
        raise Invalid("names a column twice", field=place, fix=fix)
    unknown = [cell for cell in cells if not COLUMNS[verb].knows(cell)]
    missing = [cell for cell in COLUMNS[verb].required if cell not in cells and cell not in defaults]
    if unknown:
        raise Invalid(f"has no place for the column {', '.join(unknown)}", field=place, fix=fix)
    if missing:
        raise Invalid(f"has no column {', '.join(missing)}", field=place, fix=fix)
    return cells


def _values(text: str) -> list[str] | None:
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return None


def _unreadable(number: int) -> Bad:
    return Bad(number, "row", f"is not a line of UTF-8 text of at most {LINE_BYTES} bytes", {})
