"""How a notice leaves the house; spoken outside any Work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One worded notice; `notice` is its id, the same at every attempt, so that a receiver can drop a repeat."""

    notice: str
    address: str
    subject: str
    body: str


class Notifier(Protocol):
    """Who can deliver a message.

    Raises Refused when it will never be delivered, Unreachable or Unanswered when it may be tried again.
    """

    async def send(self, message: Message) -> None:
        """Hand the message over."""
        ...
