"""`trunkline task`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import Limit, Offset, noun, pairs
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("Steps of orders that no element answers: an event, a person, an instant ends them.")
_TASK = ("id", "order_id", "kind", "name", "waits_for", "assigned", "due_at", "outcome")
Values = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of the form; may be repeated")]


@app.command("list")
def listed(
    kind: Annotated[str | None, typer.Option(help="wait, manual or timer; all unless told")] = None,
    order: Annotated[str | None, typer.Option("--order", help="only of this order to the network (sor_...)")] = None,
    assigned: Annotated[str | None, typer.Option(help="only of this person or queue")] = None,
    closed: Annotated[bool, typer.Option("--closed", help="those that are over too")] = False,
    offset: Offset = 0,
    limit: Limit = 50,
    output: Output = Format.TABLE,
) -> None:
    """Tasks that wait, the newest first."""
    document = {"kind": kind, "order_id": order, "assigned": assigned, "closed": closed}
    ask("task.list", {**document, "offset": offset, "limit": limit}, output=output, columns=_TASK)


@app.command("show")
def show(task_id: str, output: Output = Format.TABLE) -> None:
    """One task, with the form that a person fills in."""
    ask("task.show", {"task_id": task_id}, output=output)


@app.command("assign")
def assign(
    task_id: str,
    to: Annotated[str, typer.Option(help="a person (kind:name: nobody else may end it) or a queue of people")],
    output: Output = Format.TABLE,
) -> None:
    """Give a manual task to another person or queue."""
    ask("task.assign", {"task_id": task_id, "to": to}, output=output)


@app.command("complete")
def complete(task_id: str, values: Values = None, output: Output = Format.TABLE) -> None:
    """Say that you have done it, and fill in its form: the order goes on."""
    ask("task.complete", {"task_id": task_id, "values": pairs("--set", values)}, output=output)


@app.command("refuse")
def refuse(
    task_id: str,
    reason: Annotated[str, typer.Option(help="a sentence; it stays with the order")],
    output: Output = Format.TABLE,
) -> None:
    """Say that it cannot or must not be done: the order does what it does when a step fails."""
    ask("task.refuse", {"task_id": task_id, "reason": reason}, output=output)


@app.command("signal")
def signal(
    event: Annotated[str, typer.Option(help="the event's name, as the specification says it")],
    correlation: Annotated[str, typer.Option(help="what it is about: a number, an appointment")],
    reference: Annotated[str | None, typer.Option(help="the sender's own id of it; the same counts once")] = None,
    bad: Annotated[str | None, typer.Option("--bad", metavar="REASON", help="bad news: the task fails with it")] = None,
    values: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE it brings; may be repeated")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Tell of an event outside: what waits for it goes on; with nobody waiting it is kept for seven days."""
    document = {"event": event, "correlation": correlation, "reference": reference, "reason": bad}
    told = {**document, "good": bad is None, "values": pairs("--set", values)}
    ask("task.signal", told, output=output)
