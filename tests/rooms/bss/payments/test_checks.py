"""The doctor finds each violation planted here, and nothing in a healthy house."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from bss.payments import service as payments
from bss.payments.invariants import CHECKS
from bss.payments.model import Payment, PaymentMethod
from kernel.database import Database
from kernel.work import Work
from tests.rooms.bss.payments import world
from tests.rooms.bss.payments.world import Edge, euro

Do = Callable[[Callable[[Work], Any]], Any]
BY_NAME = {check.name: check for check in CHECKS}


@pytest.fixture
def paid(do: Do, edge: Edge) -> Payment:
    """A charge of 50.00 that pays an invoice of 30.00 and gave 5.00 back."""

    def run(work: Work) -> Payment:
        account = world.account(work)
        world.card(work, account.id)
        world.invoice(work, account, "30.00")
        return payments.charge(work, account.id, amount=euro("50.00"))

    payment: Payment = do(run)
    edge.turn()
    do(lambda work: payments.refund(work, payment.id, amount=euro("5.00"), reason="kindness"))
    edge.turn()
    return payment


def found(database: Database, name: str) -> list[str]:
    return database.read_system(BY_NAME[name].violations).result()


@pytest.mark.parametrize("name", ["I3", "I17", "I22"])
def test_a_healthy_house_has_no_violation(database: Database, paid: Payment, name: str) -> None:
    assert found(database, name) == []
    assert database.read_system(BY_NAME[name].examined).result() > 0


def test_more_used_than_taken_is_found(database: Database, do: Do, paid: Payment) -> None:
    change = sa.update(Payment).where(Payment.tenant == paid.tenant).values(captured_minor=3400)
    do(lambda work: work.session.execute(change) and None)
    (sentence,) = found(database, "I3")
    assert str(paid.id) in sentence
    assert "34.00 EUR captured, 30.00 EUR allocated, 5.00 EUR given back" in sentence


def test_a_control_account_that_drifts_is_found(database: Database, do: Do, paid: Payment) -> None:
    change = sa.update(Payment).where(Payment.tenant == paid.tenant).values(captured_minor=4900)
    do(lambda work: work.session.execute(change) and None)
    assert [line.partition(" of ")[0] for line in found(database, "I22")] == ["clearing:bank", "unapplied"]


def test_a_card_number_is_found_and_not_repeated(database: Database, do: Do, paid: Payment) -> None:
    change = (
        sa.update(PaymentMethod).where(PaymentMethod.tenant == paid.tenant).values(label="old card 4242 4242 4242 4242")
    )
    do(lambda work: work.session.execute(change) and None)
    (sentence,) = found(database, "I17")
    assert "label holds a card number" in sentence
    assert "4242" not in sentence
