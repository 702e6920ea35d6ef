"""Many lines restricted or lifted in a few statements; each that cannot be is named and hinders no other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from kernel import rows
from kernel.errors import Conflict, NotFound, TrunklineError
from kernel.tables import to_micros
from kernel.work import Work
from oss.inventory import protection
from oss.inventory.events import LineLifted, LineRestricted
from oss.inventory.machine import ServiceState
from oss.inventory.model import Restriction, RestrictionId, Service, ServiceId
from oss.port import Level

CHUNK = 500
"""Ids in one statement: below every database's limit of parameters."""
_COLUMNS = ("tenant", "id", "service_id", "cause", "level", "from_at", "until", "placed_by", "approved_by")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be taken from one line."""

    cause: str
    level: Level
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lifted:
    """A restriction that was taken back."""

    id: RestrictionId
    cause: str
    level: Level
    until: datetime | None


def chunks(ids: Collection[int]) -> Iterator[list[int]]:
    """The ids in rising order, in lists that fit one statement."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def among(work: Work, column: Any, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """Whether a column is one of some ids: PostgreSQL reads an array ten times as fast as as many parameters."""
    if work.dialect == "sqlite":
        found: sa.ColumnElement[bool] = column.in_(ids)
    else:
        found = column == sa.any_(sa.literal([int(each) for each in ids], postgresql.ARRAY(sa.BigInteger)))
    return found


def restrict(
    work: Work, wishes: Mapping[ServiceId, Wish], *, placed_by: str
) -> dict[ServiceId, RestrictionId | TrunklineError | None]:
    """Take something from each line: its new restriction, None where the same one stands, or why it cannot be."""
    found: dict[ServiceId, RestrictionId | TrunklineError | None] = {}
    placed: list[tuple[Any, ...]] = []
    services, standing = _locked(work, wishes), _standing(work, wishes)
    for service_id, wish in wishes.items():
        try:
            owner = _check(work, service_id, services.get(service_id), wish, actor=placed_by)
        except TrunklineError as error:
            found[service_id] = error
            continue
        if (service_id, wish.cause, wish.level) in standing:
            found[service_id] = None
            continue
        number = found[service_id] = RestrictionId.new()
        until = None if wish.until is None else to_micros(wish.until)
        told = (int(work.tenant), int(number), int(service_id), wish.cause, str(wish.level))
        placed.append((*told, work.micros, until, placed_by, None))
        work.emit(
            LineRestricted(
                restriction_id=number, service_id=service_id, owner=owner, cause=wish.cause, level=wish.level
            )
        )
        work.audit("restricted", service_id, {"cause": wish.cause, "level": wish.level, "approved_by": None})
    if placed:
        rows.append(work, "restriction", _COLUMNS, placed)
    return found


def lift(work: Work, causes: Mapping[ServiceId, str]) -> dict[ServiceId, list[Lifted]]:
    """Take back the restrictions of one cause from each line, and no other; what was lifted of each."""
    found: dict[ServiceId, list[Lifted]] = {service_id: [] for service_id in causes}
    services = _locked(work, causes)
    for cause in sorted(set(causes.values())):
        mine = [service_id for service_id, each in causes.items() if each == cause and service_id in services]
        for some in chunks(mine):
            for number, service_id, level, until in _lift(work, some, cause):
                found[service_id].append(Lifted(number, cause, level, until))
                owner = services[service_id].owner
                work.emit(
                    LineLifted(restriction_id=number, service_id=service_id, owner=owner, cause=cause, level=level)
                )
                work.audit("lifted", service_id, {"cause": cause, "level": level})
    return found


def _locked(work: Work, ids: Collection[ServiceId]) -> dict[ServiceId, Any]:
    """Id, owner, state, presence and protection of the services that there are, held until the commit."""
    work.flush()
    columns = (Service.id, Service.owner, Service.state, Service.present, Service.protected)
    found = {}
    for some in chunks(ids):
        mine = (Service.tenant == work.tenant, among(work, Service.id, some))
        query = sa.select(*columns).where(*mine).order_by(Service.id).with_for_update()
        found.update({row.id: row for row in work.connection.execute(query).all()})
    return found


def _standing(work: Work, ids: Collection[ServiceId]) -> set[tuple[ServiceId, str, Level]]:
    found = set()
    for some in chunks(ids):
        mine = (
            Restriction.tenant == work.tenant,
            among(work, Restriction.service_id, some),
            Restriction.lifted_at.is_(None),
        )
        query = sa.select(Restriction.service_id, Restriction.cause, Restriction.level).where(*mine)
        found |= {(service_id, cause, level) for service_id, cause, level in work.connection.execute(query).all()}
    return found


def _check(work: Work, service_id: ServiceId, service: Any, wish: Wish, *, actor: str) -> str | None:
    if service is None:
        raise NotFound(f"no service {service_id}", field="service_id", fix="look it up by its owner")
    if service.state is ServiceState.TERMINATED or not service.present:
        raise Conflict(f"{service_id} is going or gone", field="service", fix="order a new service")
    protection.check_sense(cause=wish.cause, level=wish.level, until=wish.until, now=work.now)
    if service.protected:
        protection.check_cut(service_id, cause=wish.cause, level=wish.level, actor=actor, approved_by=None)
    owner: str | None = service.owner
    return owner


def _lift(work: Work, ids: list[int], cause: str) -> list[Any]:
    mine = (Restriction.tenant == work.tenant, among(work, Restriction.service_id, ids), Restriction.cause == cause)
    change = sa.update(Restriction).where(*mine, Restriction.lifted_at.is_(None))
    lifted = change.values(lifted_at=work.now, lifted_by=work.actor.name)
    columns = (Restriction.id, Restriction.service_id, Restriction.level, Restriction.until)
    return list(work.connection.execute(lifted.returning(*columns)))
