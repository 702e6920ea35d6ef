"""The port to the network: one Command in, one Outcome out, three ways to fail.

The failures are kernel.errors.Refused (it heard us and said no), Unreachable (it never heard us) and
Unanswered (nobody knows: read back first). Protocol words never cross this line: a Command names a key
on an element and the state it must reach, and the dialect behind the port knows how that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from kernel.errors import ElementError

Value = str | int | bool | None
State = Mapping[str, Value]
"""The flat, wanted or read, state of one key: `{"present": True, "profile": "HOME500", "admin": "up"}`.

`present` is always there: False means the key must not exist (or be factory-default) on the element, and then
no other field counts."""


class Level(StrEnum):
    """How much a restriction takes away; `strictest` wins."""

    NONE = "none"
    SOFT = "soft"
    HARD = "hard"


class Confirm(StrEnum):
    """How an element proves what it did."""

    REPLY = "reply"
    READ = "read"
    POLL = "poll"


class Verdict(StrEnum):
    """What apply found: it changed the element, or the element already showed the wanted state."""

    DONE = "done"
    ALREADY = "already"


@dataclass(frozen=True, slots=True)
class Command:
    """One instruction to one element: bring `key` to `state`.

    `intent` names the resource kind in the dialect (`subscriber`, `port`, `meter`); `idempotency_key` is stable
    over resends; `before` is the state last confirmed (None when never set), so that a dialect may say only the
    difference; `protected` travels with the command and lets the adapter refuse a cut on its own.
    """

    element: str
    key: str
    intent: str
    state: State
    generation: int
    idempotency_key: str
    before: State | None = None
    confirm: Confirm = Confirm.READ
    protected: bool = False
    dialect: str = ""
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What an element shows for one key: `state` as parsed, the words it was parsed from, its incarnation."""

    state: State
    transcript: str
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: the verdict, the evidence read back, and the words exchanged (secrets masked)."""

    verdict: Verdict
    reading: Reading | None
    transcript: str
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe found out about an element: who it says it is and since when."""

    element: str
    reachable: bool
    description: str = ""
    incarnation: str = ""
    elapsed_ms: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class ElementSpec:
    """What an adapter needs to reach one element; secrets are references, never values.

    `address` is the adapter's own mapping (host, port, host_key, prefix ...), `dialect` the vendor's data.
    """

    name: str
    protocol: str
    address: Mapping[str, Value]
    dialect: Mapping[str, object]
    dialect_hash: str
    credentials: Mapping[str, str] = field(default_factory=dict)


class NetworkElement(Protocol):
    """One element, spoken to over one session; safe to call concurrently, it serialises what it must."""

    async def apply(self, command: Command) -> Outcome:
        """Bring the key to the state and prove it as `command.confirm` asks.

        Raises Refused, Unreachable or Unanswered; a read-back that shows another state than the wanted one is
        Refused (the element said yes and did something else).
        """
        ...

    async def apply_many(self, commands: Sequence[Command]) -> Sequence[Outcome | ElementError]:
        """The same for several keys, answers in the same order; one failure leaves the others alone."""
        ...

    async def read(self, intent: str, key: str) -> Reading:
        """Read one key; `{"present": False}` when the element does not know it."""
        ...

    async def probe(self) -> Health:
        """Ask the element who it is; never raises."""
        ...

    async def audit(self, intent: str) -> Mapping[str, Reading]:
        """Read every key of an intent."""
        ...

    def render(self, command: Command) -> list[str]:
        """The exact words `apply` would send, unsent: command lines, `OID = type: value`, or `topic payload`."""
        ...

    async def close(self) -> None:
        """End the session; a later call opens a new one."""
        ...


def satisfies(wanted: State, read: State) -> bool:
    """Whether a read state shows everything that is wanted; absent wants nothing more than absence."""
    if not wanted.get("present", True):
        return not read.get("present", True)
    return bool(read.get("present", True)) and all(read.get(k) == v for k, v in wanted.items() if k != "present")
