"""An element in this process's memory: the same port, no wire; the engine's benchmark runs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pydantic import Field

from adapters.elements.conduct import Exchange, contradiction
from adapters.elements.grammar import Unsayable
from adapters.elements.intents import Intent, Vendor
from adapters.elements.transcript import Transcript
from kernel.errors import ElementError, Refused, Unanswered, Unreachable
from oss.port import Command, Health, Outcome, Reading, State, Value, Verdict, satisfies

ABSENT: State = {"present": False}

CUTS: Mapping[str, Value] = {"bar": "all", "admin": "down", "enabled": False}
"""What takes a line down where no dialect says so."""

LOG_LIMIT = 1_000_000
"""Idempotency keys whose effects are remembered; the oldest are forgotten first (about 150 MB when full)."""


class MemoryDialect(Vendor):
    """Grammars and cuts for an element that has no words of its own."""

    protocol: Literal["memory"]
    intents: dict[str, Intent] = Field(min_length=1)


class Fault(StrEnum):
    """What goes wrong: `LOST` did nothing and `DONE` did it, and neither answers; `LIE` says yes and does nothing."""

    REFUSE = "refuse"
    UNREACHABLE = "unreachable"
    LOST = "lost"
    DONE = "done"
    LIE = "lie"


@dataclass(slots=True)
class MemoryFaults:
    """Faults by key; each lasts for `count` commands, or until cleared."""

    planned: dict[str, tuple[Fault, int | None]] = field(default_factory=dict)

    def plan(self, key: str, fault: Fault, *, count: int | None = None) -> None:
        """Let the next commands for a key (or for every key: `*`) go wrong."""
        self.planned[key] = (fault, count)

    def clear(self) -> None:
        """Let everything go right."""
        self.planned.clear()

    def looming(self, key: str) -> Fault | None:
        """The fault that the next command for a key would meet."""
        return self.planned.get(key, self.planned.get("*", (None, None)))[0]

    def strike(self, key: str) -> Fault | None:
        """The fault of one command for a key, counted down."""
        where = key if key in self.planned else "*"
        fault, count = self.planned.get(where, (None, None))
        if fault is not None and count is not None:
            if count > 1:
                self.planned[where] = (fault, count - 1)
            else:
                del self.planned[where]
        return fault


class MemoryElement:
    """A dictionary of states behind the port; `log` counts the changes each idempotency key really made."""

    def __init__(self, name: str, *, dialect: MemoryDialect | None = None, faults: MemoryFaults | None = None) -> None:
        self.name = name
        self.states: dict[tuple[str, str], State] = {}
        self.log: dict[str, int] = {}
        self.faults = faults or MemoryFaults()
        self.boots = 1
        self._intents = dialect.intents if dialect else None

    async def apply(self, command: Command) -> Outcome:
        """Bring the key to the state; see the port."""
        if self._intents is not None:
            self._intent(command.intent).admit(command)
        elif command.protected:
            _spare(command)
        where, wanted = (command.intent, command.key), command.state
        shown = self.states.get(where, ABSENT)
        fault = self._struck(command.key, already=satisfies(wanted, shown)) if self.faults.planned else None
        if fault is not None:
            self._fail_first(command, fault)
        if satisfies(wanted, shown):
            return Outcome(Verdict.ALREADY, Reading(shown, ""), "")
        after = self._set(where, wanted, shown, command.idempotency_key)
        if fault is not None:
            raise Unanswered("the element did not answer")
        return Outcome(Verdict.DONE, Reading(after, ""), "")

    async def apply_many(self, commands: Sequence[Command]) -> Sequence[Outcome | ElementError]:
        """One after the other; one failure leaves the others alone."""
        outcomes: list[Outcome | ElementError] = []
        for command in commands:
            try:
                outcomes.append(await self.apply(command))
            except ElementError as error:
                outcomes.append(error)
        return outcomes

    async def read(self, intent: str, key: str) -> Reading:
        """Read one key."""
        if self._intents is not None:
            self._intent(intent).admit_key(key)
        if self.faults.planned and self.faults.looming(key) is Fault.UNREACHABLE:
            raise Unreachable("the element cannot be reached")
        return self._reading(self.states.get((intent, key), ABSENT))

    async def probe(self) -> Health:
        """Say who this is."""
        if self.faults.looming("*") is Fault.UNREACHABLE:
            return Health(self.name, reachable=False, error="the element cannot be reached")
        return Health(self.name, reachable=True, description="memory", incarnation=str(self.boots))

    async def audit(self, intent: str) -> Mapping[str, Reading]:
        """Read every key of an intent."""
        return {key: self._reading(state) for (kind, key), state in self.states.items() if kind == intent}

    def render(self, command: Command) -> list[str]:
        """What `apply` would set, as one line a person can read."""
        if self._intents is not None:
            self._intent(command.intent).admit(command)
        elif command.protected:
            _spare(command)
        before = command.before or ABSENT
        if satisfies(command.state, before):
            return []
        if not command.state.get("present", True):
            return [f"remove {command.intent} {command.key}"]
        changed = [f"{name}={value}" for name, value in command.state.items() if before.get(name) != value]
        return [f"set {command.intent} {command.key} {' '.join(changed)}"]

    async def close(self) -> None:
        """Nothing is open."""

    def reboot(self) -> None:
        """Start again with the same states."""
        self.boots += 1

    def _set(self, where: tuple[str, str], wanted: State, shown: State, key: str) -> State:
        log = self.log
        log[key] = log.get(key, 0) + 1
        if len(log) > LOG_LIMIT:
            del log[next(iter(log))]
        if wanted.get("present", True):
            after = {**shown, **wanted, "present": True}
            self.states[where] = after
            return after
        del self.states[where]
        return ABSENT

    def _struck(self, key: str, *, already: bool) -> Fault | None:
        """The fault of one command; what is shown already is not said, so nobody can refuse it or lie about it."""
        if already and self.faults.looming(key) in (Fault.REFUSE, Fault.LIE):
            return None
        return self.faults.strike(key)

    def _fail_first(self, command: Command, fault: Fault) -> None:
        """Everything that goes wrong before a change is made."""
        if fault is Fault.REFUSE:
            raise Refused("the element refused")
        if fault is Fault.UNREACHABLE:
            raise Unreachable("the element cannot be reached")
        if fault is Fault.LOST:
            raise Unanswered("the element did not answer")
        if fault is Fault.LIE:
            shown = self.states.get((command.intent, command.key), ABSENT)
            raise contradiction(command.state, shown, Exchange(Transcript()))

    def _reading(self, state: State) -> Reading:
        return Reading(state, "", str(self.boots))

    def _intent(self, name: str) -> Intent:
        found = (self._intents or {}).get(name)
        if found is None:
            raise Unsayable(f"{name!r} is no intent of {self.name}", field="intent")
        return found


def _spare(command: Command) -> None:
    """Refuse to cut a protected line."""
    if command.state.get("present", True):
        for name, value in CUTS.items():
            if command.state.get(name) == value and name in command.state:
                raise Refused(f"{value!r} would cut a protected line", field=name)
