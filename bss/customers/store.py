"""Every query on customers and their billing accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from bss.customers.model import AccountId, BillingAccount, Customer, CustomerId
from kernel.ids import TenantId
from kernel.work import SystemWork, Work


def customer(work: Work, customer_id: CustomerId) -> Customer | None:
    """A customer of this tenant."""
    return work.session.get(Customer, (work.tenant, customer_id))


def customers(work: Work, *, after: CustomerId | None, limit: int) -> Sequence[Customer]:
    """A page of customers, oldest first."""
    query = sa.select(Customer).where(Customer.tenant == work.tenant).order_by(Customer.id).limit(limit)
    return work.session.scalars(query if after is None else query.where(Customer.id > after)).all()


def account(work: Work, account_id: AccountId) -> BillingAccount | None:
    """A billing account of this tenant."""
    return work.session.get(BillingAccount, (work.tenant, account_id))


def locked(work: Work, account_id: AccountId) -> BillingAccount | None:
    """The account with its row locked, so that two Works do not bill it at once."""
    return work.session.scalars(
        sa.select(BillingAccount)
        .where(BillingAccount.tenant == work.tenant, BillingAccount.id == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def accounts(work: Work, customer_id: CustomerId) -> Sequence[BillingAccount]:
    """A customer's billing accounts."""
    return work.session.scalars(
        sa.select(BillingAccount)
        .where(BillingAccount.tenant == work.tenant, BillingAccount.customer_id == customer_id)
        .order_by(BillingAccount.id)
    ).all()


def bill_due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, AccountId]]:
    """Accounts of any tenant whose billing day has come, longest waiting first; parked ones left out."""
    rows = work.session.execute(
        sa.select(BillingAccount.tenant, BillingAccount.id)
        .where(BillingAccount.parked_reason.is_(None), BillingAccount.next_bill_at <= now)
        .order_by(BillingAccount.next_bill_at)
        .limit(limit)
    )
    return [(tenant, account_id) for tenant, account_id in rows]


def next_bill(work: SystemWork) -> datetime | None:
    """When the next account is to be billed."""
    return work.session.scalar(
        sa.select(BillingAccount.next_bill_at)
        .where(BillingAccount.parked_reason.is_(None))
        .order_by(BillingAccount.next_bill_at)
        .limit(1)
    )
