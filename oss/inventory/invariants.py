"""What doctor asks of the inventory: I9 (a live identity is one service's, and each active service has its own)."""

from __future__ import annotations

import sqlalchemy as sa

from kernel.doctor import SHOWN, Check
from kernel.work import SystemWork
from oss.inventory.machine import ResourceState, ServiceState
from oss.inventory.model import Binding, Resource, Service

_LIVE = Binding.to_at.is_(None)


def _examined(work: SystemWork) -> int:
    return work.session.scalar(sa.select(sa.func.count()).select_from(Binding).where(_LIVE)) or 0


def _violations(work: SystemWork) -> list[str]:
    return (_shared(work) + _overlapping(work) + _orphaned(work) + _unbound(work))[:SHOWN]


def _shared(work: SystemWork) -> list[str]:
    """Identities that are live more than once."""
    identity = (Binding.kind, Binding.namespace, Binding.value)
    rows = work.session.execute(
        sa.select(*identity, sa.func.count())
        .where(_LIVE)
        .group_by(*identity)
        .having(sa.func.count() > 1)
        .order_by(*identity)
        .limit(SHOWN)
    )
    return [f"{kind} {value} of {namespace} is bound {count} times" for kind, namespace, value, count in rows]


def _overlapping(work: SystemWork) -> list[str]:
    """Identities whose next binding began before the one before had ended."""
    identity = (Binding.kind, Binding.namespace, Binding.value)
    until = sa.func.lag(Binding.to_at).over(partition_by=identity, order_by=(Binding.from_at, Binding.id))
    dated = sa.select(*identity, Binding.from_at, until.label("until")).subquery()
    rows = work.session.execute(
        sa.select(dated.c.kind, dated.c.value, dated.c.from_at).where(dated.c.from_at < dated.c.until).limit(SHOWN)
    )
    return [f"{kind} {value} was given away again at {at} while it was bound" for kind, value, at in rows]


def _orphaned(work: SystemWork) -> list[str]:
    """Live bindings of services that are not active."""
    rows = work.session.execute(
        sa.select(Binding.kind, Binding.value, Binding.service_id, Service.state)
        .join(Service, sa.and_(Service.tenant == Binding.tenant, Service.id == Binding.service_id), isouter=True)
        .where(_LIVE, sa.or_(Service.id.is_(None), Service.state != ServiceState.ACTIVE))
        .order_by(Binding.id)
        .limit(SHOWN)
    )
    return [
        f"{kind} {value} is bound to {service}, which is {state or 'missing'}" for kind, value, service, state in rows
    ]


def _unbound(work: SystemWork) -> list[str]:
    """Pieces of the stock in use whose own value nobody is bound to."""
    bound = sa.exists().where(
        Binding.service_id == Resource.service_id, Binding.value == Resource.value, Binding.to_at.is_(None)
    )
    rows = work.session.execute(
        sa.select(Resource.pool, Resource.value, Resource.service_id)
        .where(Resource.state == ResourceState.ASSIGNED, sa.not_(bound))
        .order_by(Resource.id)
        .limit(SHOWN)
    )
    return [f"{pool} {value} is assigned to {service} and bound to nobody" for pool, value, service in rows]


CHECKS = (Check("I9", "a live identity has one binding, that of an active service", _examined, _violations),)
