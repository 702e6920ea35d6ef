"""An item that changes nothing places nothing and completes; a change says only what differs."""

from __future__ import annotations

import pytest

from bss.ordering.events import ProductOrderCompleted
from bss.subscriptions import service as subscriptions
from kernel.errors import Conflict, Invalid
from oss.orders import views
from tests.rooms.bss.ordering.test_ordering import states
from tests.rooms.bss.shop import Shop, add


def test_an_item_that_changes_nothing_places_nothing_and_completes(shop: Shop) -> None:
    account = shop.account()
    line = shop.line(account, "home-500")
    shop.told.clear()
    order = shop.submit(account, {"action": "noChange", "subscription_id": str(line.id)}, key="k2")
    assert states(shop, order) == ("completed", ["completed"])
    shop.settle()
    assert shop.told == []
    assert len(shop.do(lambda work: views.of_service(work, line.service_id))) == 1
    last = shop.facts(ProductOrderCompleted)[-1]
    assert isinstance(last, ProductOrderCompleted)
    assert last.subscription_ids == ()


def test_what_stays_as_it_is_does_not_make_a_failed_order_partial(shop: Shop) -> None:
    account = shop.account()
    line = shop.line(account, "home-500")
    shop.refuses = {"MOBILE"}
    keep = {"action": "noChange", "subscription_id": str(line.id)}
    order = shop.submit(account, keep, add("mobile"), key="k2")
    assert states(shop, order) == ("inProgress", ["completed", "inProgress"])
    shop.settle()
    assert states(shop, order) == ("failed", ["completed", "failed"])


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"offering": "mobile"}, "noChange takes no offering"),
        ({"on_error": "hold"}, "nothing of it can fail"),
        ({"resources": {"port": "3"}}, "takes no resources"),
    ],
)
def test_an_item_that_changes_nothing_names_nothing_to_change(
    shop: Shop, over: dict[str, object], message: str
) -> None:
    account = shop.account()
    line = shop.line(account, "home-500")
    with pytest.raises(Invalid, match=message):
        shop.submit(account, {"action": "noChange", "subscription_id": str(line.id), **over}, key="k2")


def test_a_line_that_ended_cannot_stay_as_it_is(shop: Shop) -> None:
    account = shop.account()
    line = shop.line(account, "home-500")
    shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    shop.settle()
    with pytest.raises(Conflict, match="terminated"):
        shop.submit(account, {"action": "noChange", "subscription_id": str(line.id)}, key="k2")


def test_a_change_tells_only_the_component_that_differs(shop: Shop) -> None:
    account = shop.account()
    line = shop.line(account, "home-500")
    shop.told.clear()
    change = {"action": "modify", "subscription_id": str(line.id), "offering": "home-1000"}
    shop.submit(account, change, key="k2")
    shop.settle()
    assert len(shop.told) == 1
    assert "'profile': 'HOME1000'" in shop.told[0]
