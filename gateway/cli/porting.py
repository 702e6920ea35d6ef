"""`trunkline porting`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli import office
from gateway.cli.nouns import noun
from gateway.cli.output import Format, Output

app = noun("Numbers on their way between operators.")
COLUMNS = ("id", "direction", "number", "other", "state", "window_from", "reason")


@app.command("list")
def listed(output: Output = Format.TABLE) -> None:
    """Ports of numbers, the newest first."""
    office.ask("porting.list", {}, output=output, columns=COLUMNS)


@app.command("show")
def show(port_id: str, output: Output = Format.TABLE) -> None:
    """A port of a number: its window, how far it got, and what the other operator said."""
    office.ask("porting.show", {"port_id": port_id}, output=output)


@app.command("cancel")
def cancel(
    port_id: str, reason: Annotated[str, typer.Option(help="why, in a sentence")], output: Output = Format.TABLE
) -> None:
    """Call a port off before its window opens; the clearing house is told."""
    office.ask("porting.cancel", {"port_id": port_id, "reason": reason}, output=output)
