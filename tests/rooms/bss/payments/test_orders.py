"""A hold for an order: authorised, captured for its invoice, released when it fails, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters.payments.errand import perform
from adapters.payments.memory import MemoryGateway, Trouble
from bss.customers import service as customers
from bss.invoices import service as invoices
from bss.ledger import service as ledger
from bss.payments import service as payments
from bss.payments.machine import PaymentState
from bss.payments.model import Payment
from bss.payments.port import StepKind
from kernel.database import Database
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from kernel.work import Work
from tests.rooms.bss.payments import world
from tests.rooms.bss.payments.world import Edge, euro

Do = Callable[[Callable[[Work], Any]], Any]
ORDER = "por_0000000000001"


def authorised(do: Do, amount: str = "86.00") -> Payment:
    def run(work: Work) -> Payment:
        account = world.account(work)
        method = world.card(work, account.id)
        return payments.authorise(
            work, order_ref=ORDER, account_id=account.id, amount=euro(amount), method_id=method.id
        )

    made: Payment = do(run)
    return made


def state(do: Do, payment: Payment) -> PaymentState:
    found: PaymentState = do(lambda work: payments.get(work, payment.id).state)
    return found


def facts(database: Database, *, but: str = "PaymentMethodAdded") -> list[str]:
    rows = database.read_system(
        lambda work: work.connection.exec_driver_sql("SELECT kind FROM event ORDER BY id").all()
    ).result()
    return [kind for (kind,) in rows if kind != but]


def test_an_order_is_authorised_then_captured_by_its_invoice(
    do: Do, edge: Edge, gateway: MemoryGateway, database: Database
) -> None:
    payment = authorised(do)
    assert gateway.held == {}
    edge.turn()
    assert list(gateway.held.values()) == [euro("86.00")]
    assert facts(database) == ["PaymentAuthorised"]

    invoice = do(
        lambda work: world.invoice(work, customers.account(work, payment.account_id), "86.00", order_ref=ORDER)
    )
    do(lambda work: payments.collect(work, invoice.id))
    do(lambda work: payments.collect(work, invoice.id))
    edge.turn()
    assert [kind for kind, _ in gateway.sent] == [StepKind.AUTHORISE, StepKind.CAPTURE]
    assert list(gateway.taken.values()) == [euro("86.00")]
    assert state(do, payment) == PaymentState.SUCCEEDED
    assert do(lambda work: invoices.open_amount(work, invoice.id)) == Money.zero("EUR")
    assert facts(database) == ["PaymentAuthorised", "InvoiceSettled", "PaymentSucceeded"]
    assert balances(do, payment) == {
        "clearing:bank": euro("86.00"),
        "revenue:access": euro("-86.00"),
        "receivable": euro("0.00"),
        "unapplied": euro("0.00"),
    }


def balances(do: Do, payment: Payment) -> dict[str, Money]:
    rows = do(lambda work: ledger.trial_balance(work, payment.seller_id))
    return {row.account: row.debit - row.credit for row in rows}


def test_an_invoice_above_the_hold_is_captured_and_the_rest_charged(do: Do, edge: Edge, gateway: MemoryGateway) -> None:
    payment = authorised(do, "80.00")
    edge.turn()
    invoice = do(
        lambda work: world.invoice(work, customers.account(work, payment.account_id), "86.00", order_ref=ORDER)
    )
    do(lambda work: payments.collect(work, invoice.id))
    edge.turn()
    assert sorted(amount.minor for amount in gateway.taken.values()) == [600, 8000]
    assert do(lambda work: invoices.open_amount(work, invoice.id)) == euro("0.00")


def test_a_declined_hold_says_so(do: Do, edge: Edge, gateway: MemoryGateway, database: Database) -> None:
    gateway.declined[world.TOKEN] = "insufficient_funds"
    payment = authorised(do)
    edge.turn()
    assert state(do, payment) == PaymentState.FAILED
    assert do(lambda work: payments.get(work, payment.id).reason) == "insufficient_funds"
    assert facts(database) == ["PaymentDeclined"]


def test_a_failed_order_releases_its_hold_once(do: Do, edge: Edge, gateway: MemoryGateway, database: Database) -> None:
    payment = authorised(do)
    edge.turn()
    for _ in range(2):
        do(lambda work: payments.release(work, ORDER))
        edge.turn()
    assert gateway.held == {}
    assert [kind for kind, _ in gateway.sent] == [StepKind.AUTHORISE, StepKind.VOID]
    assert state(do, payment) == PaymentState.CANCELLED
    assert facts(database) == ["PaymentAuthorised", "PaymentVoided"]


def test_a_hold_released_before_it_was_sent_is_never_sent(do: Do, edge: Edge, gateway: MemoryGateway) -> None:
    payment = authorised(do)
    do(lambda work: payments.release(work, ORDER))
    edge.turn()
    assert gateway.sent == []
    assert state(do, payment) == PaymentState.CANCELLED


def test_a_hold_released_while_its_answer_is_awaited_is_let_go_when_it_comes(
    do: Do, edge: Edge, gateway: MemoryGateway, database: Database
) -> None:
    payment = authorised(do)
    gateway.fail(Trouble.LOSE)
    edge.turn()
    assert state(do, payment) == PaymentState.UNKNOWN
    do(lambda work: payments.release(work, ORDER))
    edge.hurry()
    edge.turn()
    edge.turn()
    assert gateway.held == {}
    assert state(do, payment) == PaymentState.CANCELLED
    assert "PaymentAuthorised" not in facts(database)


def test_a_lost_answer_is_looked_up_and_nothing_is_sent_again(do: Do, edge: Edge, gateway: MemoryGateway) -> None:
    payment = authorised(do)
    gateway.fail(Trouble.LOSE)
    edge.turn()
    assert state(do, payment) == PaymentState.UNKNOWN
    assert edge.claim() == []
    edge.hurry()
    edge.turn()
    assert state(do, payment) == PaymentState.AUTHORISED
    assert len(gateway.sent) == 1


def test_an_instruction_that_never_arrived_is_sent_again_with_its_key(
    do: Do, edge: Edge, gateway: MemoryGateway
) -> None:
    payment = authorised(do)
    gateway.fail(Trouble.DROP)
    for _ in range(3):
        edge.turn()
        edge.hurry()
    assert state(do, payment) == PaymentState.AUTHORISED
    assert [kind for kind, _ in gateway.sent] == [StepKind.AUTHORISE, StepKind.AUTHORISE]
    assert len({key for _, key in gateway.sent}) == 1


def test_a_worker_that_died_after_sending_is_followed_by_a_lookup(do: Do, edge: Edge, gateway: MemoryGateway) -> None:
    payment = authorised(do)
    (errand,) = edge.claim()
    asyncio.run(perform(gateway, errand))
    assert edge.claim() == []
    edge.hurry()
    (again,) = edge.claim()
    assert again.ask
    edge.settle(again, asyncio.run(perform(gateway, again)))
    assert state(do, payment) == PaymentState.AUTHORISED
    assert len(gateway.sent) == 1


def test_a_gateway_that_is_down_is_asked_eight_times_and_then_declines(
    do: Do, edge: Edge, gateway: MemoryGateway, database: Database
) -> None:
    payment = authorised(do)
    for _ in range(10):
        gateway.fail(Trouble.DOWN)
        edge.turn()
        edge.hurry()
    assert state(do, payment) == PaymentState.FAILED
    assert len(gateway.troubles) == 2
    assert facts(database) == ["PaymentDeclined"]


def test_a_capture_that_is_refused_is_charged_instead(do: Do, edge: Edge, gateway: MemoryGateway) -> None:
    payment = authorised(do)
    edge.turn()
    invoice = do(
        lambda work: world.invoice(work, customers.account(work, payment.account_id), "86.00", order_ref=ORDER)
    )
    do(lambda work: payments.collect(work, invoice.id))
    gateway.fail(Trouble.REFUSE, StepKind.CAPTURE)
    edge.turn()
    edge.turn()
    assert [kind for kind, _ in gateway.sent] == [StepKind.AUTHORISE, StepKind.CAPTURE, StepKind.CHARGE]
    assert do(lambda work: invoices.open_amount(work, invoice.id)) == euro("0.00")


def test_what_is_not_held_is_not_captured(do: Do, edge: Edge) -> None:
    payment = authorised(do)
    with pytest.raises(Conflict, match="nothing is held"):
        do(lambda work: payments.capture(work, payment.id, amount=euro("1.00")))
    edge.turn()
    with pytest.raises(Invalid, match="not within"):
        do(lambda work: payments.capture(work, payment.id, amount=euro("86.01")))


def test_a_deposit_is_a_liability_until_its_invoice(
    do: Do, edge: Edge, gateway: MemoryGateway, database: Database
) -> None:
    account = do(world.account)
    method = do(lambda work: world.card(work, account.id))
    payment = do(
        lambda work: payments.deposit(
            work, order_ref=ORDER, account_id=account.id, amount=euro("50.00"), method_id=method.id
        )
    )
    edge.turn()
    assert balances(do, payment) == {"clearing:bank": euro("50.00"), "deposits": euro("-50.00")}
    assert facts(database) == ["PaymentAuthorised", "PaymentSucceeded"]
    invoice = do(lambda work: world.invoice(work, account, "30.00", order_ref=ORDER))
    do(lambda work: payments.collect(work, invoice.id))
    found = balances(do, payment)
    assert (found["deposits"], found["unapplied"], found["receivable"]) == (
        euro("-20.00"),
        euro("0.00"),
        euro("0.00"),
    )


def test_the_deposit_of_a_failed_order_goes_back(do: Do, edge: Edge, gateway: MemoryGateway) -> None:
    account = do(world.account)
    method = do(lambda work: world.card(work, account.id))
    payment = do(
        lambda work: payments.deposit(
            work, order_ref=ORDER, account_id=account.id, amount=euro("50.00"), method_id=method.id
        )
    )
    edge.turn()
    do(lambda work: payments.release(work, ORDER))
    do(lambda work: payments.release(work, ORDER))
    edge.turn()
    assert list(gateway.taken.values()) == [euro("0.00")]
    assert set(balances(do, payment).values()) == {euro("0.00")}
