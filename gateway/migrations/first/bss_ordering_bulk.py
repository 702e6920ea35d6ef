"""The first tables of bss.ordering.bulk.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _bulk_job()
    _bulk_job_indexes()
    _bulk_row()
    _bulk_row_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("bulk_row")
    op.drop_table("bulk_job")


def _bulk_job() -> None:
    op.create_table(
        "bulk_job",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("defaults", sa.Text(), nullable=False),
        sa.Column("skip_bad", sa.Boolean(), nullable=False),
        sa.Column("undo_of", BIG, nullable=True),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("submitted_at", BIG, nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_until", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("next_at", BIG, nullable=True),
        sa.Column("ended_at", BIG, nullable=True),
        sa.Column("canary", BIG, nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("acknowledged", BIG, nullable=False),
        sa.Column("rejected", BIG, nullable=False),
        sa.Column("refused", BIG, nullable=False),
        sa.Column("in_progress", BIG, nullable=False),
        sa.Column("held", BIG, nullable=False),
        sa.Column("completed", BIG, nullable=False),
        sa.Column("failed", BIG, nullable=False),
        sa.Column("cancelled", BIG, nullable=False),
        sa.Column("forgiven", BIG, nullable=False),
        sa.Column("forgiven_of", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_bulk_job")),
    )


def _bulk_job_indexes() -> None:
    op.create_index(
        "ix_bulk_job_next_at",
        "bulk_job",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_index("uq_bulk_job_key", "bulk_job", ["tenant", "key"], unique=True)


def _bulk_row() -> None:
    op.create_table(
        "bulk_row",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("job_id", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("subscription_id", BIG, nullable=True),
        sa.Column("service_order_id", BIG, nullable=True),
        sa.Column("product_order_id", BIG, nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "job_id", "number", name=op.f("pk_bulk_row")),
    )


def _bulk_row_indexes() -> None:
    op.create_index("ix_bulk_row_state", "bulk_row", ["tenant", "job_id", "state", "number"], unique=False)
    op.create_index("uq_bulk_row_subject", "bulk_row", ["tenant", "job_id", "subject"], unique=True)
