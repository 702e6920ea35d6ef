"""From a billing day to a numbered, posted invoice, and everything that must not happen twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bss.customers import service as customers
from bss.invoices import document, handlers, statement
from bss.invoices import service as invoices
from bss.invoices.events import InvoiceHeld, InvoiceIssued
from bss.invoices.machine import InvoiceState
from bss.invoices.model import Invoice
from bss.notices import service as notices
from bss.ordering.events import ProductOrderCompleted
from bss.ordering.model import ProductOrderId
from bss.subscriptions import service as subscriptions
from bss.subscriptions.events import SubscriptionTerminated
from bss.subscriptions.model import SubscriptionId
from bss.tax import table
from bss.usage.model import Rated
from kernel.errors import Conflict, IllegalTransition, Invalid, NotFound, Unreachable
from kernel.events import EventRow
from kernel.ids import TenantId
from kernel.time import Span
from kernel.work import Actor, SystemWork
from tests.rooms.bss.invoices.conftest import VAT, Shop
from tests.rooms.bss.invoices.tariff import HOME_500, JULY, JUNE, ORDERED, UPGRADED

REASON = "Small business, section 19 UStG"


def facts(shop: Shop, kind: str) -> list[dict[str, object]]:
    """The bodies of every fact of a kind."""

    def read(work: SystemWork) -> list[dict[str, object]]:
        rows = work.session.query(EventRow).filter(EventRow.kind == kind).order_by(EventRow.id)
        return [json.loads(row.body) for row in rows]

    return shop.database.run_system(read)


def main_job(shop: Shop) -> tuple[Invoice, Invoice]:
    """The June and the July invoice of the main job."""
    shop.chargeable = list(ORDERED)
    june = shop.issue(JUNE)
    shop.chargeable = list(UPGRADED)
    shop.used["messages", Span(JUNE, JULY)] = Rated(1000, 1_500_000_000, None, None)
    shop.at(JULY)
    return june, shop.issue(JULY)


def test_the_main_jobs_two_invoices(shop: Shop) -> None:
    june, july = main_job(shop)
    assert shop.nets(june.id) == ["29.00", "39.00", "15.00", "3.00"]
    assert shop.nets(july.id) == ["59.00", "15.00", "3.00", "-19.50", "29.50", "1.50"]
    assert (june.total_minor, july.total_minor) == (8600, 8850)
    assert (june.number, july.number) == ("INV-2026-000001", "INV-2026-000002")
    assert (june.issued_on, june.due_on, july.due_on) == (JUNE, date(2026, 6, 15), date(2026, 7, 15))
    assert [shop.owes(june.id), shop.owes(july.id)] == ["86.00", "88.50"]
    assert [fact["total_minor"] for fact in facts(shop, InvoiceIssued.kind())] == [8600, 8850]
    assert shop.broken() == []


def test_what_is_billed_ahead_is_deferred_and_earned_when_its_month_is_over(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    shop.issue(JUNE)
    assert shop.books() == {"receivable": "86.00", "contractLiability": "-57.00", "revenue:setup": "-29.00"}
    shop.at(JULY)
    shop.chargeable = list(UPGRADED)
    shop.used["messages", Span(JUNE, JULY)] = Rated(1000, 1_500_000_000, None, None)
    shop.do(lambda work: invoices.bill(work, shop.account_id))
    shop.quote()
    assert shop.books() == {
        "receivable": "174.50",
        "contractLiability": "-77.00",
        "revenue:recurring": "-67.00",  # June: 57.00 - 19.50 + 29.50
        "revenue:setup": "-29.00",
        "revenue:usage": "-1.50",
    }
    assert shop.broken() == []


def test_drafting_twice_makes_one_invoice(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    assert shop.draft(JUNE) is not None
    assert shop.draft(JUNE) is None
    shop.quote()
    assert shop.draft(JUNE) is None
    assert len(shop.do(invoices.listed)) == 1


def test_sealing_twice_returns_the_same_number(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    june = shop.issue(JUNE)
    quote = table.quote(VAT, shop.do(lambda work: invoices.quote_request(work, june.id)))
    assert shop.do(lambda work: invoices.seal(work, june.id, quote)) == june.number
    assert len(facts(shop, InvoiceIssued.kind())) == 1
    assert shop.books()["receivable"] == "86.00"


def test_each_quote_of_an_exempt_seller_is_an_explicit_stored_zero(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    june = shop.issue(JUNE)
    assert june.quote is not None
    assert {(line["tax_minor"], line["reason"]) for line in june.quote["lines"]} == {(0, REASON)}
    shown = shop.do(lambda work: statement._taxes(invoices.lines(work, june.id)))
    assert shown == [
        {"jurisdiction": "DE", "category": "E", "rate": "0", "reason": REASON, "net": "86.00", "tax": "0.00"}
    ]


def test_tax_is_charged_posted_and_owed(taxed: Shop) -> None:
    taxed.chargeable = list(ORDERED)
    june = taxed.issue(JUNE)
    assert (june.net_minor, june.tax_minor, june.total_minor) == (8600, 1634, 10234)
    assert taxed.books() == {
        "receivable": "102.34",
        "contractLiability": "-57.00",
        "revenue:setup": "-29.00",
        "tax:DE:19": "-16.34",
    }
    assert taxed.broken() == []


# ---- without a quote


def test_an_invoice_is_held_without_a_number_when_there_is_no_quote(taxed: Shop) -> None:
    taxed.chargeable = [replace(HOME_500, tax_class="moon")]
    invoice_id = taxed.draft(JUNE)
    (errand,) = taxed.database.run_system(lambda work: invoices.errands(work, 10))
    with pytest.raises(Invalid) as refused:
        table.quote(VAT, errand.request)
    taxed.do(lambda work: invoices.settle(work, errand.invoice_id, error=refused.value))
    held = taxed.do(lambda work: invoices.get(work, invoice_id))
    assert (held.state, held.number) == (InvoiceState.HELD, None)
    assert "moon" in (held.held_reason or "")
    assert len(facts(taxed, InvoiceHeld.kind())) == 1
    assert taxed.quote() == []
    assert taxed.books() == {}
    taxed.do(lambda work: customers.change(work, held.account_id, country="AT", email="bills@example.org"))
    taxed.do(lambda work: invoices.release(work, invoice_id))
    (errand,) = taxed.database.run_system(lambda work: invoices.errands(work, 10))
    told = taxed.do(lambda work: invoices.get(work, invoice_id)).parties["customer"]
    assert (errand.request.customer.country, told["country"], told["email"]) == ("AT", "AT", "bills@example.org")


def test_an_unreachable_quote_is_asked_again_later_and_held_at_the_fifth_time(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    invoice_id = shop.draft(JUNE)
    states = [
        shop.do(lambda work: invoices.settle(work, invoice_id, error=Unreachable("down")))
        for _ in range(invoices.QUOTE_ATTEMPTS)
    ]
    assert states == [InvoiceState.DRAFT] * 4 + [InvoiceState.HELD]
    assert shop.database.run_system(lambda work: invoices.errands(work, 10)) == []


@pytest.mark.parametrize(
    "change",
    [{"document": "inv_other"}, {"currency": "USD"}, {"lines": ()}],
)
def test_a_quote_that_does_not_answer_the_draft_seals_nothing(shop: Shop, change: dict[str, object]) -> None:
    shop.chargeable = list(ORDERED)
    shop.draft(JUNE)
    (errand,) = shop.database.run_system(lambda work: invoices.errands(work, 10))
    wrong = table.quote(VAT, errand.request).model_copy(update=change)
    with pytest.raises(Invalid):
        shop.do(lambda work: invoices.settle(work, errand.invoice_id, quote=wrong))
    assert shop.do(lambda work: invoices.get(work, errand.invoice_id)).state == InvoiceState.DRAFT
    assert shop.books() == {}


def test_a_discarded_draft_is_composed_again_and_an_issued_one_stays(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    first = shop.draft(JUNE)
    shop.do(lambda work: invoices.discard(work, first, reason="wrong address"))
    second = shop.issue(JUNE)
    assert second.id != first
    assert second.number == "INV-2026-000001"
    with pytest.raises(IllegalTransition):
        shop.do(lambda work: invoices.discard(work, second.id, reason="no"))
    assert shop.broken() == []


# ---- billing days


def test_a_billing_day_bills_once_and_waits_for_the_next(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    shop.issue(JUNE)
    first_of_july = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    assert shop.database.run_system(invoices.next_due) == first_of_july
    assert shop.do(lambda work: invoices.bill(work, shop.account_id)) is None
    shop.clock.move_to(first_of_july)
    found = shop.database.run_system(lambda work: invoices.due(work, work.now, 10))
    assert found == [(TenantId(1), shop.account_id)]
    assert shop.do(lambda work: invoices.bill(work, shop.account_id)) is not None
    assert shop.do(lambda work: invoices.bill(work, shop.account_id)) is None
    assert shop.database.run_system(invoices.next_due) == datetime(2026, 7, 31, 22, 0, tzinfo=UTC)


def test_missed_billing_days_are_caught_up_one_by_one(shop: Shop) -> None:
    shop.chargeable = [HOME_500]
    shop.issue(JUNE)
    shop.at(date(2026, 9, 15))
    while shop.database.run_system(lambda work: invoices.due(work, work.now, 10)):
        shop.do(lambda work: invoices.bill(work, shop.account_id))
    shop.quote()
    rows = shop.do(lambda work: invoices.listed(work, account_id=shop.account_id))
    assert [(str(row.upto), row.total_minor) for row in rows] == [
        ("2026-06-01", 3900),
        ("2026-07-01", 3900),
        ("2026-08-01", 3900),
        ("2026-09-01", 3900),
    ]
    assert shop.broken() == []


def test_a_parked_account_is_neither_billed_nor_issued(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    invoice_id = shop.draft(JUNE)
    quote = table.quote(VAT, shop.do(lambda work: invoices.quote_request(work, invoice_id)))
    shop.do(lambda work: customers.park(work, shop.account_id, reason="I4"))
    assert shop.quote() == []
    with pytest.raises(Conflict, match="parked"):
        shop.do(lambda work: invoices.seal(work, invoice_id, quote))
    shop.at(JULY)
    assert shop.do(lambda work: invoices.bill(work, shop.account_id)) is None
    assert shop.draft(JULY) is None
    shop.do(lambda work: customers.unpark(work, shop.account_id))
    assert shop.quote() == [invoice_id]


def test_a_day_that_has_not_come_is_refused_and_a_price_in_another_currency_too(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    with pytest.raises(Invalid, match="has not come"):
        shop.draft(JULY)
    shop.chargeable = [replace(HOME_500, rate=type(HOME_500.rate).of("39.00", "USD"))]
    with pytest.raises(Invalid, match="priced in USD"):
        shop.draft(JUNE)
    assert shop.do(invoices.listed) == []


# ---- facts of other nouns


def test_a_completed_order_is_billed_once_however_often_it_is_heard(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    order = ProductOrderId.new()
    event = ProductOrderCompleted(
        order_id=order, account_id=shop.account_id, subscription_ids=(SubscriptionId(1), SubscriptionId(2))
    )
    for _ in range(2):
        shop.do(lambda work: handlers.on_order_completed(work, event))
    (invoice,) = shop.do(invoices.listed)
    assert invoice.order_ref == str(order)
    assert shop.nets(invoice.id) == ["29.00", "39.00", "15.00"]


def test_an_order_that_only_changes_what_is_billed_waits_for_the_billing_day(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    shop.issue(JUNE)
    shop.at(date(2026, 6, 16))
    shop.chargeable = list(UPGRADED)
    event = ProductOrderCompleted(
        order_id=ProductOrderId.new(), account_id=shop.account_id, subscription_ids=(SubscriptionId(1),)
    )
    shop.do(lambda work: handlers.on_order_completed(work, event))
    assert len(shop.do(invoices.listed)) == 1


def test_a_termination_is_credited_by_a_note_that_reduces_what_is_open(shop: Shop) -> None:
    shop.chargeable = [HOME_500]
    june = shop.issue(JUNE)
    end = date(2026, 6, 21)
    shop.at(end)
    shop.chargeable = [replace(HOME_500, end=end)]
    event = SubscriptionTerminated(
        subscription_id=SubscriptionId(1), account_id=shop.account_id, ends_on=end, at=shop.clock.now()
    )
    for _ in range(2):
        shop.do(lambda work: handlers.on_subscription_terminated(work, event))
    assert shop.owes(june.id) == "26.00"
    assert shop.books() == {"receivable": "26.00", "contractLiability": "-26.00"}
    assert len(shop.do(invoices.listed)) == 1
    shop.at(JULY)
    shop.do(lambda work: invoices.bill(work, shop.account_id))
    assert shop.books() == {"receivable": "26.00", "revenue:recurring": "-26.00"}
    assert shop.broken() == []


def test_the_customer_is_told_of_an_invoice_once(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    june = shop.issue(JUNE)
    (fact,) = facts(shop, InvoiceIssued.kind())
    event = InvoiceIssued.model_validate(fact)
    for _ in range(2):
        shop.do(lambda work: handlers.on_invoice_issued(work, event))
    (notice,) = shop.do(lambda work: notices.of_account(work, shop.account_id))
    assert notice.subject == f"Your invoice {june.number}"
    assert "86.00 EUR is due on 15.06.2026" in notice.body


# ---- documents


def test_an_issued_invoice_derives_to_its_stored_hash_from_its_rows(shop: Shop) -> None:
    june, _ = main_job(shop)
    fresh = shop.do(lambda work: document.invoice_hash(invoices.get(work, june.id), invoices.lines(work, june.id)))
    assert fresh == june.hash
    shop.do(lambda work: setattr(invoices.lines(work, june.id)[1], "net_minor", 1))
    changed = shop.do(lambda work: document.invoice_hash(invoices.get(work, june.id), invoices.lines(work, june.id)))
    assert changed != june.hash


def test_the_statement_shows_spans_sources_and_plain_words(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        order_ref = "por_1"

    monkeypatch.setattr(subscriptions, "get", lambda work, subscription_id: Found)
    _, july = main_job(shop)
    shown = shop.do(lambda work: statement.show(work, july.id))
    assert (shown["number"], shown["status"], shown["total"], shown["open"]) == (
        "INV-2026-000002",
        "open",
        "88.50",
        "88.50",
    )
    back = shown["lines"][3]
    assert (back["from"], back["until"], back["net"], back["order"]) == ("2026-06-16", "2026-07-01", "-19.50", "por_1")
    assert back["takes_back"].startswith("inl_")
    assert back["phase"] == str(HOME_500.phase_id)
    assert shown["parties"]["customer"]["name"] == "Anna"
    assert json.loads(json.dumps(shown)) == shown
    told = shop.do(lambda work: statement.explain(work, july.id))
    assert told[3] == (
        "4. Home 500, taken back: 39 EUR taken back from 2026-06-16 until before 2026-07-01, 15 of 30 days: -19.50 EUR."
    )
    assert told[5] == "6. Messages: 1000 at 0.0015 EUR from 2026-06-01 until before 2026-07-01, 1.50 EUR."
    assert told[6] == "In all 88.50 EUR, of which 0.00 EUR is tax."


def test_another_tenant_sees_no_invoice(shop: Shop, actor: Actor) -> None:
    shop.chargeable = list(ORDERED)
    june = shop.issue(JUNE)
    with pytest.raises(NotFound):
        shop.database.run(lambda work: invoices.get(work, june.id), tenant=TenantId(2), actor=actor)
    assert shop.database.run(invoices.listed, tenant=TenantId(2), actor=actor) == []
