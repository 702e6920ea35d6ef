"""Troubles of elements that people know of, and whom they touch."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from bss.customers.model import AccountId
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import SubscriptionId
from gateway.verbs.core import OFFSET_LIMIT, PAGE, Asks, Gives, Page, href, reading, writing
from kernel.work import Work
from oss.inventory.model import ServiceId
from oss.orders import incidents
from oss.orders.model import Incident, IncidentId


class IncidentAsked(Asks):
    """An element, and what is the matter with it."""

    element: str
    reason: str


class IncidentsAsked(Asks):
    """Which incidents: those that are open, or all."""

    closed: bool = False


class IncidentNamed(Asks):
    """One incident, and which part of the lines it touches."""

    incident_id: IncidentId
    offset: int = Field(default=0, ge=0, le=OFFSET_LIMIT)
    limit: int = Field(default=PAGE, ge=1, le=incidents.PAGE)


class IncidentEnded(Asks):
    """One incident, and how it ended."""

    incident_id: IncidentId
    resolution: str | None = None


class IncidentGiven(Gives):
    """A trouble of an element: its lane waits until it is closed."""

    id: IncidentId
    href: str
    element: str
    lane: str
    reason: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None
    resolution: str | None


class TouchedGiven(Gives):
    """A service that the element carries, and whose it is."""

    service_id: ServiceId
    subscription_id: SubscriptionId | None
    account_id: AccountId | None


class IncidentShown(IncidentGiven):
    """An incident with the caller's lines that it touches, a part at a time."""

    touched: int
    lines: list[TouchedGiven]


@writing("incident.open", "/incidents", status=201)
def begin(work: Work, asked: IncidentAsked) -> IncidentGiven:
    """Let an element's lane wait: new and ready work stays, nothing fails, and no debt restricts its lines."""
    return _given(incidents.begin(work, asked.element, reason=asked.reason))


@writing("incident.close", "/incidents/{incident_id}/close")
def end(work: Work, asked: IncidentEnded) -> IncidentGiven:
    """The trouble is over: what waited goes on."""
    return _given(incidents.end(work, asked.incident_id, resolution=asked.resolution))


@reading("incident.list", "/incidents")
def listed(work: Work, asked: IncidentsAsked) -> Page[IncidentGiven]:
    """Incidents, the newest first: those that are open, or all."""
    found = [_given(row) for row in incidents.listed(work, closed=asked.closed)]
    return Page(items=found, total=len(found))


@reading("incident.show", "/incidents/{incident_id}")
def show(work: Work, asked: IncidentNamed) -> IncidentShown:
    """An incident, and the customers' lines it touches."""
    row = incidents.get(work, asked.incident_id)
    services, total = incidents.services(work, row.element, after=asked.offset, limit=asked.limit)
    owners = subscriptions.by_services(work, services)
    lines = [
        TouchedGiven(
            service_id=service,
            subscription_id=None if (owner := owners.get(service)) is None else owner.id,
            account_id=None if owner is None else owner.account_id,
        )
        for service in services
    ]
    return IncidentShown(**_given(row).model_dump(), touched=total, lines=lines)


def _given(row: Incident) -> IncidentGiven:
    known = {name: getattr(row, name) for name in IncidentGiven.model_fields if name != "href"}
    return IncidentGiven(href=href("incidents", row.id), **known)
