"""What is held when an order is submitted is what its first invoice will ask for, tax included."""

from __future__ import annotations

import pytest

from bss.ledger import service as ledger
from bss.ledger.model import TaxStatus
from bss.ordering.events import ProductOrderAcknowledged
from bss.tax import service as tax
from kernel.errors import Invalid
from kernel.work import Work
from tests.rooms.bss.shop import METHOD, Shop, add


@pytest.fixture
def taxed(shop: Shop) -> Shop:
    """The same shop with a seller that is registered for tax, and the table of the product."""

    def fn(work: Work) -> None:
        seller = ledger.only_seller(work)
        seller.tax_status, seller.exemption_reason = TaxStatus.REGISTERED, None
        for name, text in tax.installed().items():
            tax.apply(work, text, name=name)

    shop.do(fn)
    return shop


def test_the_amount_to_hold_includes_the_tax_of_the_customers_country(taxed: Shop) -> None:
    order = taxed.submit(taxed.account(country="DE"), add("home-500"), add("mobile"), method_id=METHOD)
    assert (order.amount_minor, order.currency) == (9877, "EUR")  # 83.00 and 19 % of it, 15.77
    (fact,) = taxed.facts(ProductOrderAcknowledged)
    assert fact.amount_minor == 9877  # type: ignore[attr-defined]


def test_tax_is_that_of_the_place_of_supply(taxed: Shop) -> None:
    order = taxed.submit(taxed.account(country="SE"), add("home-500"), method_id=METHOD)
    assert order.amount_minor == 8500  # 68.00 and 25 % of it


def test_an_exempt_seller_holds_the_net_amount(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("home-500"), method_id=METHOD)
    assert order.amount_minor == 6800


@pytest.mark.parametrize(
    ("country", "where"), [("NZ", "in NZ: no tax table for 'NZ'"), (None, "without a country: the customer's country")]
)
def test_an_order_whose_tax_is_not_known_is_refused_by_the_accounts_country(
    taxed: Shop, country: str | None, where: str
) -> None:
    account_id = taxed.account(country=country)
    before = taxed.rows()
    with pytest.raises(Invalid, match=f"account_id: no tax can be estimated for {account_id} {where}") as caught:
        taxed.submit(account_id, add("home-500"), method_id=METHOD)
    assert caught.value.fix is not None
    assert taxed.rows() == before
