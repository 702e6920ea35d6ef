"""Sellers have books; a posting stands in the fact's own Work or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from bss.ledger import cards, invariants, store
from bss.ledger import service as ledger
from bss.ledger.model import Journal, Posting, Seller, SellerId, TaxStatus
from kernel.database import Database
from kernel.doctor import Check
from kernel.errors import Invalid, NotFound
from kernel.ids import TenantId
from kernel.money import Money
from kernel.work import Actor, SystemWork, Work

Do = Callable[[Callable[[Work], Any]], Any]
DAY = date(2026, 6, 1)


@pytest.fixture
def database(any_database: Database) -> Database:
    """Books are proved on each database the house runs on."""
    return any_database


def sell(work: Work, **changes: Any) -> Seller:
    """A seller of the demo's kind."""
    values = {"name": "Carrier", "country": "DE", "zone": "Europe/Berlin", "currency": "EUR"}
    return ledger.create_seller(work, **(values | changes))


def write_off(work: Work, seller_id: SellerId, text: str) -> None:
    """Book a small loss."""
    amounts = {"amount": Money.of(text, "EUR")}
    ledger.post(work, "writtenOff", seller_id=seller_id, on=DAY, amounts=amounts, refs={"why": "test"})


def check(name: str) -> Check:
    """One of the ledger's invariants."""
    return next(found for found in invariants.CHECKS if found.name == name)


def test_the_trial_balance_shows_each_account_on_its_side(do: Do) -> None:
    seller_id = do(lambda work: sell(work).id)
    do(lambda work: write_off(work, seller_id, "10.00"))
    do(lambda work: write_off(work, seller_id, "2.50"))
    rows = do(lambda work: ledger.trial_balance(work, seller_id))
    assert [(account, str(debit), str(credit)) for account, debit, credit in rows] == [
        ("badDebt", "12.50 EUR", "0.00 EUR"),
        ("receivable", "0.00 EUR", "12.50 EUR"),
    ]
    assert str(do(lambda work: ledger.account_balance(work, seller_id, "badDebt", currency="EUR"))) == "12.50 EUR"


def test_a_journal_keeps_its_rule_its_refs_and_who_posted_it(do: Do) -> None:
    seller_id = do(lambda work: sell(work).id)
    do(lambda work: write_off(work, seller_id, "10.00"))
    (journal,) = do(lambda work: store.journals(work, seller_id, limit=10))
    assert (journal.rule, journal.refs, journal.posted_by, journal.booked_on) == (
        "writtenOff",
        {"why": "test"},
        "test:clerk",
        DAY,
    )


def test_a_work_that_fails_after_its_posting_leaves_nothing_in_the_books(do: Do) -> None:
    seller_id = do(lambda work: sell(work).id)

    def fails(work: Work) -> None:
        write_off(work, seller_id, "10.00")
        raise Invalid("no")

    with pytest.raises(Invalid):
        do(fails)
    assert do(lambda work: ledger.trial_balance(work, seller_id)) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"country": "Germany"}, "country"),
        ({"zone": "Mars/Crater"}, "zone"),
        ({"currency": "XXX"}, "currency"),
        ({"tax_status": TaxStatus.EXEMPT}, "exemption_reason"),
        ({"tax_status": TaxStatus.EXEMPT, "exemption_reason": " "}, "exemption_reason"),
    ],
)
def test_a_seller_that_makes_no_sense_is_refused(do: Do, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        do(lambda work: sell(work, **changes))
    assert refused.value.field == field


def test_the_only_seller_is_found_and_two_are_asked_about(do: Do) -> None:
    with pytest.raises(Invalid, match="has 0 sellers"):
        do(ledger.only_seller)
    first = do(lambda work: sell(work).id)
    assert do(lambda work: ledger.only_seller(work).id) == first
    do(sell)
    with pytest.raises(Invalid, match="has 2 sellers"):
        do(ledger.only_seller)


def test_another_tenant_sees_neither_seller_nor_books(do: Do, database: Database, actor: Actor) -> None:
    seller_id = do(lambda work: sell(work).id)
    do(lambda work: write_off(work, seller_id, "10.00"))
    other = TenantId(2)
    with pytest.raises(NotFound):
        database.run(lambda work: ledger.seller(work, seller_id), tenant=other, actor=actor)
    assert database.run(lambda work: ledger.trial_balance(work, seller_id), tenant=other, actor=actor) == []


def test_a_planted_uneven_journal_is_found(do: Do, database: Database) -> None:
    seller_id = do(lambda work: sell(work).id)
    do(lambda work: write_off(work, seller_id, "10.00"))
    assert database.run_system(check("I1").violations) == []
    assert database.run_system(check("I1").examined) == 1

    def plant(work: SystemWork) -> None:
        found = work.session.query(Posting).filter(Posting.account == "badDebt").one()
        found.amount_minor += 1

    database.run_system(plant)
    (sentence,) = database.run_system(check("I1").violations)
    assert sentence.endswith("off by 1 minor units of EUR")


def test_a_planted_card_number_is_found_and_not_repeated(do: Do, database: Database) -> None:
    seller_id = do(lambda work: sell(work, tax_ids={"vat": "DE123456789"}).id)
    assert database.run_system(check("I17").violations) == []
    do(lambda work: setattr(ledger.seller(work, seller_id), "name", "Pay with 4242 4242 4242 4242, please"))
    assert database.run_system(check("I17").violations) == ["seller.name holds a card number ending in 4242"]


def test_a_planted_card_number_inside_a_document_is_found(do: Do, database: Database) -> None:
    seller_id = do(lambda work: sell(work, tax_ids={"note": "5555555555554444"}).id)
    assert database.run_system(check("I17").violations) == ["seller.tax_ids holds a card number ending in 4444"]
    assert seller_id


@pytest.mark.parametrize(
    "text", ["4242424242424242", "4242-4242-4242-4242", "pan=378282246310005;", '"6011111111111117"']
)
def test_a_card_number_is_recognised(text: str) -> None:
    assert cards.found(text)


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # check digit wrong
        "1780300800000000",  # an instant
        "tok_4242424242424242",  # part of a name
        "262011234567890",  # an IMSI
        "8949000000000000000",  # an ICCID
        "+4915112345678",
        "inv_0123456789ABC",
    ],
)
def test_other_long_numbers_are_left_alone(text: str) -> None:
    assert cards.found(text) is None


def test_the_journal_names_the_very_rules_it_was_posted_by(do: Do) -> None:
    seller_id = do(lambda work: sell(work).id)
    do(lambda work: write_off(work, seller_id, "1.00"))
    journal: Journal = do(lambda work: store.journals(work, seller_id, limit=1)[0])
    assert len(journal.rules_hash) == 64
    assert [row.account for row in do(lambda work: store.postings(work, journal.id))] == ["badDebt", "receivable"]
