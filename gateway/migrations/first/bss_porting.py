"""The first tables of bss.porting.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _number_port()
    _number_port_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("number_port")


def _number_port() -> None:
    op.create_table(
        "number_port",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("direction", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("window_from", BIG, nullable=False),
        sa.Column("window_until", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("subscription_id", BIG, nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("ask", sa.String(length=32), nullable=True),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("next_at", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", BIG, nullable=False),
        sa.Column("ended_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_number_port")),
    )


def _number_port_indexes() -> None:
    op.create_index(
        "ix_number_port_asked",
        "number_port",
        ["id"],
        unique=False,
        sqlite_where=sa.text("ask IS NOT NULL"),
        postgresql_where=sa.text("ask IS NOT NULL"),
    )
    op.create_index(
        "ix_number_port_due",
        "number_port",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_index("ix_number_port_order", "number_port", ["tenant", "order_id"], unique=False)
    op.create_index("ix_number_port_subscription", "number_port", ["tenant", "subscription_id"], unique=False)
    op.create_index(
        "uq_number_port_open",
        "number_port",
        ["number"],
        unique=True,
        sqlite_where=sa.text("state IN ('requested', 'pending', 'confirmed', 'moving', 'moved', 'withdrawing')"),
        postgresql_where=sa.text("state IN ('requested', 'pending', 'confirmed', 'moving', 'moved', 'withdrawing')"),
    )
