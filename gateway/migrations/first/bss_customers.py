"""The first tables of bss.customers.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _billing_account()
    _billing_account_indexes()
    _customer()


def drop() -> None:
    """Remove them."""
    op.drop_table("customer")
    op.drop_table("billing_account")


def _billing_account() -> None:
    op.create_table(
        "billing_account",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("billing_day", BIG, nullable=False),
        sa.Column("payment_terms_days", BIG, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("parked_reason", sa.Text(), nullable=True),
        sa.Column("next_bill_at", BIG, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_billing_account")),
    )


def _billing_account_indexes() -> None:
    op.create_index("ix_billing_account_customer", "billing_account", ["tenant", "customer_id"], unique=False)
    op.create_index(
        "ix_billing_account_next_bill",
        "billing_account",
        ["next_bill_at"],
        unique=False,
        sqlite_where=sa.text("parked_reason IS NULL"),
        postgresql_where=sa.text("parked_reason IS NULL"),
    )


def _customer() -> None:
    op.create_table(
        "customer",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_customer")),
    )
