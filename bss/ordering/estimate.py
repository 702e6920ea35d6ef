"""What an order will owe on its first day, tax included, so that no less is held than will be invoiced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from bss.catalog.model import Price
from bss.customers.model import BillingAccount
from bss.ledger import service as ledger
from bss.subscriptions import prorate
from bss.tax import parties
from bss.tax import service as tax
from bss.tax import table as rates
from bss.tax.port import QuoteLine, QuoteRequest, QuoteSeller
from kernel.errors import Invalid
from kernel.money import Money
from kernel.time import day_anchor, local_date
from kernel.work import Work

_UNTAXED = rates.Table()
"""An exempt seller's quote needs no row of any table."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The first bill of an order as far as it is known now."""

    net: Money
    tax: Money

    @property
    def total(self) -> Money:
        """What will be owed."""
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class New:
    """The prices of a line that is to come up, and how many of it."""

    prices: tuple[Price, ...]
    quantity: int


def estimate(work: Work, account: BillingAccount, lines: Iterable[New]) -> Estimate:
    """The first bill if everything came up today. Raises Invalid, naming the country, when its tax is not known."""
    today = local_date(work.now, account.zone)
    parts = [part for line in lines for part in _parts(line, account, today)]
    net = sum((part.amount for part in parts), Money.zero(account.currency))
    asked = tuple(
        QuoteLine(number=number, net_minor=part.amount.minor, tax_class=part.tax_class)
        for number, part in enumerate(parts, 1)
    )
    return Estimate(net, Money(_tax(work, account, asked) if asked else 0, account.currency))


def _parts(line: New, account: BillingAccount, today: date) -> list[prorate.Part]:
    anchor = day_anchor(account.billing_day, today)
    return prorate.first_parts(line.prices, on=today, anchor=anchor, quantity=line.quantity)


def _tax(work: Work, account: BillingAccount, lines: tuple[QuoteLine, ...]) -> int:
    selling = ledger.seller(work, account.seller_id)
    request = QuoteRequest(
        tenant=work.tenant,
        document=str(account.id),
        currency=account.currency,
        tax_point=local_date(work.now, selling.zone),
        seller=parties.seller(selling),
        customer=parties.customer(account),
        lines=lines,
    )
    try:
        return rates.quote(_table(work, request.seller), request).total_minor()
    except Invalid as error:
        where = f"in {account.country}" if account.country else "without a country"
        message = f"no tax can be estimated for {account.id} {where}: {error.message}"
        raise Invalid(message, field="account_id", fix=error.fix) from error


def _table(work: Work, seller: QuoteSeller) -> rates.Table:
    return _UNTAXED if seller.exempt else tax.table(work)
