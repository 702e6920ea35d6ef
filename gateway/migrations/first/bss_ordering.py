"""The first tables of bss.ordering.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _product_order()
    _product_order_indexes()
    _product_order_gate()
    _product_order_gate_indexes()
    _product_order_item()
    _product_order_item_indexes()
    _product_order_plan()
    _product_order_plan_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("product_order_plan")
    op.drop_table("product_order_item")
    op.drop_table("product_order_gate")
    op.drop_table("product_order")


def _product_order() -> None:
    op.create_table(
        "product_order",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("atomic", sa.Boolean(), nullable=False),
        sa.Column("method_id", sa.Text(), nullable=True),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("priority", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("submitted_at", BIG, nullable=False),
        sa.Column("start_at", BIG, nullable=True),
        sa.Column("started_at", BIG, nullable=True),
        sa.Column("ended_at", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_product_order")),
    )


def _product_order_indexes() -> None:
    op.create_index("ix_product_order_account", "product_order", ["tenant", "account_id", "id"], unique=False)
    op.create_index("uq_product_order_key", "product_order", ["tenant", "key"], unique=True)


def _product_order_gate() -> None:
    op.create_table(
        "product_order_gate",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("deadline", BIG, nullable=True),
        sa.Column("opened_at", BIG, nullable=True),
        sa.Column("closed_at", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "order_id", "name", name=op.f("pk_product_order_gate")),
    )


def _product_order_gate_indexes() -> None:
    op.create_index(
        "ix_product_order_gate_deadline",
        "product_order_gate",
        ["deadline"],
        unique=False,
        sqlite_where=sa.text("deadline IS NOT NULL"),
        postgresql_where=sa.text("deadline IS NOT NULL"),
    )


def _product_order_item() -> None:
    op.create_table(
        "product_order_item",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("offering", sa.Text(), nullable=False),
        sa.Column("offering_hash", sa.Text(), nullable=False),
        sa.Column("prices", sa.Text(), nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("subscription_id", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("service_order_id", BIG, nullable=True),
        sa.Column("on_error", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "order_id", "number", name=op.f("pk_product_order_item")),
    )


def _product_order_item_indexes() -> None:
    op.create_index(
        "ix_product_order_item_service_order", "product_order_item", ["tenant", "service_order_id"], unique=False
    )
    op.create_index(
        "ix_product_order_item_subscription",
        "product_order_item",
        ["tenant", "subscription_id", "order_id", "number"],
        unique=False,
    )


def _product_order_plan() -> None:
    op.create_table(
        "product_order_plan",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("checksum", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("footprint", sa.Text(), nullable=False),
        sa.Column("planned_by", sa.Text(), nullable=False),
        sa.Column("planned_at", BIG, nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_product_order_plan")),
    )


def _product_order_plan_indexes() -> None:
    op.create_index("ix_product_order_plan_until", "product_order_plan", ["until"], unique=False)
    op.create_index("uq_product_order_plan_checksum", "product_order_plan", ["tenant", "checksum"], unique=True)
