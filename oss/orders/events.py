"""The facts of orders, in order words; an order's state and mask are the fold of them (I12)."""

from __future__ import annotations

from datetime import datetime

from kernel.events import Event
from oss.inventory.model import ServiceId
from oss.orders.machine import OrderState, TaskState
from oss.orders.model import IncidentId, OrderId, TaskId, Verb
from oss.specs.tasks import TaskKind


class OrderFact(Event):
    """What every fact of an order carries."""

    order_id: OrderId
    service_id: ServiceId
    owner: str | None
    verb: Verb
    parent: str | None


class ServiceOrderAcknowledged(OrderFact):
    """The order is stored; `state` says whether it started or waits."""

    generation: int
    state: OrderState


class ServiceOrderStarted(OrderFact):
    """An order that waited has started."""


class ServiceOrderCompleted(OrderFact):
    """Every enforcing element confirmed the generation; `at` is the business instant of the last confirmation."""

    generation: int
    at: datetime


class ServiceOrderFailed(OrderFact):
    """It could not be done and what it had done is undone; `reason` in the element's words."""

    reason: str


class ServiceOrderHeld(OrderFact):
    """It stopped for a person; the fallout list says why."""

    reason: str


class ServiceOrderReleased(OrderFact):
    """A person let it go on."""


class ServiceOrderCancelled(OrderFact):
    """It was called off or overtaken by a newer order."""

    reason: str


class ServiceOrderPartial(OrderFact):
    """Some of it is on and confirmed; `missing` names the components that are not."""

    missing: list[str]
    generation: int
    at: datetime


class TaskSettled(Event):
    """A task reached a settled state; `element` and `key` say where. An order's mask is the fold of these."""

    order_id: OrderId
    seq: int
    state: TaskState
    element: str
    key: str
    error: str | None


class TaskOpened(Event):
    """A task began that no element answers: it waits for an event (`key`), for a person, or for an instant."""

    order_id: OrderId
    seq: int
    task_id: TaskId
    task_kind: TaskKind
    name: str
    key: str
    assigned: str | None
    due_at: datetime | None


class TaskAdopted(Event):
    """What somebody else had set at an element stays there (`kept`); only what the command changes was changed."""

    order_id: OrderId
    seq: int
    element: str
    key: str
    kept: dict[str, str | int | bool | None]


class ServiceOrderCorrected(OrderFact):
    """A person corrected what a held order wants, and it goes on with a new plan."""

    profile: dict[str, str]


class IncidentOpened(Event):
    """An element's lane waits: people know of the trouble."""

    incident_id: IncidentId
    element: str
    lane: str
    reason: str


class IncidentClosed(Event):
    """The trouble is over; what waited goes on."""

    incident_id: IncidentId
    element: str
    lane: str
