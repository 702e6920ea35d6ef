"""Billing accounts: what they owe, what may be changed of them, and whether they are parked."""

from __future__ import annotations

from bss.customers import service as customers
from bss.customers.model import AccountId, BillingAccount, CustomerId
from bss.dunning import service as dunning
from bss.dunning.model import DunningCaseId
from bss.invoices import service as invoices
from bss.invoices import statement
from gateway.verbs.core import Asks, href, reading, writing
from gateway.verbs.customers import AccountGiven
from kernel.money import Money
from kernel.work import Work


class AccountNamed(Asks):
    """One billing account."""

    account_id: AccountId


class AccountChanged(AccountNamed):
    """What documents to come shall say; an empty tax number takes it away."""

    email: str | None = None
    country: str | None = None
    tax_id: str | None = None
    payment_terms_days: int | None = None


class ParkAsked(AccountNamed):
    """Why nothing shall be issued, collected or dunned."""

    reason: str


class AccountShown(AccountGiven):
    """A billing account with what it owes, what it has to its credit, and its latest dunning case."""

    href: str
    customer_id: CustomerId
    email: str
    tax_id: str | None
    owed: str
    overdue: str
    open_credit: str
    dunning_case: DunningCaseId | None


@reading("account.show", "/accounts/{account_id}")
def show(work: Work, asked: AccountNamed) -> AccountShown:
    """A billing account with what it owes and what it has to its credit."""
    return _shown(work, customers.account(work, asked.account_id))


@writing("account.set", "/accounts/{account_id}")
def change(work: Work, asked: AccountChanged) -> AccountShown:
    """Change what documents to come say of an account; what is issued stays as it is."""
    return _shown(work, customers.change(work, **asked.told()))


@writing("account.park", "/accounts/{account_id}/park")
def park(work: Work, asked: ParkAsked) -> AccountShown:
    """Stop issue, collection, dunning and fees for an account; service and payment go on."""
    customers.park(work, asked.account_id, reason=asked.reason)
    return _shown(work, customers.account(work, asked.account_id))


@writing("account.unpark", "/accounts/{account_id}/unpark")
def unpark(work: Work, asked: AccountNamed) -> AccountShown:
    """Let an account be billed again; what it missed is billed next."""
    customers.unpark(work, asked.account_id)
    return _shown(work, customers.account(work, asked.account_id))


def _shown(work: Work, row: BillingAccount) -> AccountShown:
    owing = invoices.owed(work, row.id, currency=row.currency)
    case = dunning.of_account(work, row.id)
    return AccountShown(
        **AccountGiven.model_validate(row).model_dump(),
        href=href("accounts", row.id),
        customer_id=row.customer_id,
        email=row.email,
        tax_id=row.tax_id,
        owed=Money(sum(each.open_minor for each in owing), row.currency).plain(),
        overdue=Money(sum(each.open_minor for each in owing if each.overdue), row.currency).plain(),
        open_credit=statement.open_credit(work, row.id, currency=row.currency).plain(),
        dunning_case=None if case is None else case.id,
    )
