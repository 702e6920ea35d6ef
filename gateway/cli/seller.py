"""`trunkline seller`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("Legal entities that sell, and their books.")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="as it stands on an invoice")],
    country: Annotated[str, typer.Option(help="two capital letters, as in DE")],
    zone: Annotated[str, typer.Option(help="IANA time zone of its books")] = "Europe/Berlin",
    currency: Annotated[str, typer.Option(help="ISO 4217")] = "EUR",
    exempt: Annotated[str | None, typer.Option(help="the rule that exempts it from tax")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a seller."""
    document = {
        "name": name,
        "country": country,
        "zone": zone,
        "currency": currency,
        "tax_status": "registered" if exempt is None else "exempt",
        "exemption_reason": exempt,
    }
    ask("seller.create", document, output=output)


@app.command("list")
def listed(output: Output = Format.TABLE) -> None:
    """Every seller."""
    ask("seller.list", {}, output=output, columns=("id", "name", "country", "currency", "tax_status"))


@app.command("balance")
def balance(seller_id: str, output: Output = Format.TABLE) -> None:
    """The trial balance of a seller's books."""
    ask("seller.show", {"seller_id": seller_id}, output=output)
