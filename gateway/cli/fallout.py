"""`trunkline fallout`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli import office
from gateway.cli.nouns import noun, pairs
from gateway.cli.output import Format, Output, emit

app = noun("What waits for a person.")
Ids = Annotated[list[str] | None, typer.Argument(help="flt_..., or sor_... for all of an order")]
Element = Annotated[
    str | None, typer.Option("--element", help="all of an element instead: one first, the rest when it is confirmed")
]
Why = Annotated[str, typer.Option("--reason", help="a sentence; it stays with the order")]
Note = Annotated[str | None, typer.Option(help="what the next person should know")]
_ACT = ("id", "order_id", "element", "key", "outcome", "message")
_ERROR, _PARTIAL = 1, 6


@app.command("list")
def listed(output: Output = Format.TABLE) -> None:
    """Everything that waits for a person, the oldest first."""
    columns = ("id", "order_id", "element", "key", "cause", "message", "suggestion", "taken_by", "note", "opened_at")
    office.ask("fallout.list", {}, output=output, columns=columns)


@app.command("show")
def show(id: str, output: Output = Format.TABLE) -> None:  # noqa: A002  (the word on the command line)
    """One thing that waits (flt_...), or everything that ever fell out of an order (sor_...)."""
    office.ask("fallout.show", {"id": id}, output=output)


@app.command("take")
def take(id: str, note: Note = None, output: Output = Format.TABLE) -> None:  # noqa: A002  (as above)
    """Take one in hand for 30 minutes; nobody else acts on it meanwhile."""
    office.ask("fallout.take", {"id": id, "note": note}, output=output)


@app.command("release")
def release(id: str, note: Note = None, output: Output = Format.TABLE) -> None:  # noqa: A002  (as above)
    """Give it back to all, with a note for the next."""
    office.ask("fallout.release", {"id": id, "note": note}, output=output)


@app.command("retry")
def retry(ids: Ids = None, element: Element = None, output: Output = Format.TABLE) -> None:
    """Send again what failed; 6 when some could not, 1 when none could."""
    _act("retry", ids, element, {}, output)


@app.command("correct")
def correct(
    ids: Ids = None,
    element: Element = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of a characteristic; may be repeated")
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option(help="ALIAS=VALUE of another piece of the stock; may be repeated")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Want other values, plan anew from what is confirmed, and go on."""
    more = {"profile": pairs("--set", values), "resources": pairs("--resource", resource)}
    _act("correct", ids, element, more, output)


@app.command("skip")
def skip(reason: Why, ids: Ids = None, element: Element = None, output: Output = Format.TABLE) -> None:
    """Go on without the step: its component is not billed, and the order ends partial."""
    _act("skip", ids, element, {"reason": reason}, output)


@app.command("undo")
def undo(reason: Why, ids: Ids = None, element: Element = None, output: Output = Format.TABLE) -> None:
    """Take back what the order did; it ends failed."""
    _act("undo", ids, element, {"reason": reason}, output)


@app.command("cancel")
def cancel(reason: Why, ids: Ids = None, element: Element = None, output: Output = Format.TABLE) -> None:
    """Call the order off, and the customer's order it is for."""
    _act("cancel", ids, element, {"reason": reason}, output)


def _act(name: str, ids: list[str] | None, element: str | None, more: dict[str, Any], output: Format) -> None:
    async def done() -> Any:
        async with office.office(moving=element is not None) as doer:
            return await office.done(doer, f"fallout.{name}", {"ids": ids or [], "element": element, **more})

    given = office.answered(done, output=output)
    emit(given, output, columns=_ACT)
    good = sum(each.outcome == "done" for each in given.items)
    if good < len(given.items):
        raise typer.Exit(_PARTIAL if good else _ERROR)
