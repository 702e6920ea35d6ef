"""The first tables of gateway.verbs.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _answered_request()


def drop() -> None:
    """Remove them."""
    op.drop_table("answered_request")


def _answered_request() -> None:
    op.create_table(
        "answered_request",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "verb", "key", name=op.f("pk_answered_request")),
    )
