"""Who pays: customers and their billing accounts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from bss.ledger.model import SellerId
from kernel.ids import Id
from kernel.tables import Base, Tenanted


class CustomerId(Id, prefix="cus"):
    """A customer."""


class AccountId(Id, prefix="acc"):
    """A billing account."""


class Customer(Tenanted, Base):
    """A person or a company that ordered something."""

    __tablename__ = "customer"
    id: Mapped[CustomerId] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    created_at: Mapped[datetime]


class BillingAccount(Tenanted, Base):
    """Where money owed to one seller in one currency is gathered; its billing day is local to its zone."""

    __tablename__ = "billing_account"
    __table_args__ = (
        Index("ix_billing_account_customer", "tenant", "customer_id"),
        Index(
            "ix_billing_account_next_bill",
            "next_bill_at",
            sqlite_where=sql("parked_reason IS NULL"),
            postgresql_where=sql("parked_reason IS NULL"),
        ),
    )
    id: Mapped[AccountId] = mapped_column(primary_key=True)
    customer_id: Mapped[CustomerId]
    seller_id: Mapped[SellerId]
    currency: Mapped[str]
    zone: Mapped[str]
    billing_day: Mapped[int]
    payment_terms_days: Mapped[int]
    email: Mapped[str]
    country: Mapped[str | None]
    tax_id: Mapped[str | None]
    parked_reason: Mapped[str | None]
    next_bill_at: Mapped[datetime]
    created_at: Mapped[datetime]
