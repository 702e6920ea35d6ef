"""Each invariant is clean after a full life, and finds what is planted against it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from bss.invoices import debts, invariants
from bss.invoices import service as invoices
from bss.invoices.model import Allocation, CreditApplication, Invoice, InvoiceLine, InvoiceLineId, OpenItem, Recognition
from bss.ledger.model import Posting
from kernel.database import Database
from kernel.ids import Id
from kernel.money import Money
from kernel.work import SystemWork
from tests.rooms.bss.invoices.conftest import Shop
from tests.rooms.bss.invoices.tariff import JULY, JUNE, ORDERED, UPGRADED


class PaidId(Id, prefix="tpi"):
    """A payment as invoices see it."""


@pytest.fixture
def database(any_database: Database) -> Database:
    """Proved on each database the house runs on."""
    return any_database


@pytest.fixture
def lived(taxed: Shop) -> Shop:
    """Two months with an upgrade, a payment, a credit note and a write-off."""
    taxed.chargeable = list(ORDERED)
    june = taxed.issue(JUNE)
    taxed.chargeable = list(UPGRADED)
    taxed.at(JULY)
    taxed.do(lambda work: invoices.bill(work, taxed.account_id))
    (july_id,) = taxed.quote()
    taxed.do(lambda work: invoices.allocate(work, june.id, payment_id=PaidId(1), amount=Money.of("40.00", "EUR")))
    taxed.do(lambda work: invoices.credit(work, july_id, lines={1: Money.of("9.00", "EUR")}, reason="goodwill"))
    taxed.do(lambda work: debts.write_off(work, july_id, reason="small", amount=Money.of("1.00", "EUR")))
    # payments books its own allocations; here the test stands in for it
    taxed.plant(lambda work: _post(work, taxed, -4000))
    return taxed


def _post(work: SystemWork, shop: Shop, minor: int) -> None:
    template = work.session.query(Posting).filter(Posting.account == "receivable").first()
    assert template is not None
    template.amount_minor += minor


def first(work: SystemWork, model: type) -> object:
    """The first row of a table."""
    return work.session.query(model).order_by(*model.__table__.primary_key.columns).first()


def change(model: type, column: str, value: object) -> Callable[[SystemWork], None]:
    """A plant that sets a column of the first row."""
    return lambda work: setattr(first(work, model), column, value)


def duplicate(work: SystemWork) -> None:
    """A second charge of days that are charged."""
    line = work.session.query(InvoiceLine).filter(InvoiceLine.kind == "recurring").first()
    assert line is not None
    values = {column.key: getattr(line, column.key) for column in InvoiceLine.__table__.columns}
    work.session.add(InvoiceLine(**(values | {"id": InvoiceLineId.new(), "number": 99})))


def lost_reversal(work: SystemWork) -> None:
    """A reversal that takes back days before its line began."""
    line = work.session.query(InvoiceLine).filter(InvoiceLine.kind == "reversal").first()
    assert line is not None
    line.span_start = date(2026, 5, 20)


def test_a_full_life_is_clean_and_every_check_looked_at_something(lived: Shop) -> None:
    assert lived.broken() == []
    assert [check.name for check in invariants.CHECKS] == ["I2", "I3", "I4", "I22", "I28"]
    assert all(lived.database.run_system(check.examined) > 0 for check in invariants.CHECKS)


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("I2", change(Invoice, "total_minor", 1)),
        ("I2", change(InvoiceLine, "net_minor", 1)),
        ("I2", change(InvoiceLine, "tax_minor", 99)),
        ("I3", change(Allocation, "amount_minor", 99_999)),
        ("I3", change(OpenItem, "open_minor", 1)),
        ("I3", change(CreditApplication, "amount_minor", 1)),
        ("I4", duplicate),
        ("I4", lost_reversal),
        ("I22", change(OpenItem, "open_minor", 1)),
        ("I22", change(Recognition, "amount_minor", 1)),
        ("I22", change(Posting, "account", "bank")),
        ("I28", change(Invoice, "sequence", 7)),
        ("I28", change(Invoice, "issued_on", date(2026, 7, 2))),
    ],
)
def test_a_planted_violation_is_found(lived: Shop, name: str, plant: Callable[[SystemWork], None]) -> None:
    lived.plant(plant)
    assert lived.broken(name)
