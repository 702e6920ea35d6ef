"""`trunkline approval`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import Limit, Offset, noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("What takes a second person.")


@app.command("list")
def listed(
    line: Annotated[str | None, typer.Option(help="only about this line (sub_...)")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="only those that nobody has decided")] = False,
    offset: Offset = 0,
    limit: Limit = 50,
    output: Output = Format.TABLE,
) -> None:
    """Requests for a second person, the newest first."""
    columns = ("id", "subscription_id", "cause", "reason", "decision", "requested_by", "requested_at", "decided_by")
    document = {"subscription_id": line, "waiting": waiting, "offset": offset, "limit": limit}
    ask("approval.list", document, output=output, columns=columns)


@app.command("show")
def show(approval_id: str, output: Output = Format.TABLE) -> None:
    """A request (rsq_...) and what became of it."""
    ask("approval.show", {"approval_id": approval_id}, output=output)


@app.command("approve")
def approve(approval_id: str, output: Output = Format.TABLE) -> None:
    """Place the restriction as the second person; whoever asked for it may not."""
    ask("approval.approve", {"approval_id": approval_id}, output=output)


@app.command("reject")
def reject(approval_id: str, output: Output = Format.TABLE) -> None:
    """Let the line be; whoever asked for it may not decide."""
    ask("approval.reject", {"approval_id": approval_id}, output=output)
