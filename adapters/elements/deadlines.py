"""How long an element may take: every wait has a name and a reason, and tests give shorter ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines in seconds, on the monotonic clock."""

    connect_s: float = 5.0
    """A TCP connection to an element of our own network that takes longer is not going to come."""
    login_s: float = 10.0
    """Elements that ask a RADIUS server take seconds; none that works takes ten."""
    idle_s: float = 15.0
    """Silence in the middle of an answer: the session is dead though TCP has not noticed."""
    command_s: float = 60.0
    """A whole command with its read-back, however much its caller would allow."""
    keepalive_s: float = 15.0
    """Between two keepalives; asyncssh by default notices neither a half-open TCP nor a silent server."""
    keepalive_count: int = 2
    """Unanswered keepalives that end a connection."""
    datagram_s: float = 1.0
    """An agent's answer to one SNMP datagram, before it is sent again."""
    datagram_retries: int = 2
    """Retransmissions of one datagram; safe for a SET only because it names target values."""
    reply_s: float = 5.0
    """A device's own answer over MQTT (a PUBACK is the broker's, and proves nothing)."""
    poll_s: float = 10.0
    """Until what follows a change must have followed: agents cache ifOperStatus for 3 s."""
    poll_every_s: float = 0.25
    """Between two polls."""
    redial_s: float = 1.0
    """Between two attempts to keep a subscription alive after its broker went away."""


DEFAULT = Timeouts()
