"""Who did what, as hash chains: one chain per writer, one link per commit, so that nothing shared serialises writers.

A chain's first link carries the heads of the other chains (they anchor one another), and every link may be
anchored outside the database too. An altered, removed or inserted row breaks its chain at that link.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
import structlog
from pydantic_core import to_json
from sqlalchemy.orm import Mapped, mapped_column

from kernel.ids import TenantId
from kernel.tables import Base, to_micros

_log = structlog.get_logger(__name__)

_GENESIS_HEADS = 64
"""At most so many other heads are anchored into a new chain: the newest ones carry the older ones already."""


PEOPLE = "actor <> 'system:platform'"
"""Which acts are a person's or another system's, and not the house's own."""


class AuditRow(Base):
    """One act of one actor; `tenant` is null for acts of the platform.

    Only people's acts are indexed by their subject: the engine's are many, and its facts tell of them already.
    """

    __tablename__ = "audit"
    __table_args__ = (
        sa.Index(
            "ix_audit_people",
            "tenant",
            "subject",
            sqlite_where=sa.text(PEOPLE),
            postgresql_where=sa.text(PEOPLE),
        ),
    )
    writer: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[TenantId | None]
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]


class AuditLink(Base):
    """One commit's records under one root; `anchors` are other chains' heads, on the first link only."""

    __tablename__ = "audit_link"
    writer: Mapped[str] = mapped_column(primary_key=True)
    link: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[int]
    last: Mapped[int]
    anchors: Mapped[str]
    root: Mapped[str]


@dataclass(frozen=True, slots=True)
class Record:
    """An act before it is sealed."""

    tenant: TenantId | None
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str

    def row(self, writer: str, seq: int) -> tuple[object, ...]:
        """As stored; the very values that are hashed."""
        tenant = None if self.tenant is None else int(self.tenant)
        return (writer, seq, tenant, to_micros(self.at), self.actor, self.action, self.subject, self.detail)


def acts(connection: sa.Connection, tenant: TenantId, subjects: Sequence[str], *, limit: int) -> list[Record]:
    """What people did about some subjects, oldest first."""
    row = AuditRow
    rows = connection.execute(
        sa.select(row.tenant, row.at, row.actor, row.action, row.subject, row.detail)
        .where(row.tenant == tenant, row.subject.in_(subjects), sa.text(PEOPLE))
        .order_by(row.at, row.writer, row.seq)
        .limit(limit)
    )
    return [Record(*found) for found in rows]


def _root(previous: str, anchors: str, rows: Iterable[Sequence[object]]) -> str:
    digest = hashlib.sha256(previous.encode())
    digest.update(anchors.encode())
    for row in rows:
        digest.update(to_json(list(row)))
    return digest.hexdigest()


_HASHED = "writer, seq, tenant, at, actor, action, subject, detail"
"""The columns in the order in which they are hashed, whatever their order in the table."""


