"""The books: who sells, what was posted, and to which account."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.ids import Id
from kernel.tables import Base, Tenanted


class SellerId(Id, prefix="sel"):
    """A legal entity that sells."""


class JournalId(Id, prefix="jrn"):
    """One balanced entry in the books."""


class TaxStatus(StrEnum):
    """Whether a seller charges tax."""

    REGISTERED = "registered"
    EXEMPT = "exempt"


class Seller(Tenanted, Base):
    """The legal entity whose name, numbers, taxes and books a document carries."""

    __tablename__ = "seller"
    id: Mapped[SellerId] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str]
    zone: Mapped[str]
    currency: Mapped[str]
    tax_status: Mapped[TaxStatus]
    exemption_reason: Mapped[str | None]
    tax_ids: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Journal(Tenanted, Base):
    """One fact in the books, posted by a named rule; never changed, only followed by another."""

    __tablename__ = "journal"
    __table_args__ = (Index("ix_journal_booked", "tenant", "seller_id", "booked_on"),)
    id: Mapped[JournalId] = mapped_column(primary_key=True)
    seller_id: Mapped[SellerId]
    rule: Mapped[str]
    rules_hash: Mapped[str]
    booked_on: Mapped[date]
    posted_at: Mapped[datetime]
    posted_by: Mapped[str]
    refs: Mapped[dict[str, Any]]


class Posting(Tenanted, Base):
    """One side of a journal: a debit above zero, a credit below."""

    __tablename__ = "posting"
    __table_args__ = (Index("ix_posting_account", "tenant", "seller_id", "account", "currency"),)
    journal_id: Mapped[JournalId] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    seller_id: Mapped[SellerId]
    account: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
