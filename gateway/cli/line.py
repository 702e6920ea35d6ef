"""`trunkline line`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli import office, plans
from gateway.cli.nouns import noun
from gateway.cli.output import Format, Output

app = noun("Lines: restricted, lifted, terminated.")
DryRun = Annotated[bool, typer.Option("--dry-run", help="print the commands instead of sending them")]
Cause = Annotated[str, typer.Option(help="nonPayment, customer, fraud, lost, policy or legal")]


@app.command("restrict")
def restrict(
    subscription_id: str,
    cause: Cause = "customer",
    level: Annotated[str, typer.Option(help="soft (outgoing only) or hard (wholly)")] = "soft",
    until: Annotated[str | None, typer.Option(help="RFC 3339 instant at which it ends by itself")] = None,
    approval: Annotated[
        str | None, typer.Option(help="only ask for it, and why: a protected line's hard stop takes a second person")
    ] = None,
    dry_run: DryRun = False,
    output: Output = Format.TABLE,
) -> None:
    """Stop a line outgoing only, or wholly, for a cause; a protected one wholly only by `--approval`."""
    if approval is not None:
        if dry_run or level != "hard":
            raise typer.BadParameter("is for --level hard, and not with --dry-run", param_hint="--approval")
        asked = {"subscription_id": subscription_id, "cause": cause, "reason": approval, "until": until}
        office.ask("line.request", asked, output=output)
        return
    document = {"subscription_id": subscription_id, "cause": cause, "level": level, "until": until}
    _do("restrict", document, dry_run=dry_run, output=output)


@app.command("lift")
def lift(
    subscription_id: str, cause: Cause = "customer", dry_run: DryRun = False, output: Output = Format.TABLE
) -> None:
    """Take back the restrictions of one cause, and no other."""
    _do("lift", {"subscription_id": subscription_id, "cause": cause}, dry_run=dry_run, output=output)


@app.command("terminate")
def terminate(
    subscription_id: str, cause: Cause = "customer", dry_run: DryRun = False, output: Output = Format.TABLE
) -> None:
    """End a line from today on."""
    _do("terminate", {"subscription_id": subscription_id, "cause": cause}, dry_run=dry_run, output=output)


@app.command("timeline")
def timeline(
    subscription_id: str,
    why: Annotated[bool, typer.Option("--why", help="only why it is cut off, in one sentence")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Everything that happened to a line, in the order of its happening."""
    if why:
        office.ask("line.why", {"subscription_id": subscription_id}, output=output)
        return
    columns = ("at", "kind", "about", "what", "actor", "detail")
    office.ask("line.timeline", {"subscription_id": subscription_id}, output=output, columns=columns)


def _do(change: str, document: Mapping[str, Any], *, dry_run: bool, output: Format) -> None:
    if not dry_run:
        office.ask(f"line.{change}", document, output=output)
        return

    async def planned() -> Any:
        async with office.office() as doer:
            return await office.done(doer, "line.plan", {**document, "change": change})

    plans.show(office.answered(planned, output=output), output)
