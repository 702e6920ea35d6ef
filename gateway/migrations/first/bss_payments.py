"""The first tables of bss.payments.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _payment()
    _payment_indexes()
    _payment_advice()
    _payment_method()
    _payment_method_indexes()
    _payment_step()
    _payment_step_indexes()
    _refund()
    _refund_indexes()
    _settlement()


def drop() -> None:
    """Remove them."""
    op.drop_table("settlement")
    op.drop_table("refund")
    op.drop_table("payment_step")
    op.drop_table("payment_method")
    op.drop_table("payment_advice")
    op.drop_table("payment")


def _payment() -> None:
    op.create_table(
        "payment",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("method_id", BIG, nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("captured_minor", BIG, nullable=False),
        sa.Column("deposit_minor", BIG, nullable=False),
        sa.Column("order_ref", sa.Text(), nullable=True),
        sa.Column("invoice_id", BIG, nullable=True),
        sa.Column("authorisation", sa.Text(), nullable=True),
        sa.Column("taken", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("released_at", BIG, nullable=True),
        sa.Column("ended_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_payment")),
    )


def _payment_indexes() -> None:
    op.create_index("ix_payment_account", "payment", ["tenant", "account_id", "id"], unique=False)
    op.create_index("ix_payment_invoice", "payment", ["tenant", "invoice_id"], unique=False)
    op.create_index("ix_payment_order", "payment", ["tenant", "order_ref"], unique=False)


def _payment_advice() -> None:
    op.create_table(
        "payment_advice",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("advice_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("payment_id", BIG, nullable=True),
        sa.Column("heard_at", BIG, nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "gateway", "advice_id", name=op.f("pk_payment_advice")),
    )


def _payment_method() -> None:
    op.create_table(
        "payment_method",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("standard", sa.Boolean(), nullable=False),
        sa.Column("added_at", BIG, nullable=False),
        sa.Column("removed_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_payment_method")),
    )


def _payment_method_indexes() -> None:
    op.create_index(
        "ix_payment_method_account",
        "payment_method",
        ["tenant", "account_id"],
        unique=False,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )


def _payment_step() -> None:
    op.create_table(
        "payment_step",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("payment_id", BIG, nullable=False),
        sa.Column("refund_id", BIG, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("lookups", BIG, nullable=False),
        sa.Column("run_at", BIG, nullable=False),
        sa.Column("wanted_at", BIG, nullable=False),
        sa.Column("operation", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_payment_step")),
    )


def _payment_step_indexes() -> None:
    op.create_index("ix_payment_step_payment", "payment_step", ["tenant", "payment_id", "id"], unique=False)
    op.create_index(
        "ix_payment_step_run",
        "payment_step",
        ["run_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('ready', 'sent', 'unknown')"),
        postgresql_where=sa.text("state IN ('ready', 'sent', 'unknown')"),
    )


def _refund() -> None:
    op.create_table(
        "refund",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("payment_id", BIG, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", BIG, nullable=False),
        sa.Column("ended_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_refund")),
    )


def _refund_indexes() -> None:
    op.create_index("ix_refund_payment", "refund", ["tenant", "payment_id"], unique=False)


def _settlement() -> None:
    op.create_table(
        "settlement",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("gross_minor", BIG, nullable=False),
        sa.Column("fee_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_settlement")),
        sa.UniqueConstraint("tenant", "gateway", "reference", name=op.f("uq_settlement_tenant_gateway_reference")),
    )
