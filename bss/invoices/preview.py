"""The next invoice of an account as it would be composed and taxed, by the very functions that bill; stores nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from bss.customers import service as customers
from bss.customers.model import AccountId, BillingAccount
from bss.invoices import drafting
from bss.invoices.compose import Line
from bss.ledger import service as ledger
from bss.subscriptions.model import SubscriptionId
from bss.tax import parties
from bss.tax import service as tax
from bss.tax import table as rates
from bss.tax.port import LineTax, QuoteLine, QuoteRequest
from kernel.money import Money
from kernel.work import Work


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """A line as it would be printed, with its tax."""

    line: Line
    tax: LineTax


@dataclass(frozen=True, slots=True)
class Preview:
    """An invoice as it would be on a day; amounts below zero are taken back."""

    on: date
    lines: tuple[PreviewLine, ...]
    net: Money
    tax: Money

    @property
    def total(self) -> Money:
        """What would be owed."""
        return self.net + self.tax


def preview(work: Work, account_id: AccountId, *, on: date, only: Collection[SubscriptionId] | None = None) -> Preview:
    """What would be billed on a local day, for some subscriptions or all. Raises Invalid when no tax is known."""
    account = customers.account(work, account_id)
    found = drafting.composed(work, account, upto=on, only=only)
    lines = [*found.invoice, *(line for back in found.credit_notes.values() for line in back)]
    taxes = _taxes(work, account, lines, on=on)
    return Preview(
        on=on,
        lines=tuple(PreviewLine(line, taxed) for line, taxed in zip(lines, taxes, strict=True)),
        net=Money(sum(line.net.minor for line in lines), account.currency),
        tax=Money(sum(taxed.tax_minor for taxed in taxes), account.currency),
    )


def _taxes(work: Work, account: BillingAccount, lines: list[Line], *, on: date) -> tuple[LineTax, ...]:
    if not lines:
        return ()
    seller = parties.seller(ledger.seller(work, account.seller_id))
    request = QuoteRequest(
        tenant=work.tenant,
        document=str(account.id),
        currency=account.currency,
        tax_point=on,
        seller=seller,
        customer=parties.customer(account),
        lines=tuple(
            QuoteLine(number=number, net_minor=line.net.minor, tax_class=line.tax_class)
            for number, line in enumerate(lines, 1)
        ),
    )
    return rates.quote(rates.Table() if seller.exempt else tax.table(work), request).lines
