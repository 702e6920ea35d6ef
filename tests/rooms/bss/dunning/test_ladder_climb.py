"""From an unpaid invoice to the end of the contract, and back by a payment."""

from __future__ import annotations

import pytest

from bss.customers.model import AccountId
from bss.dunning import service as dunning
from bss.dunning.events import DunningCaseCured, DunningCaseOpened, DunningCaseReopened, DunningRungClimbed
from bss.dunning.machine import CaseState
from bss.invoices import debts
from bss.invoices import service as invoices
from bss.payments import service as payments
from bss.payments import store as payment_store
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Subscription
from kernel.errors import IllegalTransition, Invalid
from kernel.money import Money
from kernel.work import Work
from oss.port import Level
from tests.rooms.bss.dunning.street import Street

CARD = "tok_0f3b5c7d9e1a2b4c6d8f"


def unpaid(street: Street, offering: str = "home-500") -> tuple[AccountId, Subscription]:
    """A line whose first invoice (issued 1 June, due 15 June) was declined by the card."""
    account_id = street.account()
    street.do(lambda work: payments.add_method(work, account_id, token=CARD, brand="visa", last4="4242"))
    line = street.line(account_id, offering)
    street.gateway.declined[CARD] = "insufficient_funds"
    street.bill(account_id)
    return account_id, line


def test_the_ladder_is_climbed_day_by_day(street: Street) -> None:
    account_id, line = unpaid(street)
    street.go("2026-06-15T21:59:59+00:00")
    assert street.do(lambda work: dunning.of_account(work, account_id)) is None
    street.go("2026-06-15T22:00:00+00:00")
    assert street.deeds(account_id) == ["06-15 remind"]
    assert street.level(line.service_id) == "none"
    street.go("2026-06-22T22:00:00+00:00")
    assert street.level(line.service_id) == "soft"
    street.go("2026-06-29T22:00:00+00:00")
    assert street.level(line.service_id) == "hard"
    street.go("2026-07-31T00:00:00+00:00")
    assert street.deeds(account_id) == [
        "06-15 remind",
        "06-22 soft line",
        "06-22 remind",
        "06-29 hard line",
        "06-29 remind",
        "07-30 terminate line",
        "07-30 remind",
    ]
    assert street.letters(account_id) == ["payment-declined", "reminder", "soft", "hard", "terminate"]
    case = street.case(account_id)
    assert (case.state, case.rung, case.next_at) == (CaseState.EXHAUSTED, 4, None)
    assert len(street.facts(DunningCaseOpened)) == 1
    assert len(street.facts(DunningRungClimbed)) == 4
    ended = street.do(lambda work: subscriptions.get(work, line.id))
    assert ended.state == "terminated"
    assert ended.end_cause == "nonPayment"


def test_a_payment_lifts_what_the_debt_restricted_and_nothing_else(street: Street) -> None:
    account_id, line = unpaid(street)
    street.go("2026-06-30T00:00:00+00:00")
    street.do(lambda work: subscriptions.restrict(work, line.id, cause="customer", level=Level.SOFT))
    street.settle()
    assert street.level(line.service_id) == "hard"
    street.gateway.declined.clear()
    owed = street.do(lambda work: dunning.owed(work, account_id))
    street.pay(account_id, owed.plain())
    assert street.level(line.service_id) == "soft"
    case = street.case(account_id)
    assert (case.state, case.next_at) == (CaseState.CURED, None)
    assert street.deeds(account_id)[-1] == "06-30 lift line"
    assert street.letters(account_id)[-1] == "cured"
    assert len(street.facts(DunningCaseCured)) == 1
    street.go("2026-08-31T00:00:00+00:00")
    assert street.level(line.service_id) == "soft"


def test_a_part_payment_leaves_the_case_and_a_small_rest_cures_it(street: Street) -> None:
    account_id, line = unpaid(street)
    street.go("2026-06-23T00:00:00+00:00")
    street.gateway.declined.clear()
    owed = street.do(lambda work: dunning.owed(work, account_id))
    street.pay(account_id, (owed - Money.of("5.00", "EUR")).plain())
    assert street.case(account_id).state == CaseState.OPEN
    assert street.level(line.service_id) == "soft"
    street.pay(account_id, "0.01")
    assert street.case(account_id).state == CaseState.CURED
    assert street.level(line.service_id) == "none"


