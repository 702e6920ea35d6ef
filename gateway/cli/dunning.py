"""`trunkline dunning`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("Debts that are followed up.")


@app.command("list")
def listed(output: Output = Format.TABLE) -> None:
    """The cases that are open or paused."""
    ask("dunning.list", {}, output=output)


@app.command("show")
def show(case_id: str, output: Output = Format.TABLE) -> None:
    """A case (dun_...) with what is owed now and everything that was done about it."""
    ask("dunning.show", {"case_id": case_id}, output=output)


@app.command("pause")
def pause(
    case_id: str,
    until: Annotated[str, typer.Option(help="RFC 3339 instant at which the climb goes on by itself")],
    reason: Annotated[str, typer.Option(help="why, such as a promise to pay")],
    output: Output = Format.TABLE,
) -> None:
    """Stop the climb until an instant; what is restricted stays so."""
    ask("dunning.pause", {"case_id": case_id, "until": until, "reason": reason}, output=output)


@app.command("resume")
def resume(case_id: str, output: Output = Format.TABLE) -> None:
    """End a pause now."""
    ask("dunning.resume", {"case_id": case_id}, output=output)


@app.command("run")
def run(output: Output = Format.TABLE) -> None:
    """Do what dunning has due now."""
    given = ask("dunning.run", {}, output=output)
    if given.failed:
        raise typer.Exit(6 if given.overdue or given.advanced else 1)
