"""The first tables of kernel.events. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _event()
    _event_indexes()
    _outbox()


def drop() -> None:
    """Remove them."""
    op.drop_table("outbox")
    op.drop_table("event")


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", BIG, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_event")),
    )


def _event_indexes() -> None:
    op.create_index("ix_event_subject", "event", ["tenant", "subject", "id"], unique=False)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("event_id", BIG, nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "handler", name=op.f("pk_outbox")),
    )
