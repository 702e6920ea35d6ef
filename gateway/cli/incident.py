"""`trunkline incident` and `trunkline alarm`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.nouns import Limit, Offset, noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("Troubles of elements that people know of: work waits, nothing fails.")
alarms = noun("Alarms: seen, acknowledged, cleared.")
_INCIDENT = ("id", "element", "lane", "reason", "opened_at", "opened_by", "closed_at")
_ALARM = ("id", "kind", "element", "key", "count", "message", "last_at", "acknowledged_by")


@app.command("open")
def begin(
    element: Annotated[str, typer.Option("--element", help="the element that is in trouble")],
    reason: Annotated[str, typer.Option("--reason", help="a sentence; it stands beside every step that waits")],
    output: Output = Format.TABLE,
) -> None:
    """Let an element's lane wait: nothing fails meanwhile, and no debt restricts its lines."""
    ask("incident.open", {"element": element, "reason": reason}, output=output)


@app.command("close")
def end(
    incident_id: str,
    resolution: Annotated[str | None, typer.Option(help="how it ended")] = None,
    output: Output = Format.TABLE,
) -> None:
    """The trouble is over: what waited goes on."""
    ask("incident.close", {"incident_id": incident_id, "resolution": resolution}, output=output)


@app.command("list")
def listed(
    closed: Annotated[bool, typer.Option("--closed", help="closed ones too")] = False, output: Output = Format.TABLE
) -> None:
    """Incidents, the newest first."""
    ask("incident.list", {"closed": closed}, output=output, columns=_INCIDENT)


@app.command("show")
def show(incident_id: str, offset: Offset = 0, limit: Limit = 50, output: Output = Format.TABLE) -> None:
    """An incident, and the customers' lines it touches."""
    ask("incident.show", {"incident_id": incident_id, "offset": offset, "limit": limit}, output=output)


@alarms.command("list")
def list_alarms(
    cleared: Annotated[bool, typer.Option("--cleared", help="cleared ones too")] = False, output: Output = Format.TABLE
) -> None:
    """Alarms, the newest first."""
    ask("alarm.list", {"cleared": cleared}, output=output, columns=_ALARM)


@alarms.command("ack")
def acknowledge(alarm_id: str, output: Output = Format.TABLE) -> None:
    """Say that you look after it."""
    ask("alarm.ack", {"alarm_id": alarm_id}, output=output)


@alarms.command("clear")
def clear(alarm_id: str, output: Output = Format.TABLE) -> None:
    """Say that it is over; met again, it is a new alarm."""
    ask("alarm.clear", {"alarm_id": alarm_id}, output=output)
