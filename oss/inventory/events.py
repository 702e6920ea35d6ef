"""What the inventory announces; the owner of a service is opaque here."""

from __future__ import annotations

from datetime import datetime

from kernel.events import Event
from oss.inventory.model import AlarmId, AlarmKind, RestrictionId, ServiceId
from oss.port import Level


class ReservationExpired(Event):
    """Nobody ordered the activation in time: the service is over and its resources went back."""

    service_id: ServiceId
    owner: str | None


class ServiceActivated(Event):
    """Every enforcing element has confirmed the service for the first time."""

    service_id: ServiceId
    owner: str | None
    at: datetime


class ServiceReshaped(Event):
    """The network shows other values or another throttle than before."""

    service_id: ServiceId
    owner: str | None
    generation: int
    at: datetime


class ServiceTerminated(Event):
    """The network no longer shows the service."""

    service_id: ServiceId
    owner: str | None
    at: datetime


class LineRestricted(Event):
    """Somebody decided to take something away; the network follows."""

    restriction_id: RestrictionId
    service_id: ServiceId
    owner: str | None
    cause: str
    level: Level


class LineLifted(Event):
    """Somebody, or its own end, took one restriction back; the network follows."""

    restriction_id: RestrictionId
    service_id: ServiceId
    owner: str | None
    cause: str
    level: Level


class ServiceMoved(Event):
    """The network shows it on other pieces of the stock: a SIM, a number, a port; each value by its name."""

    service_id: ServiceId
    owner: str | None
    before: dict[str, str]
    after: dict[str, str]
    at: datetime


class RestrictionLapsed(Event):
    """A restriction reached its end and was lifted by nobody: the network has still to be told."""

    restriction_id: RestrictionId
    service_id: ServiceId
    owner: str | None


class RestrictionConfirmed(Event):
    """The network shows another level of restriction than before; `none` is the open line."""

    service_id: ServiceId
    owner: str | None
    level: Level
    at: datetime


class AlarmRaised(Event):
    """A trouble that nobody knew of; met again it is only counted."""

    alarm_id: AlarmId
    alarm: AlarmKind
    element: str
    key: str
    message: str


class AlarmAcknowledged(Event):
    """A person has seen it."""

    alarm_id: AlarmId
    element: str
    key: str


class AlarmCleared(Event):
    """The trouble is over, or a person says that it is."""

    alarm_id: AlarmId
    element: str
    key: str
