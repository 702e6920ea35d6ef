"""The first tables of oss.orders.windows. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _element_window()
    _element_window_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("element_window")


def _element_window() -> None:
    op.create_table(
        "element_window",
        sa.Column("id", BIG, nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("days", sa.Text(), nullable=True),
        sa.Column("from_time", sa.Text(), nullable=True),
        sa.Column("until_time", sa.Text(), nullable=True),
        sa.Column("from_at", BIG, nullable=True),
        sa.Column("until_at", BIG, nullable=True),
        sa.Column("restores", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("turns_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_element_window")),
    )


def _element_window_indexes() -> None:
    op.create_index("ix_element_window_lane", "element_window", ["lane"], unique=False)
    op.create_index(
        "ix_element_window_turns_at",
        "element_window",
        ["turns_at"],
        unique=False,
        sqlite_where=sa.text("turns_at IS NOT NULL"),
        postgresql_where=sa.text("turns_at IS NOT NULL"),
    )
