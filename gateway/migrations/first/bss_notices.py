"""The first tables of bss.notices.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _notice()
    _notice_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("notice")


def _notice() -> None:
    op.create_table(
        "notice",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("dedup", sa.Text(), nullable=True),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("retry_at", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("queued_at", BIG, nullable=False),
        sa.Column("sent_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_notice")),
        sa.UniqueConstraint("tenant", "dedup", name=op.f("uq_notice_tenant_dedup")),
    )


def _notice_indexes() -> None:
    op.create_index("ix_notice_account", "notice", ["tenant", "account_id", "id"], unique=False)
    op.create_index(
        "ix_notice_queued",
        "notice",
        ["retry_at"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
