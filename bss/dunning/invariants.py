"""What must hold of dunning at any moment (`trunkline doctor`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa

from bss.customers.model import BillingAccount
from bss.dunning import ladders
from bss.dunning.model import DunningAct, DunningCase
from bss.subscriptions.model import Cause, Subscription
from kernel.doctor import SHOWN, Check
from kernel.time import local_date
from kernel.work import SystemWork
from oss.inventory.model import Restriction, Service
from oss.port import Level


class _Line(NamedTuple):
    """One hard restriction for a debt, and whose line it took down."""

    restriction: Restriction
    service: Service
    subscription: Subscription | None
    zone: str


def _examined(work: SystemWork) -> int:
    ended = sa.select(sa.func.count()).select_from(Subscription).where(Subscription.end_cause == Cause.NON_PAYMENT)
    return sum(1 for _ in _hard(work)) + int(work.session.scalar(ended) or 0)


def _violations(work: SystemWork) -> list[str]:
    return list(islice(_broken(work), SHOWN))


def _broken(work: SystemWork) -> Iterator[str]:
    yield from (f"{subscription_id} is a protected line and was ended for a debt" for subscription_id in _ended(work))
    for line in _hard(work):
        placed = f"{line.restriction.id} on {line.service.id}"
        if line.service.protected:
            yield f"{placed}: a hard restriction for a debt on a protected line"
        elif (missing := _missing(work, line)) is not None:
            yield f"{placed}: {missing}"


def _ended(work: SystemWork) -> Iterable[object]:
    return work.session.scalars(
        sa.select(Subscription.id)
        .join(Service, sa.and_(Service.tenant == Subscription.tenant, Service.id == Subscription.service_id))
        .where(Subscription.end_cause == Cause.NON_PAYMENT, Service.protected.is_(True))
    )


def _hard(work: SystemWork) -> Iterator[_Line]:
    rows = work.session.execute(
        sa.select(Restriction, Service, Subscription, BillingAccount.zone)
        .join(Service, sa.and_(Service.tenant == Restriction.tenant, Service.id == Restriction.service_id))
        .outerjoin(Subscription, sa.and_(Subscription.tenant == Service.tenant, Subscription.service_id == Service.id))
        .outerjoin(
            BillingAccount,
            sa.and_(BillingAccount.tenant == Subscription.tenant, BillingAccount.id == Subscription.account_id),
        )
        .where(Restriction.cause == str(Cause.NON_PAYMENT), Restriction.level == Level.HARD)
        .order_by(Restriction.tenant, Restriction.id)
    )
    return (_Line(restriction, service, sub, zone or "UTC") for restriction, service, sub, zone in rows)


def _missing(work: SystemWork, line: _Line) -> str | None:
    """What should have come before a hard restriction and did not, by the ladder of the account's case."""
    on = local_date(line.restriction.from_at, line.zone)
    case = None if line.subscription is None else _case(work, line)
    if case is None:
        return "no case asked for it"
    ladder = ladders.get(work.of(case.tenant), case.ladder, case.ladder_hash)
    letter = _first_letter(work, case, line.zone)
    if letter is None or (on - letter).days < ladder.notice_days:
        return f"no letter {ladder.notice_days} days before"
    soft = _first_soft(work, line)
    if soft is None or (on - soft).days < ladder.soft_days:
        return f"no soft bar {ladder.soft_days} days before"
    return None


def _case(work: SystemWork, line: _Line) -> DunningCase | None:
    if line.subscription is None:
        return None
    return work.session.scalars(
        sa.select(DunningCase)
        .where(
            DunningCase.tenant == line.subscription.tenant,
            DunningCase.account_id == line.subscription.account_id,
            DunningCase.opened_at <= line.restriction.from_at,
        )
        .order_by(DunningCase.id.desc())
        .limit(1)
    ).first()


def _first_letter(work: SystemWork, case: DunningCase, zone: str) -> date | None:
    at = work.session.scalar(
        sa.select(DunningAct.at)
        .where(DunningAct.tenant == case.tenant, DunningAct.case_id == case.id, DunningAct.notice_id.is_not(None))
        .order_by(DunningAct.id)
        .limit(1)
    )
    return None if at is None else local_date(at, zone)


def _first_soft(work: SystemWork, line: _Line) -> date | None:
    at = work.session.scalar(
        sa.select(Restriction.from_at)
        .where(
            Restriction.tenant == line.restriction.tenant,
            Restriction.service_id == line.restriction.service_id,
            Restriction.cause == str(Cause.NON_PAYMENT),
            Restriction.level == Level.SOFT,
        )
        .order_by(Restriction.from_at)
        .limit(1)
    )
    return None if at is None else local_date(at, line.zone)


CHECKS = (
    Check(
        "I14",
        "no debt takes a protected line down; each hard restriction follows a letter and a soft bar",
        _examined,
        _violations,
    ),
)
"""The invariants of dunning."""
