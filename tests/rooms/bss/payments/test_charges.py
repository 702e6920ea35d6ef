"""Charging what is owed, sharing it out, giving it back, and hearing the gateway's own notices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from adapters.payments.memory import MemoryGateway, Trouble
from bss.customers import service as customers
from bss.customers.model import BillingAccount
from bss.invoices import debts
from bss.invoices import service as invoices
from bss.invoices.model import Invoice, InvoiceId
from bss.invoices.service import Owing
from bss.ledger import service as ledger
from bss.payments import advice, allocation, payout, store
from bss.payments import service as payments
from bss.payments.machine import PaymentState, RefundState
from bss.payments.model import Payment
from bss.payments.port import Advice, AdviceKind, StepKind
from bss.payments.steps import reference
from kernel.errors import Conflict, Invalid
from kernel.ids import TenantId
from kernel.money import Money
from kernel.work import Work
from tests.rooms.bss.payments import world
from tests.rooms.bss.payments.world import Edge, euro

Do = Callable[[Callable[[Work], Any]], Any]
A, B, C = InvoiceId(1), InvoiceId(2), InvoiceId(3)


def owing(invoice: InvoiceId, day: int, minor: int, *, disputed: bool = False) -> Owing:
    return Owing(invoice, date(2026, 6, day), minor, "EUR", overdue=False, disputed=disputed)


@pytest.mark.parametrize(
    ("minor", "first", "shares"),
    [
        (250, None, [(B, 100), (A, 150)]),
        (250, A, [(A, 200), (B, 50)]),
        (1000, None, [(B, 100), (A, 200)]),
        (1000, C, [(C, 300), (B, 100), (A, 200)]),
        (0, A, []),
    ],
)
def test_money_goes_to_the_designated_then_the_oldest_due(
    minor: int, first: InvoiceId | None, shares: list[tuple[InvoiceId, int]]
) -> None:
    owed = [owing(A, 20, 200), owing(B, 10, 100), owing(C, 1, 300, disputed=True)]
    assert allocation.spread(minor, owed, first=first) == shares


@pytest.fixture
def payer(do: Do) -> BillingAccount:
    account: BillingAccount = do(world.account)
    do(lambda work: world.card(work, account.id))
    return account


def billed(do: Do, payer: BillingAccount, amount: str, due_on: date = date(2026, 6, 15)) -> Invoice:
    made: Invoice = do(lambda work: world.invoice(work, payer, amount, due_on=due_on))
    return made


def open_of(do: Do, invoice: Invoice) -> Money:
    found: Money = do(lambda work: invoices.open_amount(work, invoice.id))
    return found


def charged(do: Do, payer: BillingAccount, amount: str | None = None, **more: Any) -> Payment:
    made: Payment = do(
        lambda work: payments.charge(work, payer.id, amount=None if amount is None else euro(amount), **more)
    )
    return made


def balance(do: Do, payer: BillingAccount, name: str) -> Money:
    found: Money = do(lambda work: ledger.account_balance(work, payer.seller_id, name, currency="EUR"))
    return found


def test_a_charge_without_an_amount_asks_for_all_that_is_owed_and_once(
    do: Do, payer: BillingAccount, edge: Edge, gateway: MemoryGateway
) -> None:
    old, new = billed(do, payer, "88.50"), billed(do, payer, "77.00", date(2026, 7, 15))
    assert charged(do, payer).amount_minor == 16550
    with pytest.raises(Conflict, match="already"):
        charged(do, payer)
    edge.turn()
    assert (open_of(do, old), open_of(do, new)) == (euro("0.00"), euro("0.00"))
    assert list(gateway.taken.values()) == [euro("165.50")]


def test_part_of_the_money_pays_the_oldest_and_the_rest_stays_unapplied(
    do: Do, payer: BillingAccount, edge: Edge
) -> None:
    first = billed(do, payer, "30.00")
    payment = charged(do, payer, "50.00")
    edge.turn()
    assert open_of(do, first) == euro("0.00")
    assert do(lambda work: payments.unapplied(work, payment.id)) == euro("20.00")
    assert balance(do, payer, "unapplied") == euro("-20.00")
    second = billed(do, payer, "25.00")
    do(lambda work: payments.collect(work, second.id))
    assert open_of(do, second) == euro("5.00")
    edge.turn()
    assert open_of(do, second) == euro("0.00")


def test_a_disputed_invoice_is_neither_collected_nor_paid_by_the_way(
    do: Do, payer: BillingAccount, edge: Edge, gateway: MemoryGateway
) -> None:
    disputed = billed(do, payer, "30.00")
    do(lambda work: debts.dispute(work, disputed.id, reason="never ordered"))
    do(lambda work: payments.collect(work, disputed.id))
    charged(do, payer, "10.00")
    edge.turn()
    assert open_of(do, disputed) == euro("30.00")
    assert list(gateway.taken.values()) == [euro("10.00")]


def test_a_parked_account_is_not_collected_from(do: Do, payer: BillingAccount, edge: Edge) -> None:
    bill = billed(do, payer, "30.00")
    do(lambda work: customers.park(work, payer.id, reason="looked at"))
    do(lambda work: payments.collect(work, bill.id))
    assert edge.turn() == []


def test_a_declined_charge_leaves_the_debt(do: Do, payer: BillingAccount, edge: Edge, gateway: MemoryGateway) -> None:
    gateway.declined[world.TOKEN] = "insufficient_funds"
    bill = billed(do, payer, "88.50")
    do(lambda work: payments.collect(work, bill.id))
    edge.turn()
    assert open_of(do, bill) == euro("88.50")
    (payment,) = do(lambda work: payments.of_account(work, payer.id))
    assert (payment.state, payment.reason) == (PaymentState.FAILED, "insufficient_funds")


@pytest.mark.parametrize(
    ("currency", "amount", "field"),
    [("USD", "1.00", "currency"), ("EUR", "0.00", "amount"), ("EUR", "-1.00", "amount")],
)
def test_what_cannot_be_charged_is_refused(
    do: Do, payer: BillingAccount, currency: str, amount: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        do(lambda work: payments.charge(work, payer.id, amount=Money.of(amount, currency)))
    assert refused.value.field == field
    assert do(lambda work: payments.of_account(work, payer.id)) == []


def test_somebody_elses_method_is_refused(do: Do, payer: BillingAccount) -> None:
    other = do(lambda work: world.account(work, name="Berta Example"))
    method = do(lambda work: payments.methods(work, payer.id))[0]
    with pytest.raises(Invalid, match="another account"):
        do(lambda work: payments.charge(work, other.id, method_id=method.id, amount=euro("1.00")))


def test_unapplied_money_goes_back_and_allocated_money_only_after_it_is_taken_back(
    do: Do, payer: BillingAccount, edge: Edge, gateway: MemoryGateway
) -> None:
    bill = billed(do, payer, "30.00")
    payment = charged(do, payer, "30.00")
    edge.turn()
    with pytest.raises(Invalid, match="unapplied"):
        do(lambda work: payments.refund(work, payment.id, amount=euro("1.00"), reason="kindness"))
    (allocated,) = do(lambda work: store.allocations(work, payment.id))
    do(lambda work: payments.undo_allocation(work, allocated.id, reason="paid the wrong one"))
    with pytest.raises(Conflict, match="undone already"):
        do(lambda work: payments.undo_allocation(work, allocated.id, reason="again"))
    assert open_of(do, bill) == euro("30.00")
    refund = do(lambda work: payments.refund(work, payment.id, amount=euro("12.00"), reason="kindness"))
    assert balance(do, payer, "refundLiability") == euro("-12.00")
    gateway.fail(Trouble.LOSE, StepKind.REFUND)
    edge.turn()
    edge.hurry()
    edge.turn()
    assert do(lambda work: store.refund(work, refund.id)).state == RefundState.PAID
    assert list(gateway.taken.values()) == [euro("18.00")]
    assert balance(do, payer, "clearing:bank") == euro("18.00")
    assert balance(do, payer, "unapplied") == euro("-18.00")
    assert balance(do, payer, "refundLiability") == euro("0.00")


def test_a_refused_refund_is_unapplied_again(do: Do, payer: BillingAccount, edge: Edge, gateway: MemoryGateway) -> None:
    payment = charged(do, payer, "30.00")
    edge.turn()
    do(lambda work: payments.refund(work, payment.id, amount=euro("30.00"), reason="kindness"))
    gateway.fail(Trouble.REFUSE, StepKind.REFUND)
    edge.turn()
    assert do(lambda work: payments.unapplied(work, payment.id)) == euro("30.00")
    assert balance(do, payer, "unapplied") == euro("-30.00")


def test_a_payout_empties_the_clearing_account_once(do: Do, payer: BillingAccount, edge: Edge) -> None:
    charged(do, payer, "30.00")
    edge.turn()

    def pay_out(work: Work, fee: str) -> None:
        day = date(2026, 6, 3)
        payout.receive(work, payer.seller_id, reference="P-1", gross=euro("30.00"), fee=euro(fee), on=day)

    for _ in range(2):
        do(lambda work: pay_out(work, "0.45"))
    with pytest.raises(Conflict, match="other sums"):
        do(lambda work: pay_out(work, "0.46"))
    assert balance(do, payer, "clearing:bank") == euro("0.00")
    assert balance(do, payer, "bank") == euro("29.55")
    assert balance(do, payer, "fees") == euro("0.45")


def told(tenant: TenantId, payment: Payment, kind: AdviceKind, **more: Any) -> Advice:
    return Advice(
        advice_id=more.pop("advice_id", "evt_1"),
        kind=kind,
        reference=reference(tenant, payment.id),
        amount=Money(payment.amount_minor, payment.currency),
        **more,
    )


def test_a_notice_settles_what_nobody_answered_and_is_heard_once(
    do: Do, payer: BillingAccount, edge: Edge, gateway: MemoryGateway, tenant: TenantId
) -> None:
    bill = billed(do, payer, "30.00")
    payment = charged(do, payer)
    gateway.fail(Trouble.LOSE)
    edge.turn()
    said = told(tenant, payment, AdviceKind.CHARGED, operation="chg_1")
    assert advice.owner(said) == tenant
    assert do(lambda work: advice.receive(work, said)) == "charge settled"
    assert do(lambda work: advice.receive(work, said)) == "charge settled"
    assert open_of(do, bill) == euro("0.00")
    edge.hurry()
    assert edge.turn() == []
    assert balance(do, payer, "clearing:bank") == euro("30.00")


def test_a_notice_of_what_is_known_changes_nothing(do: Do, payer: BillingAccount, edge: Edge, tenant: TenantId) -> None:
    payment = charged(do, payer, "30.00")
    early = told(tenant, payment, AdviceKind.CHARGED, operation="chg_1", advice_id="evt_0")
    assert do(lambda work: advice.receive(work, early)) == "known already"
    edge.turn()
    said = told(tenant, payment, AdviceKind.CHARGED, operation="chg_1")
    assert do(lambda work: advice.receive(work, said)) == "known already"
    assert balance(do, payer, "clearing:bank") == euro("30.00")


@pytest.mark.parametrize("text", ["", "pay_1", "tnt_0000000000001.pay_zzz", "tnt_0000000000009.pay_0000000000001"])
def test_a_notice_about_nothing_of_ours_changes_nothing(do: Do, payer: BillingAccount, text: str) -> None:
    said = Advice("evt_9", AdviceKind.CHARGED, text, euro("1.00"))
    assert do(lambda work: advice.receive(work, said)) == "unknown payment"


def test_a_hold_that_the_gateway_let_go_is_over(do: Do, payer: BillingAccount, edge: Edge, tenant: TenantId) -> None:
    method = do(lambda work: payments.methods(work, payer.id))[0]
    payment = do(
        lambda work: payments.authorise(
            work, order_ref="por_1", account_id=payer.id, amount=euro("5.00"), method_id=method.id
        )
    )
    edge.turn()
    said = told(tenant, payment, AdviceKind.VOIDED, target="aut_1")
    assert do(lambda work: advice.receive(work, said)) == "hold lapsed"
    assert do(lambda work: payments.get(work, payment.id)).state == PaymentState.CANCELLED
