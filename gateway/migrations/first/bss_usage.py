"""The first tables of bss.usage.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _usage_batch()
    _usage_counter()
    _usage_counter_indexes()
    _usage_key()
    _usage_record()
    _usage_record_indexes()
    _usage_rejection()
    _usage_rejection_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("usage_rejection")
    op.drop_table("usage_record")
    op.drop_table("usage_key")
    op.drop_table("usage_counter")
    op.drop_table("usage_batch")


def _usage_batch() -> None:
    op.create_table(
        "usage_batch",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("received", BIG, nullable=False),
        sa.Column("accepted", BIG, nullable=False),
        sa.Column("rejected", BIG, nullable=False),
        sa.Column("duplicate", BIG, nullable=False),
        sa.Column("received_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_usage_batch")),
    )


def _usage_counter() -> None:
    op.create_table(
        "usage_counter",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("subscription_id", BIG, nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("throttled_at", BIG, nullable=True),
        sa.Column("throttled_until", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_usage_counter")),
    )


def _usage_counter_indexes() -> None:
    op.create_index(
        "ix_usage_counter_throttled",
        "usage_counter",
        ["throttled_until"],
        unique=False,
        sqlite_where=sa.text("throttled_until IS NOT NULL"),
        postgresql_where=sa.text("throttled_until IS NOT NULL"),
    )
    op.create_index(
        "uq_usage_counter_period", "usage_counter", ["tenant", "subscription_id", "meter", "period_start"], unique=True
    )


def _usage_key() -> None:
    op.create_table(
        "usage_key",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "event_id", name=op.f("pk_usage_key")),
    )


def _usage_record() -> None:
    op.create_table(
        "usage_record",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.Column("subscription_id", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("phase_id", BIG, nullable=False),
        sa.Column("price_hash", sa.Text(), nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("billable", BIG, nullable=False),
        sa.Column("amount_nano", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_usage_record")),
    )


def _usage_record_indexes() -> None:
    op.create_index("ix_usage_record_batch", "usage_record", ["tenant", "batch_id"], unique=False)
    op.create_index(
        "ix_usage_record_day", "usage_record", ["tenant", "subscription_id", "component", "day"], unique=False
    )


def _usage_rejection() -> None:
    op.create_table(
        "usage_rejection",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_usage_rejection")),
    )


def _usage_rejection_indexes() -> None:
    op.create_index("ix_usage_rejection_batch", "usage_rejection", ["tenant", "batch_id"], unique=False)
