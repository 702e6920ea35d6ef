"""What an account owes that may be dunned for, and on which lines it is owed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bss.customers.model import BillingAccount
from bss.invoices import service as invoices
from bss.invoices.model import InvoiceId
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Subscription, SubscriptionId
from kernel.money import Money
from kernel.work import Work


@dataclass(frozen=True, slots=True)
class Overdue:
    """One invoice past its due date and not disputed."""

    invoice_id: InvoiceId
    due_on: date
    open_minor: int


@dataclass(frozen=True, slots=True)
class Debt:
    """All of them, oldest first."""

    items: tuple[Overdue, ...]
    currency: str

    @property
    def amount(self) -> Money:
        """What is dunnable: overdue less disputed."""
        return Money(sum(item.open_minor for item in self.items), self.currency)

    def since(self) -> date | None:
        """The oldest due date."""
        return min((item.due_on for item in self.items), default=None)

    def before(self, day: date) -> Money:
        """The part that was due before a local day."""
        return Money(sum(item.open_minor for item in self.items if item.due_on < day), self.currency)


def of(work: Work, account: BillingAccount) -> Debt:
    """An account's dunnable debt now."""
    found = [
        Overdue(item.invoice_id, item.due_on, item.open_minor)
        for item in invoices.owed(work, account.id, currency=account.currency)
        if item.overdue and not item.disputed
    ]
    return Debt(tuple(sorted(found, key=lambda item: (item.due_on, item.invoice_id))), account.currency)


def owing(work: Work, debt: Debt) -> list[Subscription]:
    """The active subscriptions that the overdue invoices are for, oldest first."""
    named: set[SubscriptionId] = set()
    for item in debt.items:
        named |= {line.subscription_id for line in invoices.lines(work, item.invoice_id)}
    found = [subscriptions.get(work, subscription_id) for subscription_id in sorted(named)]
    return [subscription for subscription in found if subscription.state == SubscriptionState.ACTIVE]
