"""From a submitted order to live subscriptions, or back to where it began."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bss.ordering import handlers
from bss.ordering import service as ordering
from bss.ordering.events import (
    ProductOrderAcknowledged,
    ProductOrderCompleted,
    ProductOrderFailed,
    ProductOrderStarted,
)
from bss.ordering.machine import ProductOrderState
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SubscriptionState
from kernel.errors import IllegalTransition
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from tests.rooms.bss.shop import METHOD, Shop, add


def states(shop: Shop, order: object) -> tuple[str, list[str]]:
    row, items = shop.order(order)  # type: ignore[arg-type]
    return str(row.state), [str(item.state) for item in items]


def test_a_paid_order_reserves_waits_begins_and_completes(shop: Shop) -> None:
    account_id = shop.account()
    order = shop.submit(account_id, add("home-500"), add("mobile"), add("meter"), method_id=METHOD)
    assert (order.state, order.amount_minor, order.currency) == (ProductOrderState.PENDING, 8600, "EUR")
    (fact,) = shop.facts(ProductOrderAcknowledged)
    assert fact == ProductOrderAcknowledged(
        order_id=order.id,
        account_id=account_id,
        amount_minor=8600,
        currency="EUR",
        method_id=METHOD,
        gates=("payment",),
    )
    shop.settle()
    assert shop.told == []
    assert shop.do(lambda work: subscriptions.of_account(work, account_id)) == []

    shop.do(lambda work: ordering.open_gate(work, order.id))
    assert states(shop, order) == ("inProgress", ["inProgress"] * 3)
    assert [each.state for each in shop.subscriptions(order)] == [SubscriptionState.PENDING_ACTIVE] * 3
    shop.settle()
    assert states(shop, order) == ("completed", ["completed"] * 3)
    lines = shop.subscriptions(order)
    assert [each.state for each in lines] == [SubscriptionState.ACTIVE] * 3
    assert [each.activated_at for each in lines] == [shop.clock.now()] * 3
    assert shop.facts(ProductOrderCompleted) == [
        ProductOrderCompleted(
            order_id=order.id, account_id=account_id, subscription_ids=tuple(each.id for each in lines)
        )
    ]


def test_opening_a_gate_twice_begins_once(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), method_id=METHOD)
    shop.do(lambda work: ordering.open_gate(work, order.id))
    shop.do(lambda work: ordering.open_gate(work, order.id))
    assert len(shop.facts(ProductOrderStarted)) == 1


def test_an_order_by_invoice_waits_for_no_payment(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"))
    assert order.state is ProductOrderState.IN_PROGRESS
    assert shop.facts(ProductOrderAcknowledged)[0].gates == ()  # type: ignore[attr-defined]


def test_an_order_that_owes_nothing_waits_for_no_payment(shop: Shop) -> None:
    account_id = shop.account()
    line = shop.line(account_id, "home-500")
    item = {"action": "modify", "subscription_id": line.id, "offering": "home-1000"}
    order = shop.submit(account_id, item, key="k2", method_id=METHOD)
    assert (order.state, order.amount_minor) == (ProductOrderState.IN_PROGRESS, 0)


def test_a_declined_payment_cancels_and_gives_everything_back(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("mobile"), method_id=METHOD)
    fact = type("Declined", (), {"order_ref": str(order.id), "reason": "card declined"})()
    shop.do(lambda work: handlers.on_payment_declined(work, fact))
    shop.do(lambda work: handlers.on_payment_declined(work, fact))
    row, (item,) = shop.order(order)
    assert (row.state, row.reason) == (ProductOrderState.CANCELLED, "card declined")
    assert shop.do(lambda work: inventory.get(work, item.service_id)).state is ServiceState.TERMINATED
    assert shop.facts(ProductOrderFailed) == [
        ProductOrderFailed(order_id=order.id, account_id=order.account_id, reason="card declined")
    ]
    again = shop.submit(order.account_id, add("mobile", resources={"msisdn": "+44 7700 900000"}), key="k2")
    assert again.state is ProductOrderState.IN_PROGRESS


def test_a_payment_of_something_else_is_not_ordering_s(shop: Shop) -> None:
    fact = type("Authorised", (), {"order_ref": None})()
    shop.do(lambda work: handlers.on_payment_authorised(work, fact))


def test_a_gate_that_stays_shut_for_a_day_cancels_the_order(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), method_id=METHOD)
    deadline = shop.clock.now() + timedelta(hours=24)
    assert shop.database.run_system(ordering.next_due) == deadline
    assert shop.do(lambda work: ordering.expire(work, order.id)) is False
    shop.clock.move_to(deadline)
    due = shop.database.run_system(lambda work: ordering.due(work, deadline, 10))
    assert due == [(shop.tenant, order.id)]
    assert shop.do(lambda work: ordering.expire(work, order.id)) is True
    assert states(shop, order) == ("cancelled", ["cancelled"])
    assert shop.database.run_system(ordering.next_due) is None
    assert shop.do(lambda work: ordering.expire(work, order.id)) is False


def test_a_reservation_that_ran_out_cancels_the_order(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), method_id=METHOD)
    _, (item,) = shop.order(order)
    shop.clock.move_to(shop.clock.now() + timedelta(hours=24))
    shop.do(lambda work: inventory.lapse(work, item.service_id))
    assert states(shop, order) == ("cancelled", ["cancelled"])


def test_a_payment_that_comes_too_late_is_told_to_let_go(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), method_id=METHOD)
    shop.do(lambda work: ordering.cancel(work, order.id, reason="changed my mind"))
    shop.do(lambda work: ordering.open_gate(work, order.id))
    assert [fact.reason for fact in shop.facts(ProductOrderFailed)] == ["changed my mind"] * 2  # type: ignore[attr-defined]
    assert states(shop, order) == ("cancelled", ["cancelled"])


def test_a_refusal_half_way_undoes_the_whole_order(shop: Shop) -> None:
    account_id = shop.account()
    shop.refuses = {"hlr-1"}
    order = shop.submit(account_id, add("home-500"), add("mobile"), add("meter"))
    shop.settle()
    assert states(shop, order) == ("failed", ["failed"] * 3)
    assert [each.state for each in shop.subscriptions(order)] == [SubscriptionState.ABORTED] * 3
    (fact,) = shop.facts(ProductOrderFailed)
    assert "no such profile" in fact.reason  # type: ignore[attr-defined]
    assert shop.do(lambda work: subscriptions.chargeable(work, account_id)) == []
    assert shop.facts(ProductOrderCompleted) == []


def test_an_order_that_is_not_atomic_delivers_what_it_can(shop: Shop) -> None:
    shop.refuses = {"hlr-1"}
    order = shop.submit(shop.account(), add("home-500"), add("mobile"), atomic=False)
    shop.settle()
    assert states(shop, order) == ("partial", ["completed", "failed"])
    home, mobile = shop.subscriptions(order)
    assert (home.state, mobile.state) == (SubscriptionState.ACTIVE, SubscriptionState.ABORTED)
    (fact,) = shop.facts(ProductOrderCompleted)
    assert (fact.subscription_ids, fact.partial) == ((home.id,), True)  # type: ignore[attr-defined]


def test_an_order_ends_a_line(shop: Shop) -> None:
    account_id = shop.account()
    line = shop.line(account_id, "home-500")
    order = shop.submit(account_id, {"action": "delete", "subscription_id": line.id}, key="k2")
    shop.settle()
    assert states(shop, order) == ("completed", ["completed"])
    assert shop.subscriptions(order)[0].state is SubscriptionState.TERMINATED


def test_an_order_under_way_is_not_cancelled(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"))
    with pytest.raises(IllegalTransition, match="ProductOrder is inProgress and cannot cancel"):
        shop.do(lambda work: ordering.cancel(work, order.id, reason="too late"))
