"""The platform's own invariants: the audit chain (I10) and the outbox (I11)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from kernel import audit
from kernel.doctor import Check
from kernel.events import DISPATCH_ATTEMPTS, EventRow, OutboxRow
from kernel.work import SystemWork

STUCK = timedelta(minutes=5)
"""A fact that a handler still owes after so long, by the business clock, is stuck."""


def checks(anchor_file: Path | None) -> list[Check]:
    """I10 and I11; the heads anchored outside are read here, before any transaction that looks for them."""
    outside = audit.anchored(anchor_file)
    return [
        Check("I10", "the audit chain is unbroken", _records, lambda work: _breaks(work, outside)),
        Check("I11", "no fact waits for its handler", _facts, _stuck),
    ]


def _records(work: SystemWork) -> int:
    return int(work.connection.execute(sa.select(sa.func.count()).select_from(audit.AuditRow)).scalar_one())


def _breaks(work: SystemWork, outside: audit.Anchored) -> list[str]:
    _, breaks = audit.verify(work.connection, outside=outside)
    return [f"{b.writer} link {b.link}: {b.reason}" for b in breaks]


def _facts(work: SystemWork) -> int:
    return int(work.connection.execute(sa.select(sa.func.count()).select_from(EventRow)).scalar_one())


def _stuck(work: SystemWork) -> list[str]:
    late = sa.or_(OutboxRow.attempts >= DISPATCH_ATTEMPTS, OutboxRow.at < work.now - STUCK)
    rows = work.connection.execute(
        sa.select(OutboxRow.event_id, OutboxRow.handler, OutboxRow.attempts, OutboxRow.error).where(late)
    )
    return [f"{e}: {h} failed {n} times: {error or 'never tried'}" for e, h, n, error in rows]
