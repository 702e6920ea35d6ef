"""An order with a date: it waits at its `start` gate, and is looked at once more before anything is asked for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from bss.catalog import service as catalog
from bss.catalog.model import Price
from bss.customers import service as customers
from bss.ordering import store
from bss.ordering.estimate import New, estimate
from bss.ordering.events import ProductOrderDue
from bss.ordering.model import Action, ProductOrder, ProductOrderItem
from bss.subscriptions import changing
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SUBSCRIPTION, SubscriptionMove
from kernel.errors import Conflict, Invalid, TrunklineError
from kernel.work import Work
from oss.inventory import holds
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.inventory.service import RESERVATION

START = "start"
"""The gate that opens by itself when the order's date has come."""
AHEAD = timedelta(days=366)
"""How far ahead an order may be dated: its prices are promised and its stock is held until then."""


def check(at: datetime | None, now: datetime) -> None:
    """Raises Invalid for a date that is over, too far ahead, or no instant."""
    if at is None:
        return
    if at.tzinfo is None:
        raise Invalid("an instant needs its offset", field="start_at", fix="as in 2026-07-01T00:00:00+02:00")
    if not now < at <= now + AHEAD:
        what = "is over" if at <= now else f"is more than {AHEAD.days} days ahead"
        raise Invalid(
            f"{at.isoformat()} {what}", field="start_at", fix="give an instant within a year, or leave it out"
        )


def keep(work: Work, order: ProductOrder) -> None:
    """Hold what a dated order reserves until a day after its date."""
    if order.start_at is None:
        return
    for item in store.items(work, order.id):
        if item.action is Action.ADD:
            holds.prolong(work, item.service_id, until=order.start_at + RESERVATION)


def refused(work: Work, order: ProductOrder) -> str | None:
    """Why an order cannot begin any more, though it could when it was submitted."""
    try:
        for item in store.items(work, order.id):
            _check(work, item)
    except TrunklineError as error:
        return f"on its date it could not begin: {error}"
    return None


def _check(work: Work, item: ProductOrderItem) -> None:
    if item.action is Action.ADD:
        service = inventory.get(work, item.service_id)
        if service.state is not ServiceState.RESERVED:
            raise Conflict(f"{service.id} is {service.state}", field="service")
        return
    line = subscriptions.get(work, item.subscription_id)
    if item.action is Action.MODIFY:
        changing.check(work, line, catalog.offering(work, item.offering, item.offering_hash))
    elif item.action is Action.DELETE:
        SUBSCRIPTION.after(line.state, SubscriptionMove.TERMINATE)


def ask_payment(work: Work, order: ProductOrder) -> None:
    """The date has come: what is owed on the first day, as of today, is to be held on the customer's method."""
    account = customers.account(work, order.account_id)
    new = [
        New(tuple(Price.model_validate(price) for price in item.prices), item.quantity)
        for item in store.items(work, order.id)
        if item.action is Action.ADD
    ]
    order.amount_minor = estimate(work, account, new).total.minor
    work.emit(
        ProductOrderDue(
            order_id=order.id,
            account_id=order.account_id,
            amount_minor=order.amount_minor,
            currency=order.currency,
            method_id=order.method_id,
            gates=tuple(row.name for row in store.gates(work, order.id) if row.opened_at is None),
        )
    )
