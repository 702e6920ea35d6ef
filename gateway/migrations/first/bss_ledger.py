"""The first tables of bss.ledger.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _journal()
    _journal_indexes()
    _posting()
    _posting_indexes()
    _seller()


def drop() -> None:
    """Remove them."""
    op.drop_table("seller")
    op.drop_table("posting")
    op.drop_table("journal")


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rules_hash", sa.Text(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("posted_at", BIG, nullable=False),
        sa.Column("posted_by", sa.Text(), nullable=False),
        sa.Column("refs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_journal")),
    )


def _journal_indexes() -> None:
    op.create_index("ix_journal_booked", "journal", ["tenant", "seller_id", "booked_on"], unique=False)


def _posting() -> None:
    op.create_table(
        "posting",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("journal_id", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "journal_id", "number", name=op.f("pk_posting")),
    )


def _posting_indexes() -> None:
    op.create_index("ix_posting_account", "posting", ["tenant", "seller_id", "account", "currency"], unique=False)


def _seller() -> None:
    op.create_table(
        "seller",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tax_status", sa.String(length=32), nullable=False),
        sa.Column("exemption_reason", sa.Text(), nullable=True),
        sa.Column("tax_ids", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_seller")),
    )
