"""An account of an exempt seller, and what is chargeable and used on it, told by the test instead of by the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pytest

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices import invariants
from bss.invoices import service as invoices
from bss.invoices.model import Invoice, InvoiceId
from bss.ledger import service as ledger
from bss.ledger.model import SellerId, TaxStatus
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Chargeable, SubscriptionId
from bss.tax import table
from bss.usage import service as usage
from bss.usage.model import Rated
from kernel.database import Database
from kernel.money import Money
from kernel.time import Span, VirtualClock
from kernel.work import SystemWork, Work

Do = Callable[[Callable[[Work], Any]], Any]
VAT = table.Table.model_validate(
    {"rows": [{"jurisdiction": "DE", "class": "standard", "category": "S", "rate": "19", "from": "2021-01-01"}]}
)


@dataclass
class Shop:
    """One seller, one account, and a hand on the clock."""

    do: Do
    database: Database
    clock: VirtualClock
    seller_id: SellerId
    account_id: AccountId
    chargeable: list[Chargeable] = field(default_factory=list)
    used: dict[tuple[str, Span], Rated] = field(default_factory=dict)

    def at(self, day: date) -> None:
        """Let it be noon of a day."""
        self.clock.move_to(datetime(day.year, day.month, day.day, 10, tzinfo=self.clock.now().tzinfo))

    def draft(self, upto: date, **changes: Any) -> InvoiceId | None:
        """Bill the account up to a day."""
        made: InvoiceId | None = self.do(lambda work: invoices.draft(work, self.account_id, upto=upto, **changes))
        return made

    def quote(self) -> list[InvoiceId]:
        """Obtain every quote that is wanted, and seal by it."""
        sealed = []
        for errand in self.database.run_system(lambda work: invoices.errands(work, 100)):
            answer = table.quote(VAT, errand.request)
            self.do(lambda work, e=errand, a=answer: invoices.settle(work, e.invoice_id, quote=a))
            sealed.append(errand.invoice_id)
        return sealed

    def issue(self, upto: date, **changes: Any) -> Invoice:
        """Bill and seal."""
        invoice_id = self.draft(upto, **changes)
        assert invoice_id is not None
        assert invoice_id in self.quote()
        found: Invoice = self.do(lambda work: invoices.get(work, invoice_id))
        return found

    def owes(self, invoice_id: InvoiceId) -> str:
        """What is open on an invoice."""
        amount: Money = self.do(lambda work: invoices.open_amount(work, invoice_id))
        return amount.plain()

    def nets(self, invoice_id: InvoiceId) -> list[str]:
        """The lines of an invoice."""
        return [
            Money(line.net_minor, line.currency).plain()
            for line in self.do(lambda work: invoices.lines(work, invoice_id))
        ]

    def books(self) -> dict[str, str]:
        """The trial balance; debits above zero."""
        rows = self.do(lambda work: ledger.trial_balance(work, self.seller_id))
        return {account: (debit - credit).plain() for account, debit, credit in rows if debit or credit}

    def broken(self, *names: str) -> list[str]:
        """What the doctor says about the invoices' invariants."""

        found = []
        for check in invariants.CHECKS:
            if not names or check.name in names:
                found += self.database.run_system(check.violations)
        return found

    def plant(self, fn: Callable[[SystemWork], None]) -> None:
        """Break something behind everybody's back."""
        self.database.run_system(fn)


def made(do: Do, database: Database, clock: VirtualClock, *, exempt: bool) -> Shop:
    """A seller, and Anna's account of 14 days' terms."""

    def create(work: Work) -> tuple[SellerId, AccountId]:
        status = TaxStatus.EXEMPT if exempt else TaxStatus.REGISTERED
        seller = ledger.create_seller(
            work,
            name="Carrier",
            country="DE",
            zone="Europe/Berlin",
            currency="EUR",
            tax_status=status,
            exemption_reason="Small business, section 19 UStG" if exempt else None,
        )
        _, account = customers.create(
            work, name="Anna", email="anna@example.org", currency="EUR", zone="Europe/Berlin", country="DE"
        )
        return seller.id, account.id

    seller_id, account_id = do(create)
    return Shop(do, database, clock, seller_id, account_id)


def wire(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Let the shop's lists answer for subscriptions and usage."""

    def rated(work: Work, subscription_id: SubscriptionId, component: str, span: Span) -> Rated:
        return shop.used.get((component, span), Rated(0, 0, None, None))

    monkeypatch.setattr(subscriptions, "chargeable", lambda work, account_id: list(shop.chargeable))
    monkeypatch.setattr(usage, "rated", rated)
    return shop


@pytest.fixture
def shop(do: Do, database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose seller is exempt, as in the demo."""
    return wire(made(do, database, clock, exempt=True), monkeypatch)


@pytest.fixture
def taxed(do: Do, database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop that charges 19 %."""
    return wire(made(do, database, clock, exempt=False), monkeypatch)
