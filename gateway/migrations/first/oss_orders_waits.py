"""The first tables of oss.orders.waits. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _signal()
    _signal_indexes()
    _wait()
    _wait_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("wait")
    op.drop_table("signal")


def _signal() -> None:
    op.create_table(
        "signal",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("good", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.Column("used_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_signal")),
    )


def _signal_indexes() -> None:
    op.create_index("ix_signal_kept", "signal", ["tenant", "event", "key", "at"], unique=False)
    op.create_index("ix_signal_until", "signal", ["until"], unique=False)
    op.create_index(
        "uq_signal_reference",
        "signal",
        ["tenant", "event", "key", "reference"],
        unique=True,
        sqlite_where=sa.text("reference IS NOT NULL"),
        postgresql_where=sa.text("reference IS NOT NULL"),
    )


def _wait() -> None:
    op.create_table(
        "wait",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("assigned", sa.Text(), nullable=True),
        sa.Column("second_person", sa.Boolean(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("on_timeout", sa.String(length=32), nullable=False),
        sa.Column("deadline_s", BIG, nullable=True),
        sa.Column("opened_at", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=True),
        sa.Column("closed_at", BIG, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_wait")),
    )


def _wait_indexes() -> None:
    op.create_index(
        "ix_wait_due",
        "wait",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_wait_open",
        "wait",
        ["tenant", "kind", "key"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("uq_wait_task", "wait", ["tenant", "order_id", "seq"], unique=True)
