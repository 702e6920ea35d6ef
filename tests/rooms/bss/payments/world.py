"""A seller, a customer who pays it, and issued invoices, for the tests of payments and dunning."""

from __future__ import annotations

import asyncio
from datetime import date

import sqlalchemy as sa

from adapters.payments.errand import perform
from adapters.payments.memory import MemoryGateway
from bss.customers import service as customers
from bss.customers.model import AccountId, BillingAccount
from bss.invoices import items
from bss.invoices.machine import INVOICE, InvoiceMove
from bss.invoices.model import Invoice, InvoiceId
from bss.ledger import service as ledger
from bss.ledger import store as ledger_store
from bss.ledger.model import Seller, TaxStatus
from bss.payments import service as payments
from bss.payments.model import PaymentMethod, PaymentStep
from bss.payments.port import Answer, Errand
from kernel.database import Database
from kernel.ids import TenantId
from kernel.money import Money
from kernel.tables import from_micros
from kernel.work import Actor, Work

TOKEN = "tok_0f3b5c7d9e1a2b4c6d8f"  # noqa: S105  (of a bank in memory)
EXEMPTION = "a seller of tests"


def euro(text: str) -> Money:
    return Money.of(text, "EUR")


def account(work: Work, *, name: str = "Anna Example") -> BillingAccount:
    """A customer's account; the tenant's seller is made with the first."""
    sellers = ledger_store.sellers(work)
    seller = sellers[0] if sellers else _seller(work)
    return customers.create(
        work, name=name, email="anna@example.org", currency="EUR", zone="Europe/Berlin", seller_id=seller.id
    )[1]


def _seller(work: Work) -> Seller:
    made = ledger.create_seller(
        work,
        name="Trunkline Demo",
        country="DE",
        zone="Europe/Berlin",
        currency="EUR",
        tax_status=TaxStatus.EXEMPT,
        exemption_reason=EXEMPTION,
    )
    work.session.flush()
    return made


def card(work: Work, account_id: AccountId, *, token: str = TOKEN) -> PaymentMethod:
    return payments.add_method(work, account_id, token=token, brand="visa", last4="4242")


def invoice(
    work: Work, owner: BillingAccount, amount: str, *, due_on: date = date(2026, 6, 15), order_ref: str | None = None
) -> Invoice:
    """An issued invoice over an amount, posted and open."""
    total = euro(amount)
    row = Invoice(
        tenant=work.tenant,
        id=InvoiceId.new(),
        account_id=owner.id,
        seller_id=owner.seller_id,
        state=INVOICE.after(INVOICE.initial, InvoiceMove.SEAL),
        currency="EUR",
        upto=work.now.date(),
        usage_cut_off=work.now,
        order_ref=order_ref,
        parties={},
        drafted_at=work.now,
        quote_after=work.now,
        net_minor=total.minor,
        tax_minor=0,
        total_minor=total.minor,
        issued_on=work.now.date(),
        issued_at=work.now,
        due_on=due_on,
    )
    work.session.add(row)
    items.open_invoice(work, row, owner, due_on=due_on)
    ledger.post(
        work,
        "invoiceIssued",
        seller_id=owner.seller_id,
        on=work.now.date(),
        amounts={"total": total, "net:access": total},
        refs={"invoice": row.id},
    )
    work.session.flush()
    return row


class Edge:
    """The errand loop of the edge over the gateway in memory."""

    def __init__(self, database: Database, gateway: MemoryGateway, tenant: TenantId, actor: Actor) -> None:
        self.database, self.gateway, self.tenant, self.actor = database, gateway, tenant, actor

    def claim(self, limit: int = 10) -> list[Errand]:
        return self.database.run_system(lambda work: payments.errands(work, limit))

    def settle(self, errand: Errand, answer: Answer) -> None:
        self.database.run(
            lambda work: payments.settle(work, errand.step_id, answer), tenant=errand.tenant, actor=self.actor
        )

    def turn(self) -> list[Answer]:
        """Carry every waiting errand once."""
        answers = []
        for errand in self.claim():
            answer = asyncio.run(perform(self.gateway, errand))
            self.settle(errand, answer)
            answers.append(answer)
        return answers

    def hurry(self) -> None:
        """Let every wait on the database's clock be over."""

        def run(work: Work) -> None:
            every = sa.update(PaymentStep).where(PaymentStep.tenant == work.tenant)
            work.session.execute(every.values(run_at=from_micros(0)))

        self.database.run(run, tenant=self.tenant, actor=self.actor)
