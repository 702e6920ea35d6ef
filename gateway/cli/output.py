"""How answers are printed: data on stdout as a table, JSON or JSON lines; everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from kernel.errors import TrunklineError

PIPE_WIDTH = 10_000
"""Columns of a table that goes into a file or a pipe, where nothing is folded."""


class Format(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


class DocumentFormat(StrEnum):
    """How a document is printed."""

    YAML = "yaml"
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


Output = Annotated[Format, typer.Option("-o", "--output", help="how data is printed: table, json or jsonl")]


def rows(given: Any) -> list[dict[str, Any]] | dict[str, Any]:
    """An answer as plain data: a list when it is one, with nothing around it."""
    if isinstance(given, dict | list):
        return given
    document: dict[str, Any] = given.model_dump(mode="json")
    items: list[dict[str, Any]] | None = document.get("items") if "total" in document else None
    return document if items is None else items


def emit(given: Any, output: Format | DocumentFormat, *, columns: Sequence[str] = ()) -> None:
    """Print a verb's answer or plain data on stdout; `columns` are those of the table, by default all that fit."""
    found = rows(given)
    if output == Format.JSON:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    elif output == Format.JSONL:
        for each in found if isinstance(found, list) else [found]:
            sys.stdout.write(json.dumps(each, ensure_ascii=False) + "\n")
    elif isinstance(found, list):
        _print(_listed(found, columns))
    else:
        _print_single(found)


def say(text: str) -> None:
    """Tell the person at the terminal something that is not data."""
    sys.stderr.write(f"{text}\n")


def complain(error: TrunklineError, output: str) -> None:
    """Say what went wrong, where, and what would mend it; as JSON to a machine."""
    if output in (Format.JSON, Format.JSONL):
        from gateway import outcomes

        say(json.dumps(outcomes.body(error), ensure_ascii=False))
        return
    say(f"error: {error.field}: {error.message}" if error.field else f"error: {error.message}")
    if error.fix:
        say(f"  fix: {error.fix}")


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        sys.stdout.write(f"{line.rstrip()}\n")


def _listed(found: list[dict[str, Any]], columns: Sequence[str]) -> Table:
    from rich.table import Table

    names = list(columns) or list(found[0] if found else ())
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(*(_cell(each.get(name)) for name in names))
    return table


def _print_single(found: dict[str, Any], *, heading: str = "") -> None:
    """One thing: its plain fields as a table, then each list of things in it as a table of its own."""
    inner = {name: value for name, value in found.items() if _things(value)}
    if heading:
        sys.stdout.write(f"\n{heading}\n")
    _print(_single({name: value for name, value in found.items() if name not in inner}))
    for name, things in inner.items():
        label = f"{heading} {name}" if heading else name
        if any(_things(value) for each in things for value in each.values()):
            for number, each in enumerate(things, 1):
                _print_single(each, heading=f"{label} {number}")
        else:
            sys.stdout.write(f"\n{label}\n")
            _print(_listed(things, _told(things)))


def _things(value: Any) -> bool:
    """Whether it is a list of things, each with fields."""
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _told(things: list[dict[str, Any]]) -> list[str]:
    """The fields that at least one of them has; a column of nothing tells nothing."""
    return [name for name in things[0] if any(each.get(name) not in (None, "", [], {}) for each in things)]


def _single(found: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in found.items():
        table.add_row(name, _cell(value))
    return table


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "-"
    return escape(_text(value))


def _text(value: Any) -> str:
    """A value in a cell: `name=value` for what has fields, sentences on lines of their own, no JSON."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(each)}" for name, each in value.items() if each is not None) or "-"
    if isinstance(value, list):
        between = "\n" if any(isinstance(each, str) and " " in each for each in value) else "; "
        return between.join(_text(each) for each in value) or "-"
    return "-" if value is None else str(value)
