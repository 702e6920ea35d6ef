"""`trunkline token`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output, say

app = noun("Bearer tokens of the API.")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="who calls, such as billing-batch")],
    role: Annotated[list[str], typer.Option(help="what it may do (config/roles.yaml); may be repeated")],
    days: Annotated[int | None, typer.Option(help="days until it ends; never unless told")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a token; it is shown once."""
    ask("token.create", {"name": name, "roles": role, "days": days}, output=output)
    say("keep it: it is not shown again")


@app.command("list")
def listed(output: Output = Format.TABLE) -> None:
    """Every token, without the tokens themselves."""
    ask("token.list", {}, output=output)


@app.command("revoke")
def revoke(name: str, output: Output = Format.TABLE) -> None:
    """Let a token stand for nobody any more."""
    ask("token.revoke", {"name": name}, output=output)
