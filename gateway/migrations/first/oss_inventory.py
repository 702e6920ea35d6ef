"""The first tables of oss.inventory.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _alarm()
    _alarm_indexes()
    _binding()
    _binding_indexes()
    _confirmation()
    _confirmation_indexes()
    _element()
    _element_indexes()
    _resource()
    _resource_indexes()
    _restriction()
    _restriction_indexes()
    _service()
    _service_indexes()
    _sim_card()
    _sim_imsi()
    _sim_profile()
    _sim_profile_indexes()


def drop() -> None:
    """Remove them."""
    op.drop_table("sim_profile")
    op.drop_table("sim_imsi")
    op.drop_table("sim_card")
    op.drop_table("service")
    op.drop_table("restriction")
    op.drop_table("resource")
    op.drop_table("element")
    op.drop_table("confirmation")
    op.drop_table("binding")
    op.drop_table("alarm")


def _alarm() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", BIG, nullable=False),
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.Column("first_at", BIG, nullable=False),
        sa.Column("last_at", BIG, nullable=False),
        sa.Column("acknowledged_at", BIG, nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("told_at", BIG, nullable=True),
        sa.Column("cleared_at", BIG, nullable=True),
        sa.Column("cleared_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )


def _alarm_indexes() -> None:
    op.create_index("ix_alarm_tenant", "alarm", ["tenant", "id"], unique=False)
    op.create_index(
        "ix_alarm_untold",
        "alarm",
        ["id"],
        unique=False,
        sqlite_where=sa.text("told_at IS NULL AND cleared_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL AND cleared_at IS NULL"),
    )
    op.create_index(
        "uq_alarm_standing",
        "alarm",
        ["tenant", "element", "kind", "key"],
        unique=True,
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    )


def _binding() -> None:
    op.create_table(
        "binding",
        sa.Column("id", BIG, nullable=False),
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("from_at", BIG, nullable=False),
        sa.Column("to_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding")),
    )


def _binding_indexes() -> None:
    op.create_index("ix_binding_service", "binding", ["tenant", "service_id"], unique=False)
    op.create_index("ix_binding_value", "binding", ["kind", "value", "from_at"], unique=False)
    op.create_index(
        "uq_binding_live",
        "binding",
        ["kind", "namespace", "value"],
        unique=True,
        sqlite_where=sa.text("to_at IS NULL"),
        postgresql_where=sa.text("to_at IS NULL"),
    )


def _confirmation() -> None:
    op.create_table(
        "confirmation",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("generation", BIG, nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("read_back", sa.Text(), nullable=True),
        sa.Column("transcript_digest", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("element_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "order_id", "seq", name=op.f("pk_confirmation")),
    )


def _confirmation_indexes() -> None:
    op.create_index("ix_confirmation_service", "confirmation", ["tenant", "service_id", "at"], unique=False)


def _element() -> None:
    op.create_table(
        "element",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("slots", BIG, nullable=True),
        sa.Column("per_s", BIG, nullable=True),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("dialect_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("differs", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_element")),
    )


def _element_indexes() -> None:
    op.create_index("ix_element_lane", "element", ["lane"], unique=False)


def _resource() -> None:
    op.create_table(
        "resource",
        sa.Column("id", BIG, nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("element", sa.Text(), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("granted_to", BIG, nullable=True),
        sa.Column("service_id", BIG, nullable=True),
        sa.Column("until", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource")),
        sa.UniqueConstraint("pool", "namespace", "value", name="uq_resource_value"),
    )


def _resource_indexes() -> None:
    op.create_index(
        "ix_resource_element",
        "resource",
        ["element", "granted_to", "service_id"],
        unique=False,
        sqlite_where=sa.text("service_id IS NOT NULL"),
        postgresql_where=sa.text("service_id IS NOT NULL"),
    )
    op.create_index(
        "ix_resource_free",
        "resource",
        ["pool", "granted_to", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'free'"),
        postgresql_where=sa.text("state = 'free'"),
    )
    op.create_index("ix_resource_service", "resource", ["service_id"], unique=False)
    op.create_index(
        "ix_resource_until",
        "resource",
        ["until", "id"],
        unique=False,
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    )


def _restriction() -> None:
    op.create_table(
        "restriction",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("from_at", BIG, nullable=False),
        sa.Column("until", BIG, nullable=True),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", BIG, nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_restriction")),
    )


def _restriction_indexes() -> None:
    op.create_index("ix_restriction_service", "restriction", ["tenant", "service_id"], unique=False)
    op.create_index(
        "ix_restriction_until",
        "restriction",
        ["until", "tenant", "id"],
        unique=False,
        sqlite_where=sa.text("lifted_at IS NULL AND until IS NOT NULL"),
        postgresql_where=sa.text("lifted_at IS NULL AND until IS NOT NULL"),
    )


def _service() -> None:
    op.create_table(
        "service",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("spec_hash", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("throttle", sa.Text(), nullable=True),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("generation", BIG, nullable=False),
        sa.Column("confirmed_generation", BIG, nullable=False),
        sa.Column("confirmed_intent", sa.Text(), nullable=True),
        sa.Column("confirmed_at", BIG, nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("reserved_until", BIG, nullable=True),
        sa.Column("activated_at", BIG, nullable=True),
        sa.Column("terminated_at", BIG, nullable=True),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("elements", sa.Text(), nullable=False),
        sa.Column("moving", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_service")),
    )


def _service_indexes() -> None:
    op.create_index("ix_service_owner", "service", ["tenant", "owner"], unique=False)
    op.create_index(
        "ix_service_reserved_until",
        "service",
        ["reserved_until", "tenant", "id"],
        unique=False,
        sqlite_where=sa.text("reserved_until IS NOT NULL"),
        postgresql_where=sa.text("reserved_until IS NOT NULL"),
    )


def _sim_card() -> None:
    op.create_table(
        "sim_card",
        sa.Column("id", BIG, nullable=False),
        sa.Column("eid", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sim_card")),
        sa.UniqueConstraint("eid", name=op.f("uq_sim_card_eid")),
    )


def _sim_imsi() -> None:
    op.create_table(
        "sim_imsi",
        sa.Column("imsi", sa.Text(), nullable=False),
        sa.Column("iccid", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.PrimaryKeyConstraint("imsi", name=op.f("pk_sim_imsi")),
        sa.UniqueConstraint("iccid", "position", name="uq_sim_imsi_position"),
    )


def _sim_profile() -> None:
    op.create_table(
        "sim_profile",
        sa.Column("iccid", sa.Text(), nullable=False),
        sa.Column("card_id", BIG, nullable=False),
        sa.Column("key_ref", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("iccid", name=op.f("pk_sim_profile")),
    )


def _sim_profile_indexes() -> None:
    op.create_index("ix_sim_profile_card", "sim_profile", ["card_id"], unique=False)