class Chain:
    """One writer's chain; its tail moves only after the commit that wrote the link."""

    def __init__(self, *, anchor_file: Path | None = None) -> None:
        self._anchor_file = anchor_file
        self._begin()

    def _begin(self) -> None:
        self.writer = f"w{time.time_ns():016x}{os.urandom(4).hex()}"  # sorts by birth: the newest are anchored
        self._seq, self._link, self._tail = 0, 0, ""
        self._next: tuple[int, int, str] | None = None

    def seal(
        self, connection: sa.Connection, records: Sequence[Record]
    ) -> tuple[list[tuple[object, ...]], tuple[object, ...]]:
        """The rows and the link for a commit's records."""
        anchors = self._heads(connection) if self._link == 0 else ""
        rows = [record.row(self.writer, self._seq + i) for i, record in enumerate(records, 1)]
        root = _root(self._tail, anchors, rows)
        self._next = (self._seq + len(rows), self._link + 1, root)
        return rows, (self.writer, self._link + 1, self._seq + 1, self._seq + len(rows), anchors, root)

    def committed(self) -> None:
        """The sealed link is durable: move the tail, and anchor it outside if asked to."""
        if self._next is None:
            return
        self._seq, self._link, self._tail = self._next
        self._next = None
        if self._anchor_file is None:
            return
        try:
            with self._anchor_file.open("a", encoding="utf-8") as out:
                out.write(f"{self.writer} {self._link} {self._tail}\n")
        except OSError as error:  # the commit has landed: its callers must hear so
            _log.error("audit head not anchored", file=str(self._anchor_file), error=str(error))

    def lost(self) -> None:
        """Nobody knows whether the commit landed: end this chain here and start another."""
        if self._next is not None:
            self._begin()

    def _heads(self, connection: sa.Connection) -> str:
        tails = connection.exec_driver_sql(
            "SELECT l.writer, l.link, l.root FROM audit_link l JOIN (SELECT writer, max(link) AS link FROM audit_link"
            " GROUP BY writer) h ON h.writer = l.writer AND h.link = l.link"
            f" ORDER BY l.writer DESC LIMIT {_GENESIS_HEADS}"
        ).all()
        return json.dumps([[w, n, r] for w, n, r in tails], separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a chain does not hold."""

    writer: str
    link: int
    reason: str


Anchored = Sequence[tuple[str, int, str]]
"""Heads kept outside the database: writer, link, root."""


def anchored(anchor_file: Path | None) -> Anchored:
    """The heads of an anchor file; to be read before the transaction that verifies, or newer ones look lost."""
    if anchor_file is None or not anchor_file.exists():
        return []
    return [_anchor(line) for line in anchor_file.read_text(encoding="utf-8", errors="replace").splitlines()]


def _anchor(line: str) -> tuple[str, int, str]:
    writer, _, rest = line.partition(" ")
    link, _, root = rest.partition(" ")
    return (writer, int(link), root) if link.isdecimal() else (line, 0, "")


def verify(connection: sa.Connection, *, outside: Anchored = ()) -> tuple[int, list[Break]]:
    """Recompute every chain: the records examined and the places that do not hold."""
    roots: dict[tuple[str, int], str] = {}
    breaks: list[Break] = []
    examined = 0
    wanted: list[tuple[str, int, str, str, int]] = []
    tail: dict[str, tuple[int, str, int]] = {}
    for link in connection.execute(sa.select(AuditLink.__table__).order_by("writer", "link")):
        number, previous, last = tail.get(link.writer, (0, "", 0))
        rows = connection.execute(
            sa.text(f"SELECT {_HASHED} FROM audit WHERE writer = :w AND seq BETWEEN :a AND :b ORDER BY seq"),
            {"w": link.writer, "a": link.first, "b": link.last},
        ).all()
        examined += len(rows)
        if link.link != number + 1 or link.first != last + 1:
            breaks.append(Break(link.writer, link.link, "a link is missing before this one"))
        if len(rows) != link.last - link.first + 1:
            breaks.append(Break(link.writer, link.link, "records are missing"))
        elif _root(previous, link.anchors, rows) != link.root:
            breaks.append(Break(link.writer, link.link, "a record was altered"))
        roots[link.writer, link.link] = link.root
        wanted += [(w, n, r, link.writer, link.link) for w, n, r in json.loads(link.anchors or "[]")]
        tail[link.writer] = (link.link, link.root, link.last)
    breaks += [Break(w, n, f"its head anchored in {by} is gone") for w, n, r, by, _ in wanted if roots.get((w, n)) != r]
    breaks += _strays(connection)
    gone = "the head anchored outside the database is not in it"
    breaks += [Break(writer, link, gone) for writer, link, root in outside if roots.get((writer, link)) != root]
    return examined, breaks


def _strays(connection: sa.Connection) -> list[Break]:
    found = connection.exec_driver_sql(
        "SELECT a.writer, a.seq FROM audit a"
        " LEFT JOIN (SELECT writer, max(last) AS last FROM audit_link GROUP BY writer) l ON l.writer = a.writer"
        " WHERE l.last IS NULL OR a.seq > l.last OR a.seq < 1"
    ).all()
    return [Break(w, 0, f"record {n} stands outside every link") for w, n in found]
