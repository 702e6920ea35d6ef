"""Facts, in the past tense: written with the change they tell of, handed on after the commit, once per handler."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.ids import EventId, Id, TenantId
from kernel.tables import Base, Tenanted

DISPATCH_ATTEMPTS = 8
"""After that many failures of one handler its row stays, is alarmed, and waits for a person (I11)."""


class Event(BaseModel):
    """One fact; its first field is its subject, its class name its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def kind(cls) -> str:
        """The name other rooms and integrators subscribe to."""
        return cls.__name__

    def subject(self) -> Id:
        """Whom the fact is about."""
        value = getattr(self, _first_field(type(self)))
        if not isinstance(value, Id):
            raise TypeError(f"{self.kind()}: the first field must be an id")
        return value


@cache
def _first_field(kind: type[Event]) -> str:
    return next(iter(kind.model_fields))


class EventRow(Tenanted, Base):
    """The log of facts: append-only, the history orders are folded from."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_subject", "tenant", "subject", "id"),)
    id: Mapped[EventId] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    subject: Mapped[int]
    actor: Mapped[str]
    body: Mapped[str]


class OutboxRow(Base):
    """One handler's debt for one fact; deleted in the handler's own transaction, so dispatch is once."""

    __tablename__ = "outbox"
    event_id: Mapped[EventId] = mapped_column(primary_key=True)
    handler: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[TenantId]
    at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]


def body(event: Event) -> str:
    """The fact as stored."""
    return event.__pydantic_serializer__.to_json(event).decode()  # what model_dump_json does, without its checks


def load(kinds: dict[str, type[Event]], kind: str, text: str) -> Event:
    """A stored fact as its class."""
    return kinds[kind].model_validate_json(text)


def catalogue() -> dict[str, type[Event]]:
    """Every kind of fact known to the imported rooms, by name."""
    found: dict[str, type[Event]] = {}
    stack: list[type[Any]] = list(Event.__subclasses__())
    while stack:
        cls = stack.pop()
        found[cls.kind()] = cls
        stack.extend(cls.__subclasses__())
    return found
