"""The first tables of bss.dunning.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _dunning_act()
    _dunning_act_indexes()
    _dunning_case()
    _dunning_case_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("dunning_case")
    op.drop_table("dunning_act")


def _dunning_act() -> None:
    op.create_table(
        "dunning_act",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("case_id", BIG, nullable=False),
        sa.Column("rung", BIG, nullable=False),
        sa.Column("deed", sa.String(length=32), nullable=False),
        sa.Column("subscription_id", BIG, nullable=True),
        sa.Column("notice_id", BIG, nullable=True),
        sa.Column("owed_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_dunning_act")),
    )


def _dunning_act_indexes() -> None:
    op.create_index("ix_dunning_act_case", "dunning_act", ["tenant", "case_id", "id"], unique=False)
    op.create_index("ix_dunning_act_subscription", "dunning_act", ["tenant", "subscription_id", "id"], unique=False)


def _dunning_case() -> None:
    op.create_table(
        "dunning_case",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("ladder", sa.Text(), nullable=False),
        sa.Column("ladder_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("rung", BIG, nullable=False),
        sa.Column("opened_at", BIG, nullable=False),
        sa.Column("climbed_at", BIG, nullable=False),
        sa.Column("next_at", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_dunning_case")),
    )


def _dunning_case_indexes() -> None:
    op.create_index("ix_dunning_case_account", "dunning_case", ["tenant", "account_id", "id"], unique=False)
    op.create_index(
        "ix_dunning_case_next",
        "dunning_case",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_index(
        "uq_dunning_case_live",
        "dunning_case",
        ["tenant", "account_id", "seller_id", "currency"],
        unique=True,
        sqlite_where=sa.text("state <> 'cured'"),
        postgresql_where=sa.text("state <> 'cured'"),
    )
