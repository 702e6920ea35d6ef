"""`trunkline payment` and `trunkline payment-method`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from gateway.cli import office
from gateway.cli.nouns import Account, Limit, Offset, noun, repeatable
from gateway.cli.office import ask
from gateway.cli.output import Format, Output, emit, say

app = noun("Payments.")
POLL_S = 0.2
"""How often a payment that is waited for is looked at."""
_OUTCOME = {"succeeded": 0, "failed": 1, "cancelled": 1}
"""The states in which the bank has said its word, and how the command then ends."""
_TIMEOUT = 8
methods = noun("Payment methods: tokens, never card numbers.")


@methods.command("add")
def add(
    account_id: str,
    token: Annotated[str, typer.Option(help="what the payment gateway made of the card")],
    brand: Annotated[str, typer.Option(help="such as visa")],
    last4: Annotated[str, typer.Option(help="the last four digits")],
    label: Annotated[str | None, typer.Option(help="what the customer calls it")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Let an account pay with a token."""
    document = {"account_id": account_id, "token": token, "brand": brand, "last4": last4, "label": label}
    ask("payment-method.add", document, output=output)


@methods.command("list")
def list_methods(account_id: str, output: Output = Format.TABLE) -> None:
    """An account's methods, the standard one first."""
    ask("payment-method.list", {"account_id": account_id}, output=output)


@app.command("charge")
def charge(
    account_id: str,
    invoice: Annotated[str | None, typer.Option(help="only what is owed on it (inv_...)")] = None,
    method: Annotated[str | None, typer.Option(help="another method than the standard one (pmt_...)")] = None,
    amount: Annotated[str | None, typer.Option(help="as in 86.00; all that is owed unless told")] = None,
    currency: Annotated[str | None, typer.Option(help="the amount's currency; must be the account's")] = None,
    key: Annotated[str | None, typer.Option(help="the same key with the same request is the same payment")] = None,
    wait: Annotated[float | None, typer.Option(help="seconds to wait for its outcome; not at all unless told")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Want money of an account; with `--wait` 1 when it failed, 8 when nobody said in time how it came out."""
    document = {
        "account_id": account_id,
        "invoice_id": invoice,
        "method_id": method,
        "amount": amount,
        "currency": currency,
        "key": repeatable(key),
    }
    if wait is None:
        ask("payment.charge", document, output=output)
        return

    async def waited() -> Any:
        async with office.office(moving=True) as doer:
            given: Any = await office.done(doer, "payment.charge", document)
            return await _outcome(doer, given.id, within_s=wait)

    given = office.answered(waited, output=output)
    emit(given, output)
    if code := _OUTCOME.get(str(given.state), _TIMEOUT):
        raise typer.Exit(code)


async def _outcome(doer: office.Doer, payment_id: str, *, within_s: float) -> Any:
    """The payment once the bank has said yes or no, or as it is when the time is up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        given: Any = await office.done(doer, "payment.show", {"payment_id": payment_id})
        if str(given.state) in _OUTCOME or loop.time() > deadline:
            say(f"{given.id} {given.state}")
            return given
        await asyncio.sleep(POLL_S)


@app.command("refund")
def refund(
    account_id: str,
    reason: Annotated[str, typer.Option(help="why; it stays with the refund")],
    payment: Annotated[
        str | None, typer.Option(help="what of this payment pays nothing (pay_...); the open credit unless told")
    ] = None,
    amount: Annotated[str | None, typer.Option(help="as in 20.00; all there is unless told")] = None,
    currency: Annotated[str | None, typer.Option(help="the amount's currency; must be the account's")] = None,
    key: Annotated[str | None, typer.Option(help="the same key with the same request is the same refund")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Give money back to the methods that paid."""
    document = {
        "account_id": account_id,
        "payment_id": payment,
        "amount": amount,
        "currency": currency,
        "reason": reason,
        "key": repeatable(key),
    }
    ask("payment.refund", document, output=output)


@app.command("show")
def show(payment_id: str, output: Output = Format.TABLE) -> None:
    """A payment."""
    ask("payment.show", {"payment_id": payment_id}, output=output)


@app.command("list")
def listed(account: Account = None, offset: Offset = 0, limit: Limit = 50, output: Output = Format.TABLE) -> None:
    """Payments, the newest first."""
    columns = ("id", "account_id", "purpose", "state", "amount", "captured", "currency", "reason")
    document = {"account_id": account, "offset": offset, "limit": limit}
    ask("payment.list", document, output=output, columns=columns)
