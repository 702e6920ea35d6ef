"""The shop with its bills, its gateway in memory and its dunning, driven by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from adapters.payments.errand import perform
from adapters.payments.memory import MemoryGateway
from bss.customers.model import AccountId
from bss.dunning import handlers as on_dunning
from bss.dunning import ladders
from bss.dunning import service as dunning
from bss.dunning.model import DunningAct, DunningCase
from bss.invoices import debts
from bss.invoices import service as invoices
from bss.invoices.model import InvoiceId
from bss.notices import service as notices
from bss.payments import handlers as on_payments
from bss.payments import service as payments
from bss.tax import table as tax
from kernel.events import Event
from kernel.money import Money
from kernel.time import local_date
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.model import Service, ServiceId
from tests.rooms.bss.shop import CONFIG, Shop

LATER: Mapping[str, list[Callable[..., None]]] = {
    "ProductOrderAcknowledged": [on_payments.on_order],
    "ProductOrderFailed": [on_payments.on_order_failed],
    "InvoiceIssued": [on_payments.on_invoice_issued],
    "PaymentDeclined": [on_payments.on_declined],
    "PaymentSucceeded": [on_dunning.on_payment],
    "PaymentUnapplied": [on_dunning.on_unapplied],
    "InvoiceOverdue": [on_dunning.on_overdue],
    "InvoiceSettled": [on_dunning.on_settled],
    "CreditNoteIssued": [on_dunning.on_credit],
}


def _hand(work: Work, *, handler: Callable[..., None], event: Event) -> None:
    handler(work, event)


@dataclass
class Street(Shop):
    """A shop whose customers may not pay."""

    gateway: MemoryGateway = field(default_factory=MemoryGateway)
    _heard_of: int = 0

    def lay_ladder(self) -> None:
        """Apply the ladder that comes with the product."""
        self.do(lambda work: ladders.apply(work, CONFIG / "dunning/standard.yaml"))

    def dispatch(self) -> None:
        """What the shop does, and then payments and dunning, each told twice too."""
        super().dispatch()
        while self._heard_of < len(self.heard):
            event = self.heard[self._heard_of]
            self._heard_of += 1
            for handler in LATER.get(event.kind(), []) * 2:
                self.database.run(partial(_hand, handler=handler, event=event), tenant=self.tenant, actor=self.actor)
            super().dispatch()

    def bill(self, account_id: AccountId) -> InvoiceId:
        """Bill what is due today and issue it; it is collected at once."""
        today = local_date(self.clock.now(), "Europe/Berlin")
        drafted = self.do(lambda work: invoices.draft(work, account_id, upto=today))
        assert drafted is not None
        for errand in self.database.run_system(lambda work: invoices.errands(work, 10)):
            quote = tax.quote(tax.Table(areas=(), rows=()), errand.request)
            self.do(lambda work, e=errand, q=quote: invoices.settle(work, e.invoice_id, quote=q))  # type: ignore[misc]
        self.ask_gateway()
        return drafted

    def protect(self, service_id: ServiceId) -> None:
        """Make a line one that a debt never takes down."""
        change = sa.update(Service).where(Service.tenant == self.tenant, Service.id == service_id)
        self.do(lambda work: work.session.execute(change.values(protected=True)) and None)

    def ask_gateway(self) -> None:
        """Carry every waiting errand to the gateway and back, and let the network follow."""
        for errand in self.database.run_system(lambda work: payments.errands(work, 10)):
            answer = asyncio.run(perform(self.gateway, errand))
            self.do(lambda work, e=errand, a=answer: payments.settle(work, e.step_id, a))  # type: ignore[misc]
        self.settle()

    def go(self, until: str) -> None:
        """Move the clock to an instant, stopping at each that is due."""
        end = datetime.fromisoformat(until)
        while (stop := self._next()) is not None and stop <= end:
            if stop > self.clock.now():
                self.clock.move_to(stop)
            self._tick()
        self.clock.move_to(end)

    def _next(self) -> datetime | None:
        found = self.database.run_system(lambda work: (debts.next_due(work), dunning.next_due(work)))
        return min((instant for instant in found if instant is not None), default=None)

    def _tick(self) -> None:
        now = self.clock.now()
        for _, invoice_id in self.database.run_system(lambda work: debts.due(work, now, 10)):
            self.do(lambda work, i=invoice_id: debts.fall_overdue(work, i))  # type: ignore[misc]
        for _, case_id in self.database.run_system(lambda work: dunning.due(work, now, 10)):
            self.do(lambda work, c=case_id: dunning.advance(work, c))  # type: ignore[misc]
        self.settle()

    def pay(self, account_id: AccountId, amount: str) -> None:
        """A charge of the standing method that succeeds."""
        self.do(lambda work: payments.charge(work, account_id, amount=Money.of(amount, "EUR")))
        self.ask_gateway()

    def case(self, account_id: AccountId) -> DunningCase:
        """The account's latest case."""
        found = self.do(lambda work: dunning.of_account(work, account_id))
        assert found is not None
        return found

    def deeds(self, account_id: AccountId) -> list[str]:
        """What its latest case did, with the day: `06-16 remind`."""
        case = self.case(account_id)
        acts: list[DunningAct] = self.do(lambda work: list(dunning.history(work, case.id)))
        return [f"{act.at:%m-%d} {act.deed}{'' if act.subscription_id is None else ' line'}" for act in acts]

    def letters(self, account_id: AccountId) -> list[str]:
        """The templates of all it was told, oldest first."""
        return [each.template for each in reversed(self.do(lambda work: notices.of_account(work, account_id)))]

    def level(self, service_id: ServiceId) -> str:
        """The strictest open restriction of a line."""
        return str(self.do(lambda work: inventory.level_of(work, service_id)))