def test_a_payment_taken_back_reopens_the_case_at_the_rung_it_left_without_its_letters(street: Street) -> None:
    account_id, line = unpaid(street)
    street.go("2026-06-30T00:00:00+00:00")
    street.gateway.declined.clear()
    owed = street.do(lambda work: dunning.owed(work, account_id))
    street.pay(account_id, owed.plain())
    first = street.case(account_id).id
    told = street.letters(account_id)

    def take_back(work: Work) -> None:
        (payment,) = [each for each in payments.of_account(work, account_id) if each.captured_minor]
        for allocated in payment_store.allocations(work, payment.id):
            payments.undo_allocation(work, allocated.id, reason="the payer's bank took it back")

    street.do(take_back)
    street.settle()
    case = street.case(account_id)
    assert (case.id, case.state, case.rung) == (first, CaseState.OPEN, 3)
    assert street.level(line.service_id) == "hard"
    assert street.letters(account_id) == told
    assert len(street.facts(DunningCaseReopened)) == 1
    street.go("2026-08-05T00:00:00+00:00")
    assert street.letters(account_id) == [*told, "terminate"]
    assert street.deeds(account_id)[-2:] == ["07-30 terminate line", "07-30 remind"]


def test_a_protected_line_stays_at_the_soft_bar(street: Street) -> None:
    account_id, line = unpaid(street)
    street.protect(line.service_id)
    street.go("2026-09-30T00:00:00+00:00")
    assert street.level(line.service_id) == "soft"
    assert street.do(lambda work: subscriptions.get(work, line.id)).state == "active"
    assert street.letters(account_id) == ["payment-declined", "reminder", "soft", "hard", "terminate"]


def test_a_long_silence_is_not_made_up_for_in_one_day(street: Street) -> None:
    account_id, line = unpaid(street)
    street.at("2026-09-01T08:00:00+00:00")
    street.go("2026-09-02T08:00:00+00:00")
    assert street.deeds(account_id) == ["09-01 remind"]
    street.go("2026-09-14T21:59:00+00:00")
    assert street.level(line.service_id) == "soft"


def test_a_paused_case_waits_and_goes_on(street: Street) -> None:
    account_id, line = unpaid(street)
    street.go("2026-06-20T00:00:00+00:00")
    case = street.case(account_id)
    until = street.clock.now().replace(month=7, day=1)
    with pytest.raises(Invalid, match="reason"):
        street.do(lambda work: dunning.pause(work, case.id, until=until, reason=""))
    street.do(lambda work: dunning.pause(work, case.id, until=until, reason="promised for the first"))
    with pytest.raises(IllegalTransition):
        street.do(lambda work: dunning.pause(work, case.id, until=until, reason="again"))
    street.go("2026-06-30T23:59:59+00:00")
    assert street.level(line.service_id) == "none"
    street.go("2026-07-01T00:00:01+00:00")
    assert street.level(line.service_id) == "soft"


def test_a_debt_below_the_minimum_is_left_alone(street: Street) -> None:
    account_id, _ = unpaid(street, "meter")
    street.go("2026-07-31T00:00:00+00:00")
    assert street.do(lambda work: dunning.of_account(work, account_id)) is None


def test_a_disputed_debt_is_not_followed_until_the_dispute_is_settled(street: Street) -> None:
    account_id, line = unpaid(street)
    street.go("2026-06-23T00:00:00+00:00")
    (invoice,) = street.do(lambda work: invoices.listed(work, account_id=account_id))
    street.do(lambda work: debts.dispute(work, invoice.id, reason="never ordered"))
    street.go("2026-07-10T00:00:00+00:00")
    assert street.case(account_id).state == CaseState.CURED
    assert street.level(line.service_id) == "none"
    street.do(lambda work: debts.settle_dispute(work, invoice.id))
    street.go("2026-07-10T00:00:01+00:00")
    assert street.case(account_id).state == CaseState.OPEN
    assert street.level(line.service_id) == "soft"
    assert street.letters(account_id).count("soft") == 1
