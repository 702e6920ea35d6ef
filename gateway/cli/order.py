"""`trunkline order`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from gateway.cli import office, plans
from gateway.cli.nouns import Account, Limit, Offset, data, noun, repeatable
from gateway.cli.output import Format, Output, emit, say

app = noun("Orders, of customers (por_...) and to the network (sor_...).")
POLL_S = 0.2
"""How often a watched order is looked at."""
_ENDED = {"completed": 0, "partial": 6, "held": 7, "failed": 1, "cancelled": 1, "rejected": 1}
"""The states in which nothing moves by itself any more, and how the command then ends."""
_TIMEOUT = 8
Changed = Annotated[
    list[str] | None, typer.Option("--change", metavar="SUB=OFFERING", help="a line to move to another offering")
]
Ended = Annotated[list[str] | None, typer.Option("--end", metavar="SUB", help="a line to end; may be repeated")]
Start = Annotated[str | None, typer.Option("--start-at", help="RFC 3339 instant at which it begins; now unless told")]
OnError = Annotated[
    str | None,
    typer.Option(help="what a failed step of --offering and --change does: rollback (unless told), hold or partial"),
]
Within = Annotated[float, typer.Option(help="seconds to wait for its end")]
Kept = Annotated[list[str] | None, typer.Option("--keep", help="a line of the whole that stays as it is: SUB")]
Waited = Annotated[float | None, typer.Option("--wait", help="seconds to wait for its end; not at all unless told")]


@app.command("submit")
def submit(
    file: Annotated[str | None, typer.Argument(help="YAML or JSON: account_id, items, method_id; - is stdin")] = None,
    account: Annotated[str | None, typer.Option(help="the billing account (acc_...), instead of a file")] = None,
    offering: Annotated[list[str] | None, typer.Option(help="what to add; may be repeated")] = None,
    change: Changed = None,
    end: Ended = None,
    keep: Kept = None,
    method: Annotated[str | None, typer.Option(help="the payment method (pmt_...); by invoice unless told")] = None,
    key: Annotated[str | None, typer.Option(help="the same key with the same body is the same order")] = None,
    plan: Annotated[
        str | None, typer.Option("--plan", help="a plan's checksum: exactly as planned, or refused if it is stale")
    ] = None,
    start_at: Start = None,
    on_error: OnError = None,
    wait: Waited = None,
    output: Output = Format.TABLE,
) -> None:
    """Order something for an account, from a file or from options."""

    async def submitted() -> Any:
        document = data(file) if file is not None else {}
        document = {
            **document,
            **_options(account, _items(offering, change, end, keep, on_error), method, key),
            "plan": plan,
        }
        document |= {} if start_at is None else {"start_at": start_at}
        document["key"] = repeatable(document.get("key"))
        async with office.office(moving=wait is not None) as doer:
            given: Any = await office.done(doer, "order.submit", document)
            return given if wait is None else await _ended(doer, given.id, within_s=wait)

    given = office.answered(submitted, output=output)
    emit(given, output)
    if wait is not None:
        _leave(given.state)


@app.command("plan")
def plan(
    file: Annotated[str | None, typer.Argument(help="as for order submit; - is stdin")] = None,
    account: Annotated[str | None, typer.Option(help="the billing account (acc_...), instead of a file")] = None,
    offering: Annotated[list[str] | None, typer.Option(help="what to add; may be repeated")] = None,
    change: Changed = None,
    end: Ended = None,
    keep: Kept = None,
    method: Annotated[str | None, typer.Option(help="the payment method (pmt_...); by invoice unless told")] = None,
    start_at: Start = None,
    on_error: OnError = None,
    output: Output = Format.TABLE,
) -> None:
    """Show what an order would do, and send nothing: commands, what it holds, its first invoice, its undo."""

    async def planned() -> Any:
        document = data(file) if file is not None else {}
        document = {**document, **_options(account, _items(offering, change, end, keep, on_error), method, None)}
        document |= {} if start_at is None else {"start_at": start_at}
        async with office.office() as doer:
            return await office.done(doer, "order.plan", document)

    plans.show(office.answered(planned, output=output), output)


@app.command("show")
def show(order_id: str, output: Output = Format.TABLE) -> None:
    """An order with its items, its gates and every step of it."""
    office.ask("order.show", {"order_id": order_id}, output=output)


@app.command("list")
def listed(account: Account = None, offset: Offset = 0, limit: Limit = 50, output: Output = Format.TABLE) -> None:
    """Customers' orders, the newest first."""
    columns = ("id", "account_id", "state", "amount", "currency", "submitted_at", "reason")
    document = {"account_id": account, "offset": offset, "limit": limit}
    office.ask("order.list", document, output=output, columns=columns)


