"""An order that cannot be is refused by a clear word, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bss.customers.model import AccountId
from bss.ordering import request
from bss.subscriptions.model import Subscription
from kernel.errors import Conflict, Exhausted, IllegalTransition, Invalid, NotFound, TrunklineError
from tests.rooms.bss.shop import METHOD, Shop, add


class Keyed:
    """The shop with keys of its own for each case."""

    def __init__(self, shop: Shop, prefix: str) -> None:
        self.shop, self.prefix, self.account, self.settle = shop, prefix, shop.account, shop.settle

    def line(self, account_id: AccountId, offering: str, *, key: str) -> Subscription:
        """As the shop's."""
        return self.shop.line(account_id, offering, key=self.prefix + key)

    def submit(self, account_id: AccountId, *items: dict[str, Any], key: str) -> None:
        """As the shop's."""
        self.shop.submit(account_id, *items, key=self.prefix + key)


Build = Callable[[Keyed, AccountId], dict[str, Any]]


def modify(shop: Keyed, account_id: AccountId, offering: str) -> dict[str, Any]:
    line = shop.line(account_id, "home-500", key="first")
    return {"action": "modify", "subscription_id": line.id, "offering": offering}


def of_another_account(shop: Keyed, account_id: AccountId) -> dict[str, Any]:
    line = shop.line(shop.account(name="Bob"), "home-500", key="first")
    return {"action": "delete", "subscription_id": line.id}


def ended(shop: Keyed, account_id: AccountId) -> dict[str, Any]:
    line = shop.line(account_id, "home-500", key="first")
    shop.submit(account_id, {"action": "delete", "subscription_id": line.id}, key="second")
    shop.settle()
    return {"action": "delete", "subscription_id": line.id}


def taken(shop: Keyed, account_id: AccountId, *, number: str = "447700900003") -> dict[str, Any]:
    shop.submit(account_id, add("mobile", resources={"msisdn": number}), key="first")
    return add("mobile", resources={"msisdn": f"+{number}"})


def bound(shop: Keyed, account_id: AccountId) -> dict[str, Any]:
    item = taken(shop, account_id, number="447700900004")
    shop.settle()
    return item


CASES: list[tuple[str, Build, type[TrunklineError], str, str]] = [
    (
        "an unknown offering",
        lambda s, a: add("home-2000"),
        Invalid,
        "offering",
        "unknown offering 'home-2000' (known: home-1000, home-500, meter, mobile)",
    ),
    ("a malformed number", lambda s, a: add("mobile", resources={"msisdn": "12ab"}), Invalid, "msisdn", "not valid"),
    ("a malformed SIM", lambda s, a: add("mobile", resources={"sim": "123"}), Invalid, "iccid", "not valid"),
    ("a reserved number", taken, Conflict, "msisdn", "+447700900003 is reserved"),
    ("a bound number", bound, Conflict, "msisdn", "+447700900004 is assigned"),
    ("a number of nobody", lambda s, a: add("mobile", resources={"msisdn": "4915112345678"}), NotFound, "msisdn", ""),
    ("a resource it has not", lambda s, a: add("meter", resources={"sim": None}), Invalid, "sim", "no such resource"),
    (
        "a dearer profile at the cheaper price",
        lambda s, a: add("home-500", characteristics={"profile": "HOME1000"}),
        Invalid,
        "characteristics.profile",
        "home-500 fixes it at HOME500",
    ),
    ("a foreign kind of line", lambda s, a: modify(s, a, "mobile"), Invalid, "offering", "is a mobile-line"),
    ("what it is already", lambda s, a: modify(s, a, "home-500"), Conflict, "offering", "is home-500 already"),
    ("somebody else's line", of_another_account, NotFound, "subscription_id", "has no subscription"),
    ("an ended line", ended, IllegalTransition, "state", "Subscription is terminated and cannot terminate"),
    ("no offering", lambda s, a: {"action": "add"}, Invalid, "items.1", "add needs an offering"),
    ("a misspelt field", lambda s, a: add("meter", colour="red"), Invalid, "items.1.colour", "not permitted"),
    ("an unknown action", lambda s, a: {"action": "swap"}, Invalid, "items.1.action", "'delete' or 'noChange'"),
    ("no quantity", lambda s, a: add("meter", quantity=0), Invalid, "items.1.quantity", "greater than or equal to 1"),
]


def test_a_bad_item_changes_nothing(shop: Shop) -> None:
    for number, (name, build, error, field, words) in enumerate(CASES):
        account_id = shop.account()
        item = build(Keyed(shop, f"{number}-"), account_id)
        before = shop.rows()
        with pytest.raises(error) as caught:
            shop.submit(account_id, add("home-500"), item, key="bad")
        assert (caught.value.field, bool(caught.value.fix)) == (field, True), name
        assert words in str(caught.value), name
        assert shop.rows() == before, name


def test_an_account_in_another_currency_is_refused(shop: Shop) -> None:
    account_id = shop.account(currency="USD")
    before = shop.rows()
    with pytest.raises(Invalid, match=r"currency: meter is priced in EUR, acc_\w+ pays in USD"):
        shop.submit(account_id, add("meter"))
    assert shop.rows() == before


def test_an_account_without_days_to_pay_needs_a_method(shop: Shop) -> None:
    account_id = shop.account(payment_terms_days=0)
    with pytest.raises(Invalid, match=r"method_id: 3\.00 EUR is owed at once"):
        shop.submit(account_id, add("meter"))
    shop.submit(account_id, add("meter"), method_id=METHOD)


def test_an_empty_pool_reserves_nothing(shop: Shop) -> None:
    account_id = shop.account()
    before = shop.rows()
    with pytest.raises(Exhausted, match="the pool meter is empty"):
        shop.submit(account_id, *[add("meter")] * 4)
    assert shop.rows() == before
    shop.submit(account_id, *[add("meter")] * 3)


def test_the_same_key_and_body_is_the_same_order(shop: Shop) -> None:
    account_id = shop.account()
    first = shop.submit(account_id, add("meter"), key="a", method_id=METHOD)
    before = shop.rows()
    again = shop.submit(account_id, add("meter"), key="a", method_id=METHOD)
    assert again.id == first.id
    assert shop.rows() == before


def test_the_same_key_with_another_body_is_a_conflict(shop: Shop) -> None:
    account_id = shop.account()
    first = shop.submit(account_id, add("meter"), key="a")
    before = shop.rows()
    with pytest.raises(Conflict, match=f"key: 'a' was used for another order, {first.id}"):
        shop.submit(account_id, add("mobile"), key="a")
    assert shop.rows() == before


def test_two_items_about_one_line_are_refused(shop: Shop) -> None:
    account_id = shop.account()
    line = shop.line(account_id, "home-500")
    items = [
        {"action": "modify", "subscription_id": str(line.id), "offering": "home-1000"},
        {"action": "delete", "subscription_id": str(line.id)},
    ]
    with pytest.raises(Invalid, match="two items are about the same subscription"):
        shop.submit(account_id, *items, key="k2")


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"method_id": "4111111111111111"}, "method_id"),
        ({"method_id": ""}, "method_id"),
        ({"key": ""}, "key"),
        ({"key": "a b"}, "key"),
        ({"key": "k" * 129}, "key"),
        ({"items": []}, "items"),
        ({"items": [add("meter")] * 65}, "items"),
        ({"account_id": "cus_0000000000001"}, "account_id"),
        ({"atomic": "perhaps"}, "atomic"),
    ],
)
def test_a_malformed_order_names_its_field(over: dict[str, Any], field: str) -> None:
    good = {"account_id": "acc_0000000000001", "items": [add("meter")], "key": "k"}
    assert request.read(good).atomic is True
    with pytest.raises(Invalid) as caught:
        request.read({**good, **over})
    assert caught.value.field == field


def test_the_key_is_no_part_of_what_is_asked_for() -> None:
    good = {"account_id": "acc_0000000000001", "items": [add("meter")], "key": "k"}
    hashes = {request.read({**good, **over}).body_hash() for over in ({}, {"key": "other"}, {"atomic": False})}
    assert len(hashes) == 2
