"""The first tables of gateway.identity.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _api_token()
    _api_token_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("api_token")


def _api_token() -> None:
    op.create_table(
        "api_token",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", BIG, nullable=True),
        sa.Column("revoked_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_api_token")),
    )


def _api_token_indexes() -> None:
    op.create_index(
        "uq_api_token_name",
        "api_token",
        ["tenant", "name"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
