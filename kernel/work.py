"""A Work is one transaction with a tenant and an actor. It is handed down; only the edge opens and commits it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.orm import Session

from kernel import events
from kernel.audit import Record
from kernel.ids import EventId, Id, TenantId
from kernel.tables import to_micros


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `kind:name` and the roles granted by config/roles.yaml."""

    name: str
    roles: frozenset[str] = frozenset()


PLATFORM = Actor("system:platform", frozenset({"platform"}))
"""The house itself: turns, due scans, dispatch, migrations."""

EventTuple = tuple[int, int, int, str, int, str, str]
"""tenant, id, micros, kind, subject, actor, body: a row of the event table."""


@dataclass(slots=True)
class Notes:
    """What a transaction leaves at its end in one stroke: facts, audit records, and hints for who waits for work."""

    events: list[EventTuple] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    hints: set[str] = field(default_factory=set)

    def take(self, other: Notes) -> None:
        """Add what another Work of the same transaction leaves."""
        self.events += other.events
        self.records += other.records
        self.hints |= other.hints


class Unit:
    """What every Work offers: the connection, the session, the present instant, the actor."""

    def __init__(self, connection: sa.Connection, *, now: datetime, actor: Actor, notes: Notes) -> None:
        self.connection = connection
        self.now, self.micros = now, to_micros(now)
        self.actor = actor
        self.notes = notes
        self._sessions: list[Session] = []

    @property
    def session(self) -> Session:
        """The ORM session on this transaction, opened when first asked for."""
        if not self._sessions:
            self._sessions.append(Session(self.connection, autoflush=True, expire_on_commit=False))
        return self._sessions[0]

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.connection.dialect.name

    def flush(self) -> None:
        """Write what the session holds; the edge calls it before a commit."""
        for session in self._sessions:
            session.flush()

    def close(self) -> None:
        """Let go of the session; the transaction is the edge's."""
        while self._sessions:
            self._sessions.pop().close()

    def loaded(self, key: Any) -> Any:
        """The object of that identity key when this Work's session has it in hand, else None."""
        return self._sessions[0].identity_map.get(key) if self._sessions else None

    def hint(self, name: str) -> None:
        """Tell whoever waits for it, after the commit, that there is work (a lane's name)."""
        self.notes.hints.add(name)

    def heard(self, names: Set[str]) -> None:
        """Whoever would be told of these knows already: nobody is woken for them."""
        self.notes.hints -= names


class Work(Unit):
    """A transaction of one tenant."""

    def __init__(
        self, connection: sa.Connection, *, now: datetime, actor: Actor, notes: Notes, tenant: TenantId
    ) -> None:
        super().__init__(connection, now=now, actor=actor, notes=notes)
        self.tenant = tenant

    def emit(self, event: events.Event) -> EventId:
        """Announce a fact; it is stored with this transaction and handed on after the commit."""
        event_id = EventId.new()
        self.notes.events.append(
            (
                int(self.tenant),
                int(event_id),
                self.micros,
                event.kind(),
                int(event.subject()),
                self.actor.name,
                events.body(event),
            )
        )
        return event_id

    def tell(self, kind: type[events.Event], subject: Id, fields: Mapping[str, object]) -> None:
        """`emit` on the hot paths: all of the fact's fields as plain values, ids as text, the subject's own first."""
        self.notes.events.append(
            (
                int(self.tenant),
                EventId.next(),
                self.micros,
                kind.__name__,
                int(subject),
                self.actor.name,
                to_json(fields).decode(),
            )
        )

    def audit(self, action: str, subject: Id | str, detail: Mapping[str, Any] | None = None) -> None:
        """Record an act of this Work's actor in the audit chain; `detail` never holds a secret."""
        self.notes.records.append(Record(self.tenant, self.now, self.actor.name, action, str(subject), _plain(detail)))


class SystemWork(Unit):
    """A transaction of the platform, for what belongs to no tenant or to all (see DESIGN.md: The engine)."""

    def of(self, tenant: TenantId) -> Work:
        """The same transaction seen as one tenant's."""
        inner = Work(self.connection, now=self.now, actor=self.actor, notes=self.notes, tenant=tenant)
        inner._sessions = self._sessions
        return inner

    def audit(self, action: str, subject: Id | str, detail: Mapping[str, Any] | None = None) -> None:
        """Record an act of the platform."""
        self.notes.records.append(Record(None, self.now, self.actor.name, action, str(subject), _plain(detail)))


_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


def _plain(detail: Mapping[str, Any] | None) -> str:
    return _encoded(detail) if detail else "{}"
