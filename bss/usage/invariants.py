"""What doctor asks of usage: I8 (nothing delivered is lost, and nobody is charged for another's use)."""

from __future__ import annotations

import sqlalchemy as sa

from bss.usage.model import UsageBatch, UsageRecord, UsageRejection
from kernel.doctor import SHOWN, Check
from kernel.work import SystemWork
from oss.inventory.model import Binding


def _examined(work: SystemWork) -> int:
    batches = work.session.scalar(sa.select(sa.func.count()).select_from(UsageBatch)) or 0
    records = work.session.scalar(sa.select(sa.func.count()).select_from(UsageRecord)) or 0
    return batches + records


def _violations(work: SystemWork) -> list[str]:
    return (_miscounted(work) + _astray(work))[:SHOWN]


def _miscounted(work: SystemWork) -> list[str]:
    """Deliveries whose counts do not add up, or are not those of the rows kept."""
    kept = _kept(UsageRecord)
    refused = _kept(UsageRejection)
    total = UsageBatch.accepted + UsageBatch.rejected + UsageBatch.duplicate
    statement = (
        sa.select(UsageBatch, kept, refused)
        .where(sa.or_(total != UsageBatch.received, UsageBatch.accepted != kept, UsageBatch.rejected != refused))
        .order_by(UsageBatch.tenant, UsageBatch.id)
        .limit(SHOWN)
    )
    return [
        f"{batch.tenant}: {batch.id} received {batch.received}, accepted {batch.accepted} ({records} kept), "
        f"rejected {batch.rejected} ({rejections} kept), duplicate {batch.duplicate}"
        for batch, records, rejections in work.session.execute(statement)
    ]


def _kept(table: type[UsageRecord | UsageRejection]) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.count())
        .select_from(table)
        .where(table.tenant == UsageBatch.tenant, table.batch_id == UsageBatch.id)
        .correlate(UsageBatch)
        .scalar_subquery()
    )


def _astray(work: SystemWork) -> list[str]:
    """Accepted events at an instant when their identity was not bound to the service they are charged to."""
    bound = sa.exists().where(
        Binding.kind == UsageRecord.kind,
        Binding.value == UsageRecord.value,
        Binding.tenant == UsageRecord.tenant,
        Binding.service_id == UsageRecord.service_id,
        Binding.from_at <= UsageRecord.at,
        sa.or_(Binding.to_at.is_(None), Binding.to_at > UsageRecord.at),
    )
    statement = (
        sa.select(UsageRecord.tenant, UsageRecord.event_id, UsageRecord.kind, UsageRecord.value, UsageRecord.at)
        .where(sa.not_(bound))
        .order_by(UsageRecord.tenant, UsageRecord.id)
        .limit(SHOWN)
    )
    return [
        f"{tenant}: event {event_id} at {at.isoformat()}: {kind} {value} was not bound to its service then"
        for tenant, event_id, kind, value, at in work.session.execute(statement)
    ]


CHECKS = (
    Check("I8", "accepted + rejected + duplicate = received; no event outside its binding", _examined, _violations),
)
