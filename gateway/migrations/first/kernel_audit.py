"""The first tables of kernel.audit. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _audit()
    _audit_indexes()
    _audit_link()


def drop() -> None:
    """Remove them."""
    op.drop_table("audit_link")
    op.drop_table("audit")


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("tenant", BIG, nullable=True),
        sa.Column("at", BIG, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("writer", "seq", name=op.f("pk_audit")),
    )


def _audit_indexes() -> None:
    op.create_index(
        "ix_audit_people",
        "audit",
        ["tenant", "subject"],
        unique=False,
        sqlite_where=sa.text("actor <> 'system:platform'"),
        postgresql_where=sa.text("actor <> 'system:platform'"),
    )


def _audit_link() -> None:
    op.create_table(
        "audit_link",
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("link", BIG, nullable=False),
        sa.Column("first", BIG, nullable=False),
        sa.Column("last", BIG, nullable=False),
        sa.Column("anchors", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("writer", "link", name=op.f("pk_audit_link")),
    )
