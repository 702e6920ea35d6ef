"""A part of a Work that may fail alone: what it wrote, announced and audited is undone, and the rest stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kernel import rows
from kernel.work import Work

T = TypeVar("T")


def attempt(work: Work, part: Callable[[], T]) -> T:
    """Do a part; when it raises, the Work is as it was before it, and objects read in it are forgotten."""
    work.flush()
    rows.flush(work.connection)
    facts, records, hints = len(work.notes.events), len(work.notes.records), set(work.notes.hints)
    work.connection.exec_driver_sql("SAVEPOINT part")
    try:
        result = part()
        work.flush()
        rows.flush(work.connection)
    except Exception:
        rows.drop(work.connection)
        work.session.expunge_all()
        work.connection.exec_driver_sql("ROLLBACK TO SAVEPOINT part")
        work.connection.exec_driver_sql("RELEASE SAVEPOINT part")
        del work.notes.events[facts:], work.notes.records[records:]
        work.notes.hints = hints
        raise
    work.connection.exec_driver_sql("RELEASE SAVEPOINT part")
    return result
