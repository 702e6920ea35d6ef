"""The lists of the API: a tenant's rows of one kind, a part at a time and counted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import sqlalchemy as sa

from gateway.verbs.core import PageAsked
from kernel.errors import NotFound
from kernel.events import EventRow
from kernel.ids import Id
from kernel.tables import Tenanted
from kernel.work import Work

T = TypeVar("T", bound=Tenanted)
STORY = 2_000
"""Facts of one story at most: an order of 64 lines has a few hundred."""


def page(work: Work, kind: type[T], asked: PageAsked, *where: sa.ColumnElement[bool]) -> tuple[list[T], int]:
    """The newest of the tenant's rows that fulfil the conditions, and how many there are in all."""
    mine: tuple[Any, ...] = (kind.tenant == work.tenant, *where)
    identity: Any = kind.id  # type: ignore[attr-defined]  # every kind that is listed has one, after the tenant
    rows = sa.select(kind).where(*mine).order_by(identity.desc()).offset(asked.offset).limit(asked.limit)
    total = work.session.scalar(sa.select(sa.func.count()).select_from(kind).where(*mine))
    return list(work.session.scalars(rows)), int(total or 0)


def one(work: Work, kind: type[T], identity: Id, *, field: str) -> T:
    """One row, read without holding it. Raises NotFound."""
    found = work.session.get(kind, (work.tenant, identity))
    if found is None:
        raise NotFound(f"no {identity}", field=field, fix="look for it in the list")
    return found


def story(work: Work, subjects: Collection[Id]) -> list[EventRow]:
    """The facts about some subjects in the order of their happening."""
    chosen = EventRow.subject.in_([int(subject) for subject in subjects])
    rows = sa.select(EventRow).where(EventRow.tenant == work.tenant, chosen).order_by(EventRow.id).limit(STORY)
    return list(work.session.scalars(rows))
