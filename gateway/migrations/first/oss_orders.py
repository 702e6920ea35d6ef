"""The first tables of oss.orders.model. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Make the tables."""
    _cut_approval()
    _cut_hold()
    _cut_hold_indexes()
    _cut_radius()
    _cut_stop()
    _cut_tally()
    _fallout()
    _fallout_indexes()
    _incident()
    _incident_indexes()
    _lane()
    _lane_indexes()
    _order_deadline()
    _order_deadline_indexes()
    _order_group()
    _order_plan()
    _service_order()
    _service_order_indexes()
    _task()
    _task_indexes()
    _transcript()
    _worker()


def drop() -> None:
    """Remove them."""
    op.drop_table("worker")
    op.drop_table("transcript")
    op.drop_table("task")
    op.drop_table("service_order")
    op.drop_table("order_plan")
    op.drop_table("order_group")
    op.drop_table("order_deadline")
    op.drop_table("lane")
    op.drop_table("incident")
    op.drop_table("fallout")
    op.drop_table("cut_tally")
    op.drop_table("cut_stop")
    op.drop_table("cut_radius")
    op.drop_table("cut_hold")
    op.drop_table("cut_approval")


def _cut_approval() -> None:
    op.create_table(
        "cut_approval",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "parent", name=op.f("pk_cut_approval")),
    )


def _cut_hold() -> None:
    op.create_table(
        "cut_hold",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("held_at", BIG, nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("until", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "order_id", name=op.f("pk_cut_hold")),
    )


def _cut_hold_indexes() -> None:
    op.create_index("ix_cut_hold_held_at", "cut_hold", ["tenant", "approved_by", "held_at"], unique=False)


def _cut_radius() -> None:
    op.create_table(
        "cut_radius",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("lines", BIG, nullable=False),
        sa.Column("usual", BIG, nullable=False),
        sa.Column("counted_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_cut_radius")),
    )


def _cut_stop() -> None:
    op.create_table(
        "cut_stop",
        sa.Column("scope", BIG, autoincrement=False, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("stopped_by", sa.Text(), nullable=False),
        sa.Column("stopped_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_cut_stop")),
    )


def _cut_tally() -> None:
    op.create_table(
        "cut_tally",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("hour", BIG, nullable=False),
        sa.Column("cuts", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hour", name=op.f("pk_cut_tally")),
    )


def _fallout() -> None:
    op.create_table(
        "fallout",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("opened_at", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("suggestion", sa.Text(), nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("taken_until", BIG, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("closed_at", BIG, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_fallout")),
    )


def _fallout_indexes() -> None:
    op.create_index("ix_fallout_open", "fallout", ["tenant", "closed_at", "opened_at"], unique=False)
    op.create_index("ix_fallout_order", "fallout", ["tenant", "order_id"], unique=False)


def _incident() -> None:
    op.create_table(
        "incident",
        sa.Column("id", BIG, nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", BIG, nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("closed_at", BIG, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )


def _incident_indexes() -> None:
    op.create_index(
        "uq_incident_open",
        "incident",
        ["element"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _lane() -> None:
    op.create_table(
        "lane",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column("narrow", sa.Text(), nullable=True),
        sa.Column("broken_since", BIG, nullable=True),
        sa.Column("broken_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lane")),
    )


def _lane_indexes() -> None:
    op.create_index("ix_lane_owner", "lane", ["owner"], unique=False)


def _order_deadline() -> None:
    op.create_table(
        "order_deadline",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("wanted_by", BIG, nullable=False),
        sa.Column("look_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "order_id", name=op.f("pk_order_deadline")),
    )


def _order_deadline_indexes() -> None:
    op.create_index(
        "ix_order_deadline_look",
        "order_deadline",
        ["look_at"],
        unique=False,
        sqlite_where=sa.text("look_at IS NOT NULL"),
        postgresql_where=sa.text("look_at IS NOT NULL"),
    )


def _order_group() -> None:
    op.create_table(
        "order_group",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("confirmed", BIG, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_order_group")),
    )


def _order_plan() -> None:
    op.create_table(
        "order_plan",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "order_id", name=op.f("pk_order_plan")),
    )


def _service_order() -> None:
    op.create_table(
        "service_order",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("phase", sa.String(length=32), nullable=False),
        sa.Column("priority", BIG, nullable=False),
        sa.Column("on_error", sa.String(length=32), nullable=False),
        sa.Column("generation", BIG, nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("whole", BIG, nullable=False),
        sa.Column("group_id", BIG, nullable=True),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("placed_at", BIG, nullable=False),
        sa.Column("completed_at", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_service_order")),
    )


def _service_order_indexes() -> None:
    op.create_index(
        "ix_service_order_group",
        "service_order",
        ["tenant", "group_id"],
        unique=False,
        sqlite_where=sa.text("group_id IS NOT NULL"),
        postgresql_where=sa.text("group_id IS NOT NULL"),
    )
    op.create_index(
        "ix_service_order_open",
        "service_order",
        ["tenant", "service_id", "id"],
        unique=False,
        sqlite_where=sa.text(
            "state IN ('acknowledged', 'pending', 'held', 'inProgress', 'assessingCancellation', 'pendingCancellation')"
        ),
        postgresql_where=sa.text(
            "state IN ('acknowledged', 'pending', 'held', 'inProgress', 'assessingCancellation', 'pendingCancellation')"
        ),
    )
    op.create_index(
        "ix_service_order_parent",
        "service_order",
        ["tenant", "parent"],
        unique=False,
        sqlite_where=sa.text("parent IS NOT NULL"),
        postgresql_where=sa.text("parent IS NOT NULL"),
    )


def _task() -> None:
    op.create_table(
        "task",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("priority", BIG, nullable=False),
        sa.Column("run_at", BIG, nullable=False),
        sa.Column("attempt", BIG, nullable=False),
        sa.Column("failures", BIG, nullable=False),
        sa.Column("generation", BIG, nullable=False),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("deadline_at", BIG, nullable=True),
        sa.Column("settled_at", BIG, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "order_id", "seq", name=op.f("pk_task")),
    )


def _task_indexes() -> None:
    op.create_index(
        "ix_task_flying",
        "task",
        ["lane", "key"],
        unique=True,
        sqlite_where=sa.text("state IN ('sent', 'delivered', 'unknown')"),
        postgresql_where=sa.text("state IN ('sent', 'delivered', 'unknown')"),
    )
    op.create_index(
        "ix_task_ready",
        "task",
        ["lane", "priority", "tenant", "run_at"],
        unique=False,
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "ix_task_unknown",
        "task",
        ["lane", "run_at"],
        unique=False,
        sqlite_where=sa.text("state = 'unknown'"),
        postgresql_where=sa.text("state = 'unknown'"),
    )


def _transcript() -> None:
    op.create_table(
        "transcript",
        sa.Column("tenant", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("attempt", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "order_id", "seq", "attempt", name=op.f("pk_transcript")),
    )


def _worker() -> None:
    op.create_table(
        "worker",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("since", BIG, nullable=False),
        sa.Column("seen", BIG, nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.Column("draining_since", BIG, nullable=True),
        sa.Column("lost_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )
