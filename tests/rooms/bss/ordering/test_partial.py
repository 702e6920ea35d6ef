"""A line of which only a part came on: it goes on with that, what is missing is not charged, the order is partial."""

from __future__ import annotations

from datetime import date

import pytest

from bss.catalog import service as catalog
from bss.ordering.events import ProductOrderCompleted
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Subscription
from kernel.errors import Invalid
from oss.inventory import service as inventory
from oss.inventory.machine import ServiceState
from oss.orders import service as orders
from oss.orders.model import Verb
from oss.specs import service as specs
from tests.rooms.bss.shop import Shop, add

SPEC = """
name: twin
resources:
  - {pool: port, as: port}
  - {pool: meter, as: meter}
components:
  - {name: port, on: port, intent: port, key: '{port}', requires: [], enforcing: true, confirm: read,
     state: {admin: up}}
  - {name: meter, on: meter, intent: meter, key: '{meter}', requires: [], enforcing: true, confirm: read,
     state: {enabled: true}}
"""
OFFER = """
currency: EUR
offerings:
  - code: twin
    name: Twin
    specification: twin
    prices:
      - {code: access, kind: recurring, amount: "30.00", revenue: recurring, paysFor: port}
      - {code: readings, kind: recurring, amount: "5.00", revenue: recurring, paysFor: meter}
      - {code: care, kind: recurring, amount: "2.00", revenue: recurring}
"""


@pytest.fixture
def twins(shop: Shop) -> Shop:
    """The shop with an offering of two components."""
    shop.database.run_system(lambda work: specs.apply(work, SPEC))
    shop.do(lambda work: catalog.apply(work, OFFER))
    return shop


def charged(shop: Shop, line: Subscription) -> dict[str, date]:
    found = shop.do(lambda work: subscriptions.chargeable(work, line.account_id))
    return {each.component: each.start for each in found}


def test_what_is_on_is_charged_and_what_is_missing_is_not(twins: Shop) -> None:
    twins.refuses = {"meter-"}
    order = twins.submit(twins.account(), add("twin", on_error="partial"))
    twins.settle()
    row, (item,) = twins.order(order)
    assert (row.state, item.state, item.reason) == ("partial", "partial", "without meter")
    (line,) = twins.subscriptions(order)
    assert (line.state, line.missing) == (SubscriptionState.ACTIVE, "meter")
    assert charged(twins, line) == {"access": date(2026, 6, 1)}
    (fact,) = twins.facts(ProductOrderCompleted)
    assert (fact.partial, fact.subscription_ids) == (True, (line.id,))  # type: ignore[attr-defined]


def test_what_was_missing_is_charged_from_the_day_a_later_change_brings_it(twins: Shop) -> None:
    twins.refuses = {"meter-"}
    order = twins.submit(twins.account(), add("twin", on_error="partial"))
    twins.settle()
    (line,) = twins.subscriptions(order)
    twins.refuses = set()
    twins.at("2026-06-10T08:00:00+00:00")
    twins.do(
        lambda work: orders.place(
            work, line.service_id, intent=inventory.intent(work, line.service_id), verb=Verb.MODIFY
        )
    )
    twins.settle()
    (line,) = twins.subscriptions(order)
    assert line.missing is None
    assert charged(twins, line) == {
        "access": date(2026, 6, 1),
        "readings": date(2026, 6, 10),
        "care": date(2026, 6, 10),
    }


def test_an_order_of_which_nothing_came_on_fails(twins: Shop) -> None:
    twins.refuses = {"meter-", "olt-1"}
    order = twins.submit(twins.account(), add("twin", on_error="partial"))
    twins.settle()
    row, (item,) = twins.order(order)
    assert (row.state, item.state) == ("failed", "failed")
    assert twins.do(lambda work: inventory.get(work, item.service_id)).state is ServiceState.TERMINATED
    assert twins.subscriptions(order)[0].state is SubscriptionState.ABORTED


def test_an_atomic_order_cannot_be_partial(twins: Shop) -> None:
    account_id = twins.account()
    with pytest.raises(Invalid, match="an atomic order is whole or nothing"):
        twins.submit(account_id, add("twin", on_error="partial"), add("home-500"))
    order = twins.submit(account_id, add("twin", on_error="partial"), add("home-500"), atomic=False)
    twins.settle()
    assert twins.order(order)[0].state == "completed"


def test_a_price_pays_for_a_component_of_its_line(twins: Shop) -> None:
    with pytest.raises(Invalid, match=r"text:9 offerings.0.prices.1.paysFor: 'phone' is no component of twin"):
        twins.do(lambda work: catalog.apply(work, OFFER.replace("paysFor: meter", "paysFor: phone")))
