"""A clearing house in memory: every operator agrees unless told otherwise, and calls fail when told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bss.porting.port import Standing, Wanted, Word
from kernel.errors import Refused, Unanswered, Unreachable


class Trouble(StrEnum):
    """How the next call fails: refused, not connected, dropped unread, or done with the answer lost."""

    REFUSE = "refuse"
    DOWN = "down"
    DROP = "drop"
    LOSE = "lose"


@dataclass
class _Port:
    wanted: Wanted
    state: str = "open"


@dataclass
class MemoryPortability:
    """`says` is each operator's word, confirmed unless told; `refusals` its reasons."""

    says: dict[str, Word] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    ports: dict[str, _Port] = field(default_factory=dict)
    _kept: dict[str, str] = field(default_factory=dict)

    def fail(self, trouble: Trouble) -> None:
        """Let the next call end in trouble, once."""
        self.troubles.append(trouble)

    def states(self) -> dict[str, str]:
        """Number and state of every port."""
        return {port.wanted.number: port.state for port in self.ports.values()}

    async def request(self, wanted: Wanted, *, idempotency_key: str) -> str:
        """Ask for a port."""
        trouble = self._struck()
        if idempotency_key not in self._kept:
            reference = f"np_{len(self._kept) + 1}"
            self._kept[idempotency_key] = reference
            self.ports[reference] = _Port(wanted)
        self._answer(trouble)
        return self._kept[idempotency_key]

    async def status(self, reference: str) -> Standing:
        """What the other operator has said."""
        self._answer(self._struck())
        other = self._port(reference).wanted.other
        return Standing(self.says.get(other, Word.CONFIRMED), self.refusals.get(other))

    async def complete(self, reference: str, *, idempotency_key: str) -> None:
        """Say that the number has moved."""
        trouble = self._struck()
        self._port(reference).state = "completed"
        self._answer(trouble)

    async def withdraw(self, reference: str, *, idempotency_key: str) -> None:
        """Call a port off."""
        trouble = self._struck()
        port = self._port(reference)
        if port.state == "completed":
            raise Refused("port is completed")
        port.state = "withdrawn"
        self._answer(trouble)

    async def lookup(self, idempotency_key: str) -> str | None:
        """What became of a request."""
        self._answer(self._struck())
        return self._kept.get(idempotency_key)

    async def close(self) -> None:
        """Nothing is open."""

    def _port(self, reference: str) -> _Port:
        if reference not in self.ports:
            raise Refused("unknown port")
        return self.ports[reference]

    def _struck(self) -> Trouble | None:
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is Trouble.REFUSE:
            raise Refused("the clearing house refused")
        if trouble is Trouble.DOWN:
            raise Unreachable("the clearing house was not reached")
        if trouble is Trouble.DROP:
            raise Unanswered("the clearing house did not answer")
        return trouble

    def _answer(self, trouble: Trouble | None) -> None:
        if trouble is Trouble.LOSE:
            raise Unanswered("the clearing house did not answer")
