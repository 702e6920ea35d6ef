"""One small table, and a way to hold a database's writer so that Works wait and share a commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from kernel.database import Database
from kernel.events import Event
from kernel.ids import TenantId
from kernel.work import PLATFORM, SystemWork, Work

DEADLINE_S = 10.0
"""For whatever another thread does: far more than it needs."""
ONE = TenantId(1)
BELL = sa.Table("bell", sa.MetaData(), sa.Column("n", sa.Integer, primary_key=True), sa.Column("word", sa.Text))


class Rang(Event):
    """A bell rang."""

    who: TenantId
    n: int


def ring(n: int, word: str = "") -> Callable[[Work], int]:
    """A Work that rings bell `n`, announces it, records it and hints at its lane."""

    def fn(work: Work) -> int:
        work.connection.execute(sa.insert(BELL).values(n=n, word=word))
        work.emit(Rang(who=work.tenant, n=n))
        work.audit("rang", f"bell {n}")
        work.hint(f"lane:{n}")
        return n

    return fn


def failing(n: int, error: BaseException) -> Callable[[Work], int]:
    """One that rings and then fails."""

    def fn(work: Work) -> int:
        ring(n)(work)
        raise error

    return fn


def rung(database: Database) -> list[int]:
    """Which bells have rung, as another connection sees it."""
    query = sa.select(BELL.c.n).order_by(BELL.c.n)
    return database.read_system(lambda work: list(work.connection.scalars(query))).result(DEADLINE_S)


def column(database: Database, text: str) -> list[object]:
    """The first column of a query, as another connection sees it."""
    return database.read_system(lambda work: list(work.connection.execute(sa.text(text)).scalars())).result(DEADLINE_S)


def execute(database: Database, text: str) -> None:
    """One committed statement of the platform."""
    database.run_system(lambda work: work.connection.execute(sa.text(text)) and None)


@contextmanager
def held(database: Database) -> Iterator[None]:
    """The writer stands still for the length of a block: what is submitted meanwhile waits and shares a commit."""
    began, gate = threading.Event(), threading.Event()

    def wait(work: SystemWork) -> None:
        began.set()
        assert gate.wait(DEADLINE_S)

    future = database.submit_system(wait, actor=PLATFORM)
    assert began.wait(DEADLINE_S)
    try:
        yield
    finally:
        gate.set()
        future.result(DEADLINE_S)
