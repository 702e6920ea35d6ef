"""`trunkline element`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli import office
from gateway.cli.documents import AsDocument, applied, shown
from gateway.cli.nouns import data, noun
from gateway.cli.output import DocumentFormat, Format, Output, emit

app = noun("The network's elements.")


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
