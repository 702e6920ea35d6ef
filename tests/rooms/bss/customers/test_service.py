"""Customers and their billing accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bss.customers import service as customers
from bss.customers import store
from bss.customers.model import BillingAccount, Customer
from bss.ledger import service as ledger
from kernel.database import Database
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import TenantId
from kernel.work import Actor, Work

Do = Callable[[Callable[[Work], Any]], Any]


@pytest.fixture(autouse=True)
def _seller(do: Do) -> None:
    do(lambda work: ledger.create_seller(work, name="Carrier", country="DE", zone="Europe/Berlin", currency="EUR"))


def make(work: Work, **changes: Any) -> tuple[Customer, BillingAccount]:
    """A customer as the demo makes them."""
    values = {"name": "Anna Berg", "email": "anna@example.org", "currency": "EUR", "zone": "Europe/Berlin"}
    return customers.create(work, **(values | {"billing_day": 1} | changes))


def test_a_customer_gets_an_account_whose_first_bill_is_the_next_billing_day_at_local_midnight(do: Do) -> None:
    customer, account = do(make)
    assert account.customer_id == customer.id
    assert (account.currency, account.payment_terms_days, account.parked_reason) == ("EUR", 14, None)
    assert account.next_bill_at == datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    assert do(lambda work: customers.get(work, customer.id).name) == "Anna Berg"
    assert [found.id for found in do(lambda work: customers.accounts(work, customer.id))] == [account.id]
    assert [found.id for found in do(customers.page)] == [customer.id]


@pytest.mark.parametrize(
    ("billing_day", "day", "expected"),
    [
        (1, date(2026, 6, 1), date(2026, 7, 1)),
        (15, date(2026, 6, 1), date(2026, 6, 15)),
        (31, date(2026, 1, 31), date(2026, 2, 28)),
        (31, date(2026, 2, 28), date(2026, 3, 31)),
        (29, date(2028, 2, 1), date(2028, 2, 29)),
        (30, date(2027, 2, 27), date(2027, 2, 28)),
    ],
)
def test_the_next_billing_day_clamps_to_short_months_and_never_drifts(
    billing_day: int, day: date, expected: date
) -> None:
    assert customers.next_billing_date(billing_day, day) == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.de\nBcc: c@d.de"}, "email"),
        ({"currency": "EURO"}, "currency"),
        ({"zone": "Berlin"}, "zone"),
        ({"billing_day": 32}, "anchor"),
        ({"payment_terms_days": -1}, "payment_terms_days"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(do: Do, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        do(lambda work: make(work, **changes))
    assert refused.value.field == field
    assert do(customers.page) == []


def test_a_parked_account_is_not_due_and_is_again_when_unparked(do: Do, database: Database) -> None:
    _, account = do(make)
    later = datetime(2026, 7, 1, tzinfo=UTC)
    assert database.run_system(lambda work: store.bill_due(work, later, 10)) == [(TenantId(1), account.id)]
    do(lambda work: customers.park(work, account.id, reason="contested"))
    assert database.run_system(lambda work: store.bill_due(work, later, 10)) == []
    assert database.run_system(store.next_bill) is None
    with pytest.raises(Conflict, match="contested"):
        do(lambda work: customers.park(work, account.id, reason="again"))
    do(lambda work: customers.unpark(work, account.id))
    assert database.run_system(store.next_bill) == account.next_bill_at
    with pytest.raises(Conflict):
        do(lambda work: customers.unpark(work, account.id))


def test_another_tenant_has_no_such_customer(do: Do, database: Database, actor: Actor) -> None:
    customer, account = do(make)
    for look in (lambda work: customers.get(work, customer.id), lambda work: customers.account(work, account.id)):
        with pytest.raises(NotFound):
            database.run(look, tenant=TenantId(2), actor=actor)


def test_what_bills_say_of_an_account_is_changed(do: Do) -> None:
    _, account = do(make)
    do(lambda work: customers.change(work, account.id, country="AT", tax_id="ATU1", payment_terms_days=30))
    found = do(lambda work: customers.account(work, account.id))
    assert (found.country, found.tax_id, found.payment_terms_days, found.email) == (
        *("AT", "ATU1", 30),
        "anna@example.org",
    )
    do(lambda work: customers.change(work, account.id, tax_id="", email="bills@example.org"))
    found = do(lambda work: customers.account(work, account.id))
    assert (found.country, found.tax_id, found.email) == ("AT", None, "bills@example.org")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"country": "Austria"}, "country"),
        ({"country": "at"}, "country"),
        ({"tax_id": "1" * 33}, "tax_id"),
        ({"email": "nobody"}, "email"),
        ({"payment_terms_days": 366}, "payment_terms_days"),
        ({}, "account_id"),
    ],
)
def test_a_change_that_no_bill_can_say_is_named(do: Do, wrong: dict[str, Any], field: str) -> None:
    _, account = do(make)
    with pytest.raises(Invalid) as caught:
        do(lambda work: customers.change(work, account.id, **wrong))
    assert caught.value.field == field
