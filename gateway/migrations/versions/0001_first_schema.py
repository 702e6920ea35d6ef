"""The first schema: every table of the house. Made by `python -m gateway.migrate regenerate`."""

from __future__ import annotations

from gateway.migrations.first import (
    bss_customers,
    bss_dunning,
    bss_invoices,
    bss_ledger,
    bss_notices,
    bss_ordering,
    bss_ordering_bulk,
    bss_payments,
    bss_porting,
    bss_subscriptions,
    bss_usage,
    gateway_identity,
    gateway_verbs,
    kernel_audit,
    kernel_events,
    kernel_secrets,
    kernel_versions,
    oss_inventory,
    oss_orders,
    oss_orders_waits,
    oss_orders_windows,
    statistics,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    oss_inventory.create()
    bss_invoices.create()
    gateway_verbs.create()
    gateway_identity.create()
    kernel_audit.create()
    bss_customers.create()
    bss_ordering_bulk.create()
    oss_orders.create()
    bss_dunning.create()
    oss_orders_windows.create()
    kernel_events.create()
    bss_ledger.create()
    bss_notices.create()
    bss_porting.create()
    bss_payments.create()
    bss_subscriptions.create()
    bss_ordering.create()
    kernel_secrets.create()
    oss_orders_waits.create()
    bss_usage.create()
    kernel_versions.create()
    statistics.tell()


def downgrade() -> None:
    """Back from it."""
    kernel_versions.drop()
    bss_usage.drop()
    oss_orders_waits.drop()
    kernel_secrets.drop()
    bss_ordering.drop()
    bss_subscriptions.drop()
    bss_payments.drop()
    bss_porting.drop()
    bss_notices.drop()
    bss_ledger.drop()
    kernel_events.drop()
    oss_orders_windows.drop()
    bss_dunning.drop()
    oss_orders.drop()
    bss_ordering_bulk.drop()
    bss_customers.drop()
    kernel_audit.drop()
    gateway_identity.drop()
    gateway_verbs.drop()
    bss_invoices.drop()
    oss_inventory.drop()
