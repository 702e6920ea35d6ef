"""`trunkline element`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli import office
from gateway.cli.documents import AsDocument, applied, shown
from gateway.cli.nouns import data, noun
from gateway.cli.output import DocumentFormat, Format, Output, emit

app = noun("The network's elements.")
windows = noun("Hours in which work for an element waits.")
app.add_typer(windows, name="window")


@app.command("apply")
def apply(
    files: list[str],
    facts: Annotated[
        str | None, typer.Option(help="a JSON file of what ${...} stands for, as `sim up` prints it")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Apply element files: each checked whole, stored where it says something new."""

    async def done() -> list[dict[str, object]]:
        return await applied("element", files, facts=None if facts is None else data(facts))

    emit(office.answered(done, output=output), output)


@app.command("show")
def show(name: str, output: AsDocument = DocumentFormat.YAML) -> None:
    """An element in force, as YAML that can be applied again."""
    shown("element", name, output)


@app.command("list")
def listed(output: Output = Format.TABLE) -> None:
    """Every element, by name."""
    office.ask("element.list", {}, output=output)


@app.command("withdraw")
def withdraw(name: str, output: Output = Format.TABLE) -> None:
    """Keep commands from an element on which somebody works; they wait."""
    office.ask("element.withdraw", {"name": name}, output=output)


@app.command("reinstate")
def reinstate(name: str, output: Output = Format.TABLE) -> None:
    """Let commands reach an element again."""
    office.ask("element.reinstate", {"name": name}, output=output)


@app.command("probe")
def probe(name: str, output: Output = Format.TABLE) -> None:
    """Ask an element who it is, over its own protocol."""
    given = office.ask("element.probe", {"name": name}, output=output)
    if not given.reachable:
        raise typer.Exit(1)


@windows.command("add")
def add_window(
    element: str,
    reason: Annotated[str, typer.Option(help="a sentence; it stands beside every step that waits")],
    kind: Annotated[
        str, typer.Option(help="closed: nothing is sent in these hours; open: nothing is sent but in these hours")
    ] = "closed",
    days: Annotated[str | None, typer.Option(help="daily, mon-fri or sat,sun")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="HH:MM in the element's zone, or an RFC 3339 instant for once")
    ] = None,
    end: Annotated[str | None, typer.Option("--until", help="likewise")] = None,
    restores: Annotated[
        bool, typer.Option("--restores-pass", help="what restores a service is sent all the same")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Let work for an element wait, every week or once; what runs is not stopped."""
    document = {"element": element, "kind": kind, "restores": restores, "reason": reason, "days": days}
    names = ("from_at", "until_at") if days is None else ("from_time", "until_time")
    office.ask("window.add", {**document, **dict(zip(names, (start, end), strict=True))}, output=output)


@windows.command("list")
def list_windows(
    element: Annotated[str | None, typer.Argument(help="only of this element")] = None, output: Output = Format.TABLE
) -> None:
    """The windows that still count, by element."""
    office.ask("window.list", {"element": element}, output=output)


@windows.command("remove")
def remove_window(window_id: str, output: Output = Format.TABLE) -> None:
    """Take a window away: what waited for it goes on."""
    office.ask("window.remove", {"window_id": window_id}, output=output)
