"""The port to whoever clears numbers between operators: three ways to fail, and a look-up for what nobody answered.

The failures are kernel.errors.Refused (it said no), Unreachable (it never heard us, safe to send again) and
Unanswered (nobody knows: `lookup` by the idempotency key before any resend).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kernel.ids import Id, TenantId


class PortId(Id, prefix="prt"):
    """One port of one number."""


class Direction(StrEnum):
    """Whether a number comes to us or leaves us."""

    IN = "in"
    OUT = "out"


class Word(StrEnum):
    """What the other operator says."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class Ask(StrEnum):
    """What is wanted of the clearing house."""

    REQUEST = "request"
    LOOKUP = "lookup"
    STATUS = "status"
    COMPLETE = "complete"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port as it is asked for: which number, whose it is or becomes, in which window (half-open)."""

    number: str
    other: str
    direction: Direction
    window_from: datetime
    window_until: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a port stands at the clearing house; `reason` of a refusal."""

    word: Word
    reason: str | None = None


class NumberPortability(Protocol):
    """One clearing house; every change carries an idempotency key and may be repeated with the same one."""

    async def request(self, wanted: Wanted, *, idempotency_key: str) -> str:
        """Ask for a port, or agree to one that leaves us; the clearing house's own id of it."""
        ...

    async def status(self, reference: str) -> Standing:
        """What the other operator has said."""
        ...

    async def complete(self, reference: str, *, idempotency_key: str) -> None:
        """Say that the number has moved: calls go to its new operator from now on."""
        ...

    async def withdraw(self, reference: str, *, idempotency_key: str) -> None:
        """Call a port off."""
        ...

    async def lookup(self, idempotency_key: str) -> str | None:
        """What became of the request with that key: its id, or None when it never arrived; else Refused."""
        ...

    async def close(self) -> None:
        """End the session; a later call opens a new one."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """One question for the edge to put to the clearing house between two Works."""

    tenant: TenantId
    port_id: PortId
    ask: Ask
    wanted: Wanted
    reference: str | None

    @property
    def key(self) -> str:
        """Its idempotency key: the same for every resend."""
        return str(self.port_id)


class AnswerKind(StrEnum):
    """How an errand ended; UNHEARD says that the request never arrived."""

    DONE = "done"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNANSWERED = "unanswered"
    UNHEARD = "unheard"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the edge brings back."""

    kind: AnswerKind
    reference: str | None = None
    standing: Standing | None = None
    reason: str | None = None
