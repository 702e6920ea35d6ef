"""The first tables of bss.subscriptions.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _phase_change()
    _phase_change_indexes()
    _price_phase()
    _price_phase_indexes()
    _restriction_billing()
    _restriction_billing_indexes()
    _restriction_request()
    _restriction_request_indexes()
    _subscription()
    _subscription_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("subscription")
    op.drop_table("restriction_request")
    op.drop_table("restriction_billing")
    op.drop_table("price_phase")
    op.drop_table("phase_change")


def _phase_change() -> None:
    op.create_table(
        "phase_change",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("subscription_id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("generation", BIG, nullable=False),
        sa.Column("offering", sa.Text(), nullable=False),
        sa.Column("offering_hash", sa.Text(), nullable=False),
        sa.Column("prices", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("requested_at", BIG, nullable=False),
        sa.Column("applied_at", BIG, nullable=True),
        sa.Column("dropped_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_phase_change")),
    )


def _phase_change_indexes() -> None:
    op.create_index(
        "ix_phase_change_subscription", "phase_change", ["tenant", "subscription_id", "generation"], unique=False
    )


def _price_phase() -> None:
    op.create_table(
        "price_phase",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("subscription_id", BIG, nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("offering", sa.Text(), nullable=False),
        sa.Column("offering_hash", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("rate", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("meter", sa.Text(), nullable=True),
        sa.Column("starts", sa.String(length=32), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.Column("charged_from", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_price_phase")),
    )


def _price_phase_indexes() -> None:
    op.create_index(
        "ix_price_phase_subscription",
        "price_phase",
        ["tenant", "subscription_id", "component", "from_date"],
        unique=False,
    )


def _restriction_billing() -> None:
    op.create_table(
        "restriction_billing",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("restriction_id", BIG, nullable=False),
        sa.Column("subscription_id", BIG, nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_restriction_billing")),
    )


def _restriction_billing_indexes() -> None:
    op.create_index(
        "ix_restriction_billing_restriction", "restriction_billing", ["tenant", "restriction_id"], unique=False
    )
    op.create_index(
        "ix_restriction_billing_subscription", "restriction_billing", ["tenant", "subscription_id"], unique=False
    )


def _restriction_request() -> None:
    op.create_table(
        "restriction_request",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("subscription_id", BIG, nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("until", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", BIG, nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", BIG, nullable=True),
        sa.Column("restriction_id", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_restriction_request")),
    )


def _restriction_request_indexes() -> None:
    op.create_index(
        "ix_restriction_request_subscription", "restriction_request", ["tenant", "subscription_id", "id"], unique=False
    )


def _subscription() -> None:
    op.create_table(
        "subscription",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("offering", sa.Text(), nullable=False),
        sa.Column("offering_hash", sa.Text(), nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("order_ref", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("missing", sa.Text(), nullable=True),
        sa.Column("term_months", BIG, nullable=True),
        sa.Column("term_until", sa.Date(), nullable=True),
        sa.Column("ordered_at", BIG, nullable=False),
        sa.Column("activated_at", BIG, nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("end_cause", sa.String(length=32), nullable=True),
        sa.Column("terminated_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_subscription")),
    )


def _subscription_indexes() -> None:
    op.create_index("ix_subscription_account", "subscription", ["tenant", "account_id", "id"], unique=False)
    op.create_index("uq_subscription_service", "subscription", ["tenant", "service_id"], unique=True)
