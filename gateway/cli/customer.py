"""`trunkline customer`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import Limit, Offset, noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("Customers and their billing accounts.")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="as it stands on an invoice")],
    email: Annotated[str, typer.Option(help="where letters go")],
    currency: Annotated[str, typer.Option(help="ISO 4217")] = "EUR",
    zone: Annotated[str, typer.Option(help="IANA time zone whose days are billed")] = "Europe/Berlin",
    billing_day: Annotated[int, typer.Option(help="day of the month, 1 to 31")] = 1,
    seller: Annotated[str | None, typer.Option(help="who sells, when there is more than one (sel_...)")] = None,
    payment_terms_days: Annotated[int | None, typer.Option(help="days to pay; 14 unless told")] = None,
    country: Annotated[str | None, typer.Option(help="where it is taxed, as in DE")] = None,
    tax_id: Annotated[str | None, typer.Option(help="its tax number")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a customer with a first billing account."""
    document = {
        "name": name,
        "email": email,
        "currency": currency,
        "zone": zone,
        "billing_day": billing_day,
        "seller_id": seller,
        "payment_terms_days": payment_terms_days,
        "country": country,
        "tax_id": tax_id,
    }
    ask("customer.create", document, output=output)


@app.command("show")
def show(customer_id: str, output: Output = Format.TABLE) -> None:
    """A customer and its billing accounts."""
    ask("customer.show", {"customer_id": customer_id}, output=output)


@app.command("list")
def listed(offset: Offset = 0, limit: Limit = 50, output: Output = Format.TABLE) -> None:
    """Customers, the newest first."""
    columns = ("id", "name", "email", "created_at")
    ask("customer.list", {"offset": offset, "limit": limit}, output=output, columns=columns)
