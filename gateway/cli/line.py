"""`trunkline line`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli import office, plans
from gateway.cli.nouns import noun
from gateway.cli.output import Format, Output

app = noun("Lines: restricted, lifted, moved, renewed, terminated.")
DryRun = Annotated[bool, typer.Option("--dry-run", help="print the commands instead of sending them")]
Opens = Annotated[str, typer.Option("--from", help="RFC 3339 instant at which the window opens")]
Closes = Annotated[str, typer.Option("--until", help="RFC 3339 instant at which the window closes")]
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


@app.command("undo-terminate")
def undo_terminate(subscription_id: str, dry_run: DryRun = False, output: Output = Format.TABLE) -> None:
    """Take a line's end back: the same number and SIM come back while they still rest."""
    _do("undo-terminate", {"subscription_id": subscription_id}, dry_run=dry_run, output=output)


@app.command("swap-sim")
def swap_sim(
    subscription_id: str,
    to: Annotated[str | None, typer.Option(help="ICCID of the new SIM; any in stock unless told")] = None,
    dry_run: DryRun = False,
    output: Output = Format.TABLE,
) -> None:
    """Put a line on another SIM; the number stays, the old SIM rests."""
    _do("swap-sim", {"subscription_id": subscription_id, "to": to}, dry_run=dry_run, output=output)


@app.command("change-number")
def change_number(
    subscription_id: str,
    to: Annotated[str | None, typer.Option(help="the new number; any in stock unless told")] = None,
    dry_run: DryRun = False,
    output: Output = Format.TABLE,
) -> None:
    """Give a line another number; the old one rests, and its late usage is still the line's."""
    _do("change-number", {"subscription_id": subscription_id, "to": to}, dry_run=dry_run, output=output)


@app.command("move")
def move(
    subscription_id: str,
    to: Annotated[str | None, typer.Option(help="the new port, such as 7 or olt-2/7")] = None,
    on: Annotated[str | None, typer.Option(help="any port of this element")] = None,
    resource: Annotated[str, typer.Option(help="which of the line's resources moves")] = "port",
    dry_run: DryRun = False,
    output: Output = Format.TABLE,
) -> None:
    """Put a line on another port or element: made there and confirmed before it is taken off here."""
    document = {"subscription_id": subscription_id, "to": to, "on": on, "resource": resource}
    _do("move", document, dry_run=dry_run, output=output)


@app.command("renew")
def renew(
    subscription_id: str,
    months: Annotated[int | None, typer.Option(help="the term; that of its offering unless told")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Bind a line for another term; the network hears nothing."""
    office.ask("line.renew", {"subscription_id": subscription_id, "months": months}, output=output)


@app.command("port-in")
def port_in(
    account: Annotated[str, typer.Option(help="the billing account (acc_...)")],
    offering: Annotated[str, typer.Option(help="what the line is to be")],
    number: Annotated[str, typer.Option(help="the number that comes along")],
    donor: Annotated[str, typer.Option(help="the operator it comes from")],
    opens: Opens,
    closes: Closes,
    method: Annotated[str | None, typer.Option(help="the payment method (pmt_...); by invoice unless told")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Bring a number along from another operator; its line is ordered when the window opens."""
    document = {"account_id": account, "offering": offering, "number": number, "method_id": method}
    window = {"other": donor, "window_from": opens, "window_until": closes}
    office.ask("line.port-in", {**document, **window}, output=output)


@app.command("port-out")
def port_out(
    subscription_id: str,
    recipient: Annotated[str, typer.Option(help="the operator it goes to")],
    opens: Opens,
    closes: Closes,
    output: Output = Format.TABLE,
) -> None:
    """Agree that a line's number goes to another operator; the line ends when the window opens."""
    window = {"other": recipient, "window_from": opens, "window_until": closes}
    office.ask("line.port-out", {"subscription_id": subscription_id, **window}, output=output)


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
