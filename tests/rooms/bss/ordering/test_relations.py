"""What an offering needs is there before anything is sent, and is not taken away while a line needs it."""

from __future__ import annotations

from typing import Any

import pytest

from bss.catalog import service as catalog
from kernel.errors import Invalid
from tests.rooms.bss.ordering.test_ordering import states
from tests.rooms.bss.shop import Shop, add

ADD_ON = """
currency: EUR
offerings:
  - code: watch
    name: Watch
    specification: meter
    characteristics: {profile: WATCH}
    requires: [home-500]
    prices:
      - {code: watch, name: Watch, kind: recurring, amount: "2.00", revenue: recurring}
"""


@pytest.fixture
def account(shop: Shop) -> Any:
    """An account of a shop that sells an add-on."""
    shop.do(lambda work: catalog.apply(work, ADD_ON))
    return shop.account()


def test_an_add_on_without_its_line_is_refused_and_nothing_is_held(shop: Shop, account: Any) -> None:
    before = shop.rows()
    with pytest.raises(Invalid, match="watch needs home-500") as refused:
        shop.submit(account, add("watch"))
    assert (refused.value.field, refused.value.fix) == ("offering", "order it together with them")
    assert shop.rows() == before


def test_an_add_on_together_with_its_line_is_delivered(shop: Shop, account: Any) -> None:
    order = shop.submit(account, add("home-500"), add("watch"))
    shop.settle()
    assert states(shop, order) == ("completed", ["completed", "completed"])


def test_what_an_add_on_needs_is_not_taken_away_from_under_it(shop: Shop, account: Any) -> None:
    order = shop.submit(account, add("home-500"), add("watch"))
    shop.settle()
    home, watch = shop.subscriptions(order)
    end = {"action": "delete", "subscription_id": str(home.id)}
    change = {"action": "modify", "subscription_id": str(home.id), "offering": "home-1000"}
    for item in (end, change):
        with pytest.raises(Invalid, match=rf"{watch.id} \(watch\) needs home-500") as refused:
            shop.submit(account, item, key="k2")
        assert refused.value.fix == f"end {watch.id} in the same order, or first"
    both = shop.submit(account, end, {"action": "delete", "subscription_id": str(watch.id)}, key="k3")
    shop.settle()
    assert states(shop, both) == ("completed", ["completed", "completed"])
