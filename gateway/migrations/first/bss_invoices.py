"""The first tables of bss.invoices.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _allocation()
    _allocation_indexes()
    _credit_application()
    _credit_application_indexes()
    _credit_note()
    _credit_note_indexes()
    _credit_note_line()
    _credit_note_line_indexes()
    _invoice()
    _invoice_indexes()
    _invoice_dispute()
    _invoice_dispute_indexes()
    _invoice_line()
    _invoice_line_indexes()
    _number_series()
    _open_item()
    _open_item_indexes()
    _recognition()
    _write_off()
    _write_off_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("write_off")
    op.drop_table("recognition")
    op.drop_table("open_item")
    op.drop_table("number_series")
    op.drop_table("invoice_line")
    op.drop_table("invoice_dispute")
    op.drop_table("invoice")
    op.drop_table("credit_note_line")
    op.drop_table("credit_note")
    op.drop_table("credit_application")
    op.drop_table("allocation")


def _allocation() -> None:
    op.create_table(
        "allocation",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("payment_id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("allocated_at", BIG, nullable=False),
        sa.Column("undone_at", BIG, nullable=True),
        sa.Column("undone_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_allocation")),
    )


def _allocation_indexes() -> None:
    op.create_index("ix_allocation_invoice", "allocation", ["tenant", "invoice_id"], unique=False)
    op.create_index("ix_allocation_payment", "allocation", ["tenant", "payment_id"], unique=False)


def _credit_application() -> None:
    op.create_table(
        "credit_application",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("credit_note_id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("applied_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_credit_application")),
    )


def _credit_application_indexes() -> None:
    op.create_index("ix_credit_application_invoice", "credit_application", ["tenant", "invoice_id"], unique=False)
    op.create_index("ix_credit_application_note", "credit_application", ["tenant", "credit_note_id"], unique=False)


def _credit_note() -> None:
    op.create_table(
        "credit_note",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("net_minor", BIG, nullable=False),
        sa.Column("tax_minor", BIG, nullable=False),
        sa.Column("total_minor", BIG, nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("issued_at", BIG, nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("year", BIG, nullable=False),
        sa.Column("shard", BIG, nullable=False),
        sa.Column("sequence", BIG, nullable=True),
        sa.Column("journal_id", BIG, nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_credit_note")),
    )


def _credit_note_indexes() -> None:
    op.create_index("ix_credit_note_account", "credit_note", ["tenant", "account_id", "id"], unique=False)
    op.create_index("ix_credit_note_invoice", "credit_note", ["tenant", "invoice_id"], unique=False)
    op.create_index(
        "uq_credit_note_sequence", "credit_note", ["tenant", "seller_id", "year", "shard", "sequence"], unique=True
    )


def _credit_note_line() -> None:
    op.create_table(
        "credit_note_line",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("credit_note_id", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("line_id", BIG, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("span_start", sa.Date(), nullable=True),
        sa.Column("span_end", sa.Date(), nullable=True),
        sa.Column("net_minor", BIG, nullable=False),
        sa.Column("tax_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("deferred", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "credit_note_id", "number", name=op.f("pk_credit_note_line")),
    )


def _credit_note_line_indexes() -> None:
    op.create_index("ix_credit_note_line_line", "credit_note_line", ["tenant", "line_id"], unique=False)


def _invoice() -> None:
    op.create_table(
        "invoice",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("upto", sa.Date(), nullable=False),
        sa.Column("usage_cut_off", BIG, nullable=False),
        sa.Column("order_ref", sa.Text(), nullable=True),
        sa.Column("parties", sa.Text(), nullable=False),
        sa.Column("drafted_at", BIG, nullable=False),
        sa.Column("quote_after", BIG, nullable=False),
        sa.Column("quote_attempts", BIG, nullable=False),
        sa.Column("held_reason", sa.Text(), nullable=True),
        sa.Column("quote", sa.Text(), nullable=True),
        sa.Column("net_minor", BIG, nullable=False),
        sa.Column("tax_minor", BIG, nullable=False),
        sa.Column("total_minor", BIG, nullable=False),
        sa.Column("tax_point", sa.Date(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("issued_at", BIG, nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("year", BIG, nullable=True),
        sa.Column("shard", BIG, nullable=True),
        sa.Column("sequence", BIG, nullable=True),
        sa.Column("journal_id", BIG, nullable=True),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_invoice")),
    )


def _invoice_indexes() -> None:
    op.create_index("ix_invoice_account", "invoice", ["tenant", "account_id", "id"], unique=False)
    op.create_index(
        "ix_invoice_draft",
        "invoice",
        ["quote_after"],
        unique=False,
        sqlite_where=sa.text("state = 'draft'"),
        postgresql_where=sa.text("state = 'draft'"),
    )
    op.create_index("ix_invoice_number", "invoice", ["tenant", "seller_id", "number"], unique=False)
    op.create_index("uq_invoice_sequence", "invoice", ["tenant", "seller_id", "year", "shard", "sequence"], unique=True)


def _invoice_dispute() -> None:
    op.create_table(
        "invoice_dispute",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", BIG, nullable=False),
        sa.Column("closed_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_invoice_dispute")),
    )


def _invoice_dispute_indexes() -> None:
    op.create_index("ix_invoice_dispute_invoice", "invoice_dispute", ["tenant", "invoice_id"], unique=False)


def _invoice_line() -> None:
    op.create_table(
        "invoice_line",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("reverses", BIG, nullable=True),
        sa.Column("subscription_id", BIG, nullable=False),
        sa.Column("phase_id", BIG, nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("span_start", sa.Date(), nullable=False),
        sa.Column("span_end", sa.Date(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("amount_nano", BIG, nullable=True),
        sa.Column("rate", BIG, nullable=False),
        sa.Column("rounding", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net_minor", BIG, nullable=False),
        sa.Column("tax_class", sa.Text(), nullable=False),
        sa.Column("tax_jurisdiction", sa.Text(), nullable=True),
        sa.Column("tax_category", sa.Text(), nullable=True),
        sa.Column("tax_rate", BIG, nullable=True),
        sa.Column("tax_reason", sa.Text(), nullable=True),
        sa.Column("tax_minor", BIG, nullable=False),
        sa.Column("revenue_account", sa.Text(), nullable=False),
        sa.Column("deferred", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_invoice_line")),
    )


def _invoice_line_indexes() -> None:
    op.create_index("ix_invoice_line_invoice", "invoice_line", ["tenant", "invoice_id", "number"], unique=False)
    op.create_index("ix_invoice_line_reverses", "invoice_line", ["tenant", "reverses"], unique=False)
    op.create_index(
        "ix_invoice_line_subscription", "invoice_line", ["tenant", "subscription_id", "span_end"], unique=False
    )


def _number_series() -> None:
    op.create_table(
        "number_series",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("document_type", sa.String(length=32), nullable=False),
        sa.Column("year", BIG, nullable=False),
        sa.Column("shard", BIG, nullable=False),
        sa.Column("last", BIG, nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seller_id", "document_type", "year", "shard", name=op.f("pk_number_series")),
    )


def _open_item() -> None:
    op.create_table(
        "open_item",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("document_id", BIG, nullable=False),
        sa.Column("document_type", sa.String(length=32), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("seller_id", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("overdue_at", BIG, nullable=True),
        sa.Column("announced_at", BIG, nullable=True),
        sa.Column("open_minor", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "document_id", name=op.f("pk_open_item")),
    )


def _open_item_indexes() -> None:
    op.create_index(
        "ix_open_item_account",
        "open_item",
        ["tenant", "account_id", "currency", "due_on"],
        unique=False,
        sqlite_where=sa.text("open_minor <> 0"),
        postgresql_where=sa.text("open_minor <> 0"),
    )
    op.create_index(
        "ix_open_item_overdue",
        "open_item",
        ["overdue_at"],
        unique=False,
        sqlite_where=sa.text("open_minor <> 0 AND announced_at IS NULL AND overdue_at IS NOT NULL"),
        postgresql_where=sa.text("open_minor <> 0 AND announced_at IS NULL AND overdue_at IS NOT NULL"),
    )


def _recognition() -> None:
    op.create_table(
        "recognition",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("line_id", BIG, nullable=False),
        sa.Column("journal_id", BIG, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("recognised_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "line_id", name=op.f("pk_recognition")),
    )


def _write_off() -> None:
    op.create_table(
        "write_off",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("invoice_id", BIG, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("written_off_at", BIG, nullable=False),
        sa.Column("journal_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_write_off")),
    )


def _write_off_indexes() -> None:
    op.create_index("ix_write_off_invoice", "write_off", ["tenant", "invoice_id"], unique=False)
