"""The first tables of kernel.versions. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _version()
    _version_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("version")


def _version() -> None:
    op.create_table(
        "version",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("applied_at", BIG, nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "name", "number", name=op.f("pk_version")),
    )


def _version_indexes() -> None:
    op.create_index("ix_version_hash", "version", ["tenant", "kind", "name", "hash"], unique=False)