@app.command("watch")
def watch(order_id: str, timeout: Within = 60.0, output: Output = Format.TABLE) -> None:
    """Wait until an order ends; 6 when it is partial, 7 when it waits for a person, 8 when it did not end in time."""

    async def watched() -> Any:
        async with office.office(moving=True) as doer:
            return await _ended(doer, order_id, within_s=timeout)

    given = office.answered(watched, output=output)
    emit(given, output)
    _leave(given.state)


@app.command("timeline")
def timeline(order_id: str, output: Output = Format.TABLE) -> None:
    """Everything that happened to an order, in the order of its happening."""
    columns = ("at", "kind", "order_id", "what", "actor", "detail")
    office.ask("order.timeline", {"order_id": order_id}, output=output, columns=columns)


@app.command("transcript")
def transcript(order_id: str, output: Output = Format.TABLE) -> None:
    """The words exchanged with the elements, secrets masked."""
    office.ask("order.transcript", {"order_id": order_id}, output=output)


@app.command("cancel")
def cancel(
    order_id: str,
    reason: Annotated[str, typer.Option(help="a sentence; it stays with the order")],
    output: Output = Format.TABLE,
) -> None:
    """Call an order off: at a gate at once, later by taking back what the network did of it."""
    office.ask("order.cancel", {"order_id": order_id, "reason": reason}, output=output)


@app.command("deadline")
def deadline(
    order_id: str,
    by: Annotated[str, typer.Option(help="RFC 3339 instant by which it is wanted")],
    output: Output = Format.TABLE,
) -> None:
    """Say by when an order is wanted: half an hour before, one that is still open is an alarm."""
    office.ask("order.deadline", {"order_id": order_id, "by": by}, output=output)


@app.command("retry")
def retry(order_id: str, output: Output = Format.TABLE) -> None:
    """Let what of an order waits for a person go on."""
    office.ask("order.retry", {"order_id": order_id}, output=output)


def _items(
    offerings: list[str] | None,
    changes: list[str] | None,
    ends: list[str] | None,
    kept: list[str] | None,
    on_error: str | None,
) -> list[dict[str, str]]:
    failing = {} if on_error is None else {"on_error": on_error}
    items = [{"action": "add", "offering": code, **failing} for code in offerings or []]
    for each in changes or []:
        line, _, code = each.partition("=")
        if not line or not code:
            raise typer.BadParameter(f"{each!r} is not SUB=OFFERING", param_hint="--change")
        items.append({"action": "modify", "subscription_id": line, "offering": code, **failing})
    items += [{"action": "delete", "subscription_id": line} for line in ends or []]
    return [*items, *({"action": "noChange", "subscription_id": line} for line in kept or [])]


def _options(account: str | None, items: list[dict[str, str]], method: str | None, key: str | None) -> dict[str, Any]:
    told = {"account_id": account, "items": items or None, "method_id": method, "key": key}
    return {name: value for name, value in told.items() if value is not None}


async def _ended(doer: office.Doer, order_id: str, *, within_s: float) -> Any:
    """The order once it has ended, or as it is when the time is up."""
    loop, state = asyncio.get_running_loop(), ""
    deadline = loop.time() + within_s
    while True:
        given: Any = await office.done(doer, "order.show", {"order_id": order_id})
        if given.state != state:
            state = str(given.state)
            say(f"{given.id} {state}")
        if state in _ENDED or loop.time() > deadline:
            return given
        await asyncio.sleep(POLL_S)


def _leave(state: str) -> None:
    code = _ENDED.get(str(state), _TIMEOUT)
    if code == _TIMEOUT:
        say(f"still {state}: it goes on; see `trunkline order show`")
    if code:
        raise typer.Exit(code)
