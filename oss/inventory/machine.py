"""What a service, a resource of the stock and an element may be, as tables."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class ServiceState(StrEnum):
    """The network fact about a service."""

    RESERVED = "reserved"
    ACTIVE = "active"
    TERMINATED = "terminated"


class ServiceMove(StrEnum):
    """What happens to a service."""

    ACTIVATE = "activate"
    RELEASE = "release"
    TERMINATE = "terminate"
    REVIVE = "revive"


SERVICE = Machine(
    "Service",
    initial=ServiceState.RESERVED,
    table={
        (ServiceState.RESERVED, ServiceMove.ACTIVATE): ServiceState.ACTIVE,
        (ServiceState.RESERVED, ServiceMove.RELEASE): ServiceState.TERMINATED,
        (ServiceState.RESERVED, ServiceMove.TERMINATE): ServiceState.TERMINATED,
        (ServiceState.ACTIVE, ServiceMove.TERMINATE): ServiceState.TERMINATED,
        (ServiceState.TERMINATED, ServiceMove.REVIVE): ServiceState.RESERVED,
    },
    meanings={
        ServiceState.RESERVED: "Its resources are held for it; no enforcing element has confirmed all of it yet.",
        ServiceState.ACTIVE: "Every enforcing element has confirmed it at least once, and its identities are bound.",
        ServiceState.TERMINATED: "It is gone from the network, or never came there; its resources went back.",
    },
)


class ResourceState(StrEnum):
    """What a piece of the stock is doing."""

    FREE = "free"
    RESERVED = "reserved"
    ASSIGNED = "assigned"
    QUARANTINE = "quarantine"
    AWAY = "away"


class ResourceMove(StrEnum):
    """What happens to a piece of the stock."""

    RESERVE = "reserve"
    RELEASE = "release"
    ASSIGN = "assign"
    REST = "rest"
    RETURN = "return"
    RECALL = "recall"
    LEAVE = "leave"
    ARRIVE = "arrive"


RESOURCE = Machine(
    "Resource",
    initial=ResourceState.FREE,
    table={
        (ResourceState.FREE, ResourceMove.RESERVE): ResourceState.RESERVED,
        (ResourceState.RESERVED, ResourceMove.RELEASE): ResourceState.FREE,
        (ResourceState.RESERVED, ResourceMove.ASSIGN): ResourceState.ASSIGNED,
        (ResourceState.RESERVED, ResourceMove.REST): ResourceState.QUARANTINE,
        (ResourceState.ASSIGNED, ResourceMove.REST): ResourceState.QUARANTINE,
        (ResourceState.QUARANTINE, ResourceMove.RETURN): ResourceState.FREE,
        (ResourceState.QUARANTINE, ResourceMove.RECALL): ResourceState.RESERVED,
        (ResourceState.QUARANTINE, ResourceMove.LEAVE): ResourceState.AWAY,
        (ResourceState.FREE, ResourceMove.LEAVE): ResourceState.AWAY,
        (ResourceState.AWAY, ResourceMove.ARRIVE): ResourceState.FREE,
    },
    meanings={
        ResourceState.FREE: "In stock; the tenant it is granted to may reserve it.",
        ResourceState.RESERVED: "Held for one service: it is not active yet, or moves to it.",
        ResourceState.ASSIGNED: "Used by one active service.",
        ResourceState.AWAY: "Another operator has it: a number that was ported out, or came from there and went back.",
        ResourceState.QUARANTINE: "Resting after use, so that late usage and late calls find nobody new.",
    },
)


class ElementState(StrEnum):
    """Whether an element may be spoken to."""

    IN_SERVICE = "inService"
    MAINTENANCE = "maintenance"


class ElementMove(StrEnum):
    """What a person does with an element."""

    WITHDRAW = "withdraw"
    REINSTATE = "reinstate"


ELEMENT = Machine(
    "NetworkElement",
    initial=ElementState.IN_SERVICE,
    table={
        (ElementState.IN_SERVICE, ElementMove.WITHDRAW): ElementState.MAINTENANCE,
        (ElementState.MAINTENANCE, ElementMove.REINSTATE): ElementState.IN_SERVICE,
    },
    meanings={
        ElementState.IN_SERVICE: "Its lane is open: commands are sent to it.",
        ElementState.MAINTENANCE: "Somebody works on it: commands wait until it is back.",
    },
)
