"""`trunkline guard`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("The blast radius: how many lines may be cut, what is held beyond that, the kill switch.")
Why = Annotated[str, typer.Option("--why", help="a sentence; it stands in the audit log")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="for every tenant of the platform")]


@app.command("show")
def show(output: Output = Format.TABLE) -> None:
    """How many lines were cut in 24 hours, how many may be, and whether cuts are stopped."""
    ask("guard.show", {}, output=output)


@app.command("held")
def held(output: Output = Format.TABLE) -> None:
    """The cuts that wait for a second person, the oldest first."""
    ask("guard.list", {}, output=output, columns=("order_id", "verb", "requested_by", "held_at", "reason"))


@app.command("approve")
def approve(
    order_ids: Annotated[list[str] | None, typer.Argument(metavar="[SOR]...", help="held cuts (sor_...)")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all that wait now")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Let held cuts go as the second person; whoever placed them may not."""
    ask("guard.approve", {"order_ids": order_ids or [], "everything": everything}, output=output)


@app.command("stop")
def stop(why: Why, everywhere: Everywhere = False, output: Output = Format.TABLE) -> None:
    """Send no cut from now on; lifting and everything else that restores goes on."""
    ask("platform-guard.stop" if everywhere else "guard.stop", {"why": why}, output=output)


@app.command("resume")
def resume(why: Why, everywhere: Everywhere = False, output: Output = Format.TABLE) -> None:
    """Let cuts go again."""
    ask("platform-guard.resume" if everywhere else "guard.resume", {"why": why}, output=output)
