"""An open credit is paid out to the card that paid the credited invoice, and every sub-ledger still adds up."""

from __future__ import annotations

import pytest

from bss.invoices import service as invoices
from bss.invoices import statement
from bss.invoices.model import Invoice
from bss.payments import invariants
from bss.payments import service as payments
from bss.payments.machine import RefundState
from bss.payments.model import Refund
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from tests.rooms.bss.invoices.conftest import Do, Shop, made, wire
from tests.rooms.bss.invoices.tariff import JUNE, ORDERED
from tests.rooms.bss.payments import world
from tests.rooms.bss.payments.world import Edge, euro


@pytest.fixture
def shop(do: Do, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop with an invoice of 86.00."""
    found = wire(made(do, edge.database, edge.database.clock, exempt=True), monkeypatch)  # type: ignore[arg-type]
    found.chargeable = list(ORDERED)
    return found


@pytest.fixture
def june(shop: Shop, edge: Edge) -> Invoice:
    """Its invoice, paid with a card."""
    shop.do(lambda work: world.card(work, shop.account_id))
    invoice = shop.issue(JUNE)
    shop.do(lambda work: payments.charge(work, shop.account_id, invoice_id=invoice.id))
    edge.turn()
    assert shop.owes(invoice.id) == "0.00"
    return invoice


def credit(shop: Shop, invoice: Invoice, **lines: str) -> None:
    chosen: dict[int, Money | None] = {int(number[1:]): euro(text) for number, text in lines.items()}
    shop.do(lambda work: invoices.credit(work, invoice.id, lines=chosen, reason="goodwill"))


def pay_out(shop: Shop, amount: str | None = None) -> list[Refund]:
    wanted = None if amount is None else euro(amount)
    found: list[Refund] = shop.do(
        lambda work: payments.refund_credit(work, shop.account_id, amount=wanted, reason="credit paid out")
    )
    return found


def open_credit(shop: Shop) -> str:
    found: Money = shop.do(lambda work: statement.open_credit(work, shop.account_id, currency="EUR"))
    return found.plain()


def level(shop: Shop) -> list[str]:
    found = shop.broken("I2", "I3", "I22")
    for check in invariants.CHECKS:
        found += shop.database.run_system(check.violations)
    return found


def test_an_open_credit_goes_back_to_the_card(shop: Shop, june: Invoice, edge: Edge) -> None:
    credit(shop, june, l2="20.00")
    assert open_credit(shop) == "20.00"
    (refund,) = pay_out(shop)
    assert (refund.amount_minor, refund.state) == (2000, RefundState.REQUESTED)
    assert (open_credit(shop), shop.owes(june.id)) == ("0.00", "0.00")
    assert shop.books()["refundLiability"] == "-20.00"
    assert level(shop) == []
    edge.turn()
    assert shop.books()["clearing:bank"] == "66.00"
    assert "refundLiability" not in shop.books()
    assert "receivable" not in shop.books()
    assert level(shop) == []


def test_a_part_of_it_leaves_the_rest_open(shop: Shop, june: Invoice, edge: Edge) -> None:
    credit(shop, june, l2="20.00")
    pay_out(shop, "5.00")
    edge.turn()
    assert (open_credit(shop), shop.owes(june.id)) == ("15.00", "0.00")
    assert level(shop) == []


def test_the_whole_of_an_invoice_goes_back(shop: Shop, june: Invoice, edge: Edge) -> None:
    shop.do(lambda work: invoices.credit(work, june.id, reason="never delivered"))
    pay_out(shop)
    edge.turn()
    assert shop.books().get("clearing:bank") is None
    assert level(shop) == []


def test_no_more_than_is_open_is_given_back(shop: Shop, june: Invoice) -> None:
    credit(shop, june, l2="20.00")
    with pytest.raises(Invalid, match=r"20\.01 EUR cannot be given back: 20\.00 EUR of acc_"):
        pay_out(shop, "20.01")


def test_a_credit_nobody_paid_for_is_not_paid_out(shop: Shop) -> None:
    shop.do(lambda work: world.card(work, shop.account_id))
    june = shop.issue(JUNE)
    credit(shop, june, l2="20.00")
    with pytest.raises(Invalid, match=r"0\.00 EUR cannot be given back"):
        pay_out(shop)


def test_a_credit_that_no_method_paid_stays_open(shop: Shop, june: Invoice) -> None:
    credit(shop, june, l2="20.00")
    (payment,) = shop.do(lambda work: payments.of_account(work, shop.account_id))
    (allocated,) = shop.do(lambda work: invoices.store.allocations(work, june.id))
    shop.do(lambda work: payments.undo_allocation(work, allocated.id, reason="by hand"))
    shop.do(lambda work: payments.refund(work, payment.id, amount=euro("86.00"), reason="by hand"))
    with pytest.raises(Conflict, match=r"20\.00 EUR of the credit was not paid by a method"):
        pay_out(shop)
    assert open_credit(shop) == "20.00"
