"""An order called off in every state: the network takes back what it did, and the customer's order says so."""

from __future__ import annotations

import pytest

from bss.ordering import cancelling, ending
from bss.ordering.events import ProductOrderFailed
from bss.ordering.model import ProductOrder, ProductOrderItem
from bss.subscriptions import service as subscriptions
from kernel.errors import Conflict, IllegalTransition, Invalid
from oss.orders.model import OrderId
from tests.rooms.bss.shop import METHOD, Shop, add


def states(shop: Shop, order: ProductOrder) -> tuple[str, list[str]]:
    """The order's state and its items'."""
    now, items = shop.order(order)
    return str(now.state), [str(item.state) for item in items]


def call_off(shop: Shop, order: ProductOrder) -> None:
    shop.do(lambda work: cancelling.cancel(work, order.id, reason="changed her mind"))


def call_item_off(shop: Shop, service_order_id: OrderId, *, reason: str) -> None:
    shop.do(lambda work: cancelling.cancel_item(work, service_order_id, reason=reason))


def placed(shop: Shop, order: ProductOrder, number: int = 1) -> OrderId:
    items: list[ProductOrderItem] = shop.order(order)[1]
    found = items[number - 1].service_order_id
    assert found is not None
    return found


def test_an_order_at_its_gate_is_cancelled_at_once(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), method_id=METHOD)
    call_off(shop, order)
    assert states(shop, order) == ("cancelled", ["cancelled"])
    assert shop.told == []


def test_a_running_order_waits_in_pending_cancellation_until_the_network_is_as_before(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), add("mobile"))
    call_off(shop, order)
    shop.settle()
    assert states(shop, order) == ("cancelled", ["cancelled", "cancelled"])
    assert [str(line.state) for line in shop.subscriptions(order)] == ["cancelled", "cancelled"]
    assert [fact.reason for fact in shop.facts(ProductOrderFailed)] == ["changed her mind"]  # type: ignore[attr-defined]


def test_what_is_being_cancelled_is_not_cancelled_again(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"))
    sent = shop._turn([])
    call_off(shop, order)
    assert states(shop, order) == ("pendingCancellation", ["pendingCancellation"])
    with pytest.raises(Conflict, match=r"is being taken back already \(changed her mind\)"):
        call_off(shop, order)
    while sent:
        sent = shop._turn([shop._answer(each) for each in sent])
    shop.dispatch()
    assert states(shop, order) == ("cancelled", ["cancelled"])


def test_a_held_order_is_cancelled(shop: Shop) -> None:
    shop.refuses = {"HOME500"}
    order = shop.submit(shop.account(), add("home-500", on_error="hold"))
    shop.settle()
    assert states(shop, order) == ("held", ["held"])
    call_off(shop, order)
    shop.settle()
    assert states(shop, order) == ("cancelled", ["cancelled"])


def test_one_item_of_an_order_that_is_not_atomic_leaves_the_others(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), add("mobile"), atomic=False)
    call_item_off(shop, placed(shop, order), reason="only mobile")
    shop.settle()
    assert states(shop, order) == ("partial", ["cancelled", "completed"])


def test_one_item_of_an_atomic_order_takes_the_others_along(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), add("mobile"))
    call_item_off(shop, placed(shop, order), reason="none at all")
    shop.settle()
    assert states(shop, order) == ("cancelled", ["cancelled", "cancelled"])


def test_a_change_called_off_leaves_the_old_prices(shop: Shop) -> None:
    account = shop.account()
    line = shop.line(account, "home-500")
    change = {"action": "modify", "subscription_id": str(line.id), "offering": "home-1000"}
    order = shop.submit(account, change, key="k2")
    call_off(shop, order)
    shop.settle()
    assert states(shop, order) == ("cancelled", ["cancelled"])
    assert shop.do(lambda work: subscriptions.get(work, line.id)).offering == "home-500"


def test_an_end_called_off_is_none(shop: Shop) -> None:
    account = shop.account()
    line = shop.line(account, "home-500")
    before = shop.do(lambda work: subscriptions.chargeable(work, account))
    order = shop.submit(account, {"action": "delete", "subscription_id": str(line.id)}, key="k2")
    call_off(shop, order)
    shop.settle()
    assert states(shop, order) == ("cancelled", ["cancelled"])
    again = shop.do(lambda work: subscriptions.get(work, line.id))
    assert (str(again.state), again.ends_on, again.end_cause) == ("active", None, None)
    assert shop.do(lambda work: subscriptions.chargeable(work, account)) == before


def test_what_has_ended_is_not_cancelled(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"))
    shop.settle()
    with pytest.raises(IllegalTransition, match="is completed"):
        call_off(shop, order)
    with pytest.raises(Conflict, match="is completed"):
        call_item_off(shop, placed(shop, order), reason="late")


def test_a_cancellation_has_a_reason(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"))
    with pytest.raises(Invalid, match="reason has 1 to 200"):
        shop.do(lambda work: cancelling.cancel(work, order.id, reason=" "))
    assert states(shop, order)[0] in map(str, ending.OPEN)
