"""`trunkline worker`: run one, list them, end one."""

from __future__ import annotations

import typer

from gateway.cli import serve
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = typer.Typer(invoke_without_command=True)
_COLUMNS = ("id", "state", "lanes", "in_flight", "since", "seen")


@app.callback()
def run(context: typer.Context) -> None:
    """Run everything that moves by itself, without the API; as many as wanted share one PostgreSQL."""
    if context.invoked_subcommand is None:
        serve.worker()


@app.command("list")
def listed(output: Output = Format.TABLE) -> None:
    """Who is at work, since when, on how many lanes, with how many commands in flight, and when last seen."""
    ask("worker.list", {}, output=output, columns=_COLUMNS)


@app.command("drain")
def drain(worker: str, output: Output = Format.TABLE) -> None:
    """Tell a worker to claim nothing more, finish what is in flight, give its lanes back, and end."""
    ask("worker.drain", {"worker": worker}, output=output)
