"""What is set against an invoice: money, credits, write-offs; and what it is called meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bss.invoices import crediting, debts, statement, store
from bss.invoices import service as invoices
from bss.invoices.events import InvoiceOverdue, InvoiceSettled
from bss.invoices.model import Allocation, CreditNote, Invoice, InvoiceId, InvoiceLine
from kernel.errors import Conflict, Invalid, NotFound
from kernel.events import EventRow
from kernel.ids import Id, TenantId
from kernel.money import Money
from kernel.work import SystemWork
from tests.rooms.bss.invoices.conftest import Shop
from tests.rooms.bss.invoices.tariff import HOME_500, JULY, JUNE, MOBILE, ORDERED


class PaidId(Id, prefix="tpd"):
    """A payment as invoices see it: an opaque id from above."""


PAYMENT = PaidId(77)


def eur(text: str) -> Money:
    """Euros."""
    return Money.of(text, "EUR")


def june_of(shop: Shop) -> Invoice:
    """The June invoice of 86.00."""
    shop.chargeable = list(ORDERED)
    return shop.issue(JUNE)


def pay(shop: Shop, invoice_id: InvoiceId, text: str) -> Allocation:
    """Set money against an invoice."""
    row: Allocation = shop.do(lambda work: invoices.allocate(work, invoice_id, payment_id=PAYMENT, amount=eur(text)))
    return row


def credit(shop: Shop, invoice_id: InvoiceId, lines: dict[int, Money | None] | None = None) -> CreditNote:
    """Credit an invoice."""
    note: CreditNote = shop.do(lambda work: invoices.credit(work, invoice_id, lines=lines, reason="goodwill"))
    return note


def status(shop: Shop, invoice_id: InvoiceId) -> str:
    """What the invoice is called."""
    return str(shop.do(lambda work: statement.status(work, invoice_id)))


def told(shop: Shop, kind: str) -> int:
    """How many facts of a kind there are."""
    return shop.database.run_system(lambda work: work.session.query(EventRow).filter(EventRow.kind == kind).count())


# ---- allocation


def test_allocations_lessen_what_is_open_until_it_is_paid(shop: Shop) -> None:
    june = june_of(shop)
    assert status(shop, june.id) == "open"
    pay(shop, june.id, "50.00")
    assert (status(shop, june.id), shop.owes(june.id)) == ("partPaid", "36.00")
    pay(shop, june.id, "36.00")
    assert (status(shop, june.id), shop.owes(june.id)) == ("paid", "0.00")
    assert told(shop, InvoiceSettled.kind()) == 1
    assert shop.do(lambda work: invoices.owed(work, shop.account_id, currency="EUR")) == []


@pytest.mark.parametrize(
    ("amount", "error"),
    [("86.01", Conflict), ("0.00", Invalid), ("-1.00", Invalid)],
)
def test_an_allocation_never_exceeds_what_is_open(shop: Shop, amount: str, error: type[Exception]) -> None:
    june = june_of(shop)
    with pytest.raises(error):
        pay(shop, june.id, amount)
    with pytest.raises(Invalid, match="USD"):
        shop.do(lambda work: invoices.allocate(work, june.id, payment_id=PAYMENT, amount=Money.of("1.00", "USD")))
    assert shop.owes(june.id) == "86.00"


def test_an_undone_allocation_opens_the_invoice_again_once(shop: Shop) -> None:
    june = june_of(shop)
    row = pay(shop, june.id, "86.00")
    for _ in range(2):
        shop.do(lambda work: invoices.undo_allocation(work, row.id, reason="returned"))
    assert (status(shop, june.id), shop.owes(june.id)) == ("open", "86.00")
    assert shop.broken("I3") == []


def test_a_draft_takes_no_money_and_has_no_credit(shop: Shop) -> None:
    shop.chargeable = list(ORDERED)
    draft_id = shop.draft(JUNE)
    assert draft_id is not None
    for attempt in (lambda: pay(shop, draft_id, "1.00"), lambda: credit(shop, draft_id)):
        with pytest.raises(Conflict, match="is draft"):
            attempt()
    with pytest.raises(NotFound):
        pay(shop, InvoiceId.new(), "1.00")


def test_what_is_owed_is_listed_oldest_due_first(shop: Shop) -> None:
    june = june_of(shop)
    shop.at(JULY)
    july = shop.issue(JULY)
    found = shop.do(lambda work: invoices.owed(work, shop.account_id, currency="EUR"))
    assert [(row.invoice_id, row.open_minor, row.overdue, row.disputed) for row in found] == [
        (june.id, 8600, True, False),
        (july.id, 5700, False, False),
    ]


# ---- overdue, disputed, given up


def test_an_invoice_is_overdue_when_its_due_date_has_ended_where_the_customer_lives_and_it_is_said_once(
    shop: Shop,
) -> None:
    june = june_of(shop)
    end_of_15_june = datetime(2026, 6, 15, 22, 0, tzinfo=UTC)
    assert shop.database.run_system(debts.next_due) == end_of_15_june
    shop.clock.move_to(end_of_15_june.replace(minute=0, hour=21))
    assert shop.do(lambda work: debts.fall_overdue(work, june.id)) is False
    assert status(shop, june.id) == "open"
    shop.clock.move_to(end_of_15_june)
    assert shop.database.run_system(lambda work: debts.due(work, work.now, 10)) == [(TenantId(1), june.id)]
    assert [shop.do(lambda work: debts.fall_overdue(work, june.id)) for _ in range(2)] == [True, False]
    assert status(shop, june.id) == "overdue"
    assert told(shop, InvoiceOverdue.kind()) == 1
    assert shop.database.run_system(debts.next_due) is None


def test_a_dispute_is_shown_until_it_is_settled(shop: Shop) -> None:
    june = june_of(shop)
    shop.do(lambda work: debts.dispute(work, june.id, reason="not mine"))
    assert status(shop, june.id) == "disputed"
    assert [row.disputed for row in shop.do(lambda work: invoices.owed(work, shop.account_id, currency="EUR"))] == [
        True
    ]
    with pytest.raises(Conflict):
        shop.do(lambda work: debts.dispute(work, june.id, reason="again"))
    shop.do(lambda work: debts.settle_dispute(work, june.id))
    assert status(shop, june.id) == "open"
    with pytest.raises(NotFound):
        shop.do(lambda work: debts.settle_dispute(work, june.id))


def test_a_debt_written_off_is_booked_as_bad_debt(shop: Shop) -> None:
    june = june_of(shop)
    pay(shop, june.id, "80.00")
    shop.do(lambda work: debts.write_off(work, june.id, reason="gone away"))
    assert (status(shop, june.id), shop.owes(june.id)) == ("writtenOff", "0.00")
    assert shop.books()["badDebt"] == "6.00"
    assert shop.broken("I3") == []


# ---- credit notes


def test_a_whole_credit_note_takes_everything_back(taxed: Shop) -> None:
    june = june_of(taxed)
    note = credit(taxed, june.id)
    assert (note.number, note.net_minor, note.tax_minor, note.total_minor) == ("CRN-2026-000001", 8600, 1634, 10234)
    assert taxed.owes(june.id) == "0.00"
    assert taxed.books() == {}
    with pytest.raises(Conflict, match="nothing is left"):
        credit(taxed, june.id)
    assert taxed.broken() == []


def test_a_credit_by_line_is_never_more_than_the_line(taxed: Shop) -> None:
    june = june_of(taxed)
    first = credit(taxed, june.id, {2: eur("10.00")})
    assert (first.net_minor, first.tax_minor) == (1000, 190)
    assert taxed.owes(june.id) == "90.44"
    with pytest.raises(Conflict, match=r"line 2 has 29\.00 EUR left"):
        credit(taxed, june.id, {2: eur("29.01")})
    rest = credit(taxed, june.id, {2: None})
    assert (rest.net_minor, rest.number) == (2900, "CRN-2026-000002")
    (line,) = [row for row in taxed.do(lambda work: invoices.lines(work, june.id)) if row.number == 2]
    assert first.tax_minor + rest.tax_minor == line.tax_minor
    assert taxed.broken() == []


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ({9: None}, Invalid),
        ({1: eur("0.00")}, Invalid),
        ({1: eur("-1.00")}, Invalid),
        ({1: Money.of("1.00", "USD")}, Invalid),
        ({}, Conflict),
    ],
)
def test_a_credit_that_makes_no_sense_draws_no_number(
    shop: Shop, lines: dict[int, Money | None], error: type[Exception]
) -> None:
    june = june_of(shop)
    with pytest.raises(error):
        credit(shop, june.id, lines)
    with pytest.raises(Invalid, match="reason"):
        shop.do(lambda work: invoices.credit(work, june.id, reason=" "))
    assert shop.do(lambda work: store.credit_notes(work, june.id)) == []
    assert credit(shop, june.id, {1: None}).number == "CRN-2026-000001"


def test_what_a_credit_note_cannot_apply_stays_open_credit_and_pays_the_next_invoice(shop: Shop) -> None:
    june = june_of(shop)
    pay(shop, june.id, "80.00")
    note = credit(shop, june.id, {1: eur("20.00")})
    assert (shop.owes(june.id), note.total_minor) == ("0.00", 2000)
    left = shop.do(lambda work: statement.open_credit(work, shop.account_id, currency="EUR"))
    assert str(left) == "14.00 EUR"
    shop.at(JULY)
    july = shop.issue(JULY)
    assert (july.total_minor, shop.owes(july.id), status(shop, july.id)) == (5700, "43.00", "partPaid")
    assert str(shop.do(lambda work: statement.open_credit(work, shop.account_id, currency="EUR"))) == "0.00 EUR"
    assert shop.broken("I2", "I3", "I4", "I28") == []


def test_a_credit_of_what_is_earned_reduces_revenue_and_of_what_is_not_what_is_deferred(shop: Shop) -> None:
    shop.chargeable = [HOME_500, MOBILE]
    june = shop.issue(JUNE)
    credit(shop, june.id, {1: eur("9.00")})
    assert shop.books() == {"receivable": "45.00", "contractLiability": "-45.00"}
    shop.at(JULY)
    shop.do(lambda work: invoices.bill(work, shop.account_id))
    credit(shop, june.id, {2: eur("5.00")})
    assert shop.books() == {"receivable": "40.00", "revenue:recurring": "-40.00"}
    assert shop.broken() == []


def test_a_termination_after_a_goodwill_credit_takes_back_only_what_is_left(shop: Shop) -> None:
    shop.chargeable = [HOME_500]
    june = shop.issue(JUNE)
    credit(shop, june.id, {1: eur("30.00")})
    end = date(2026, 6, 16)
    shop.at(end)
    shop.chargeable = [replace(HOME_500, end=end)]
    shop.draft(end)
    assert [note.total_minor for note in shop.do(lambda work: store.credit_notes(work, june.id))] == [3000, 900]
    assert shop.owes(june.id) == "0.00"
    assert shop.broken() == []


@pytest.mark.parametrize("parts", [[1] * 39, [13, 26], [38, 1], [39]])
def test_the_taxes_of_a_lines_parts_sum_to_its_tax(parts: list[int]) -> None:
    line = InvoiceLine(net_minor=39, tax_minor=7, currency="EUR")
    before, taxes = 0, []
    for part in parts:
        taxes.append(crediting.tax_of(line, before=before, net_minor=part))
        before += part
    assert sum(taxes) == 7


def test_a_credit_note_is_hashed_and_says_what_it_takes_back(shop: Shop) -> None:
    june = june_of(shop)
    note = credit(shop, june.id, {4: None})
    (line,) = shop.do(lambda work: store.note_lines(work, note.id))
    assert (line.description, line.net_minor, line.span_start) == ("Meter", 300, None)
    assert len(note.hash or "") == 64
    body = shop.database.run_system(_last_credit)
    assert (body["total_minor"], body["open_minor"]) == (300, 0)


def _last_credit(work: SystemWork) -> dict[str, object]:
    row = work.session.query(EventRow).filter(EventRow.kind == "CreditNoteIssued").one()
    found: dict[str, object] = json.loads(row.body)
    return found
