"""Alarms: seen, acknowledged, cleared."""

from __future__ import annotations

from datetime import datetime

from gateway.verbs.core import Asks, Gives, Page, reading, writing
from kernel.work import Work
from oss.inventory import alarms
from oss.inventory.model import AlarmId, AlarmKind


class AlarmNamed(Asks):
    """One alarm."""

    alarm_id: AlarmId


class AlarmsAsked(Asks):
    """Which alarms: those that stand, or the cleared ones too."""

    cleared: bool = False


class AlarmGiven(Gives):
    """A trouble: how often it was met, since when, and who has seen it."""

    id: AlarmId
    kind: AlarmKind
    element: str
    key: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    cleared_at: datetime | None
    cleared_by: str | None


@reading("alarm.list", "/alarms")
def listed(work: Work, asked: AlarmsAsked) -> Page[AlarmGiven]:
    """The tenant's alarms and the platform's, the newest first."""
    found = [AlarmGiven.model_validate(row) for row in alarms.listed(work, cleared=asked.cleared)]
    return Page(items=found, total=len(found))


@writing("alarm.ack", "/alarms/{alarm_id}/acknowledge")
def acknowledge(work: Work, asked: AlarmNamed) -> AlarmGiven:
    """Say that somebody looks after it."""
    return AlarmGiven.model_validate(alarms.acknowledge(work, asked.alarm_id))


@writing("alarm.clear", "/alarms/{alarm_id}/clear")
def clear(work: Work, asked: AlarmNamed) -> AlarmGiven:
    """Say that it is over; met again, it is a new alarm."""
    return AlarmGiven.model_validate(alarms.dismiss(work, asked.alarm_id))
