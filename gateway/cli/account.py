"""`trunkline account`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("Billing accounts: what they owe, and what bills say of them.")


@app.command("show")
def show(account_id: str, output: Output = Format.TABLE) -> None:
    """A billing account with what it owes and what it has to its credit."""
    ask("account.show", {"account_id": account_id}, output=output)


@app.command("set")
def change(
    account_id: str,
    email: Annotated[str | None, typer.Option(help="where letters go")] = None,
    country: Annotated[str | None, typer.Option(help="where it is taxed, as in DE")] = None,
    tax_id: Annotated[str | None, typer.Option(help="its tax number; '' takes it away")] = None,
    payment_terms_days: Annotated[int | None, typer.Option(help="days to pay an invoice to come")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Change what documents to come say of an account; what is issued stays as it is."""
    told = {"email": email, "country": country, "tax_id": tax_id, "payment_terms_days": payment_terms_days}
    ask("account.set", {"account_id": account_id, **told}, output=output)


@app.command("park")
def park(
    account_id: str,
    reason: Annotated[str, typer.Option(help="why; it stands in account show")],
    output: Output = Format.TABLE,
) -> None:
    """Stop issue, collection, dunning and fees for an account; service and payment go on."""
    ask("account.park", {"account_id": account_id, "reason": reason}, output=output)


@app.command("unpark")
def unpark(account_id: str, output: Output = Format.TABLE) -> None:
    """Let an account be billed again; what it missed is billed next."""
    ask("account.unpark", {"account_id": account_id}, output=output)
