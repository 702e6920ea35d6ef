"""`trunkline invoice`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import Account, Limit, Offset, noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("Invoices and what is taken back of them.")
Reason = Annotated[str, typer.Option(help="why; it stays with the invoice")]


@app.command("list")
def listed(account: Account = None, offset: Offset = 0, limit: Limit = 50, output: Output = Format.TABLE) -> None:
    """Invoices, the newest first."""
    columns = ("id", "number", "account", "status", "issued_on", "due_on", "total", "open", "currency")
    document = {"account_id": account, "offset": offset, "limit": limit}
    ask("invoice.list", document, output=output, columns=columns)


@app.command("show")
def show(invoice_id: str, output: Output = Format.TABLE) -> None:
    """An invoice with its lines, taxes and what settled it."""
    ask("invoice.show", {"invoice_id": invoice_id}, output=output)


@app.command("credit")
def credit(
    invoice_id: str,
    reason: Annotated[str, typer.Option(help="as it stands on the credit note")],
    line: Annotated[
        list[str] | None, typer.Option(help="a line's number, or number=amount before tax; all unless told")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Take an issued invoice back, whole or by line."""
    lines = {number: amount or None for number, _, amount in (each.partition("=") for each in line or [])}
    ask("invoice.credit", {"invoice_id": invoice_id, "reason": reason, "lines": lines or None}, output=output)


@app.command("preview")
def preview(
    account_id: str,
    on: Annotated[
        str | None, typer.Option(help="the local day, as in 2026-07-01; the next billing day unless told")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """What an account's next bill would say; nothing is stored."""
    ask("invoice.preview", {"account_id": account_id, "on": on}, output=output)


@app.command("explain")
def explain(invoice_id: str, output: Output = Format.TABLE) -> None:
    """Each line in a sentence: which days, at which price, why this amount."""
    ask("invoice.explain", {"invoice_id": invoice_id}, output=output)


@app.command("hold")
def hold(invoice_id: str, reason: Reason, output: Output = Format.TABLE) -> None:
    """Keep a draft from being issued until somebody releases it."""
    ask("invoice.hold", {"invoice_id": invoice_id, "reason": reason}, output=output)


@app.command("release")
def release(invoice_id: str, output: Output = Format.TABLE) -> None:
    """Ask for a held invoice's tax again; with an answer it is issued."""
    ask("invoice.release", {"invoice_id": invoice_id}, output=output)


@app.command("discard")
def discard(invoice_id: str, reason: Reason, output: Output = Format.TABLE) -> None:
    """Throw a held invoice or a draft away; what it charged is billed anew."""
    ask("invoice.discard", {"invoice_id": invoice_id, "reason": reason}, output=output)


@app.command("dispute")
def dispute(invoice_id: str, reason: Reason, output: Output = Format.TABLE) -> None:
    """Note the payer's objection: until it is settled the invoice is neither collected nor dunned."""
    ask("invoice.dispute", {"invoice_id": invoice_id, "reason": reason}, output=output)


@app.command("settle-dispute")
def settle_dispute(invoice_id: str, output: Output = Format.TABLE) -> None:
    """End an objection; what it left open is owed again."""
    ask("invoice.settle-dispute", {"invoice_id": invoice_id}, output=output)


@app.command("write-off")
def write_off(
    invoice_id: str,
    reason: Reason,
    amount: Annotated[str | None, typer.Option(help="as in 20.00; all that is open unless told")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Give up what is open on an invoice, or a part of it."""
    ask("invoice.write-off", {"invoice_id": invoice_id, "reason": reason, "amount": amount}, output=output)
