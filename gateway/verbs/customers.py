"""Sellers, customers and their billing accounts."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from bss.customers import service as customers
from bss.customers.model import AccountId, BillingAccount, Customer, CustomerId
from bss.ledger import service as ledger
from bss.ledger import store as ledger_store
from bss.ledger.model import Seller, SellerId, TaxStatus
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Nothing, Page, PageAsked, href, reading, writing
from kernel.work import Work


class SellerAsked(Asks):
    """A legal entity that sells."""

    name: str
    country: str
    zone: str
    currency: str
    tax_status: TaxStatus = TaxStatus.REGISTERED
    exemption_reason: str | None = None
    tax_ids: dict[str, str] = Field(default_factory=dict)


class SellerGiven(Gives):
    """A seller."""

    id: SellerId
    href: str
    name: str
    country: str
    zone: str
    currency: str
    tax_status: TaxStatus
    exemption_reason: str | None


class SellerNamed(Asks):
    """One seller."""

    seller_id: SellerId


class BalanceGiven(Gives):
    """One account of the books; one of its sides is zero."""

    account: str
    debit: str
    credit: str
    currency: str


class CustomerAsked(Asks):
    """A customer with a first billing account."""

    name: str
    email: str
    currency: str
    zone: str
    billing_day: int = 1
    seller_id: SellerId | None = None
    payment_terms_days: int = customers.PAYMENT_TERMS_DAYS
    country: str | None = None
    tax_id: str | None = None


class CustomerNamed(Asks):
    """One customer."""

    customer_id: CustomerId


class AccountGiven(Gives):
    """A billing account."""

    id: AccountId
    seller_id: SellerId
    currency: str
    zone: str
    billing_day: int
    payment_terms_days: int
    country: str | None
    parked_reason: str | None
    next_bill_at: datetime


class CustomerGiven(Gives):
    """A customer and the accounts it pays by."""

    id: CustomerId
    href: str
    name: str
    email: str
    created_at: datetime
    accounts: list[AccountGiven]


@writing("seller.create", "/sellers", status=201)
def create_seller(work: Work, asked: SellerAsked) -> SellerGiven:
    """Make a seller; one that is exempt from tax says why."""
    return _seller(ledger.create_seller(work, **asked.told()))


@reading("seller.list", "/sellers")
def list_sellers(work: Work, asked: Nothing) -> Page[SellerGiven]:
    """Every seller."""
    found = [_seller(each) for each in ledger_store.sellers(work)]
    return Page(items=found, total=len(found))


@reading("seller.show", "/sellers/{seller_id}/trial-balance")
def trial_balance(work: Work, asked: SellerNamed) -> Page[BalanceGiven]:
    """The trial balance of a seller's books."""
    ledger.seller(work, asked.seller_id)
    rows = ledger.trial_balance(work, asked.seller_id)
    found = [
        BalanceGiven(
            account=row.account, debit=row.debit.plain(), credit=row.credit.plain(), currency=row.debit.currency
        )
        for row in rows
    ]
    return Page(items=found, total=len(found))


@writing("customer.create", "/customers", status=201)
def create(work: Work, asked: CustomerAsked) -> CustomerGiven:
    """Make a customer with a first billing account."""
    customer, account = customers.create(work, **asked.told())
    return _customer(customer, [account])


@reading("customer.show", "/customers/{customer_id}")
def show(work: Work, asked: CustomerNamed) -> CustomerGiven:
    """A customer and its billing accounts."""
    customer = customers.get(work, asked.customer_id)
    return _customer(customer, list(customers.accounts(work, customer.id)))


@reading("customer.list", "/customers")
def listed(work: Work, asked: PageAsked) -> Page[CustomerGiven]:
    """Customers, the newest first."""
    rows, total = store.page(work, Customer, asked)
    return Page(items=[_customer(row, list(customers.accounts(work, row.id))) for row in rows], total=total)


def _seller(row: Seller) -> SellerGiven:
    return SellerGiven(
        id=row.id,
        href=href("sellers", row.id),
        name=row.name,
        country=row.country,
        zone=row.zone,
        currency=row.currency,
        tax_status=row.tax_status,
        exemption_reason=row.exemption_reason,
    )


def _customer(row: Customer, accounts: list[BillingAccount]) -> CustomerGiven:
    return CustomerGiven(
        id=row.id,
        href=href("customers", row.id),
        name=row.name,
        email=row.email,
        created_at=row.created_at,
        accounts=[AccountGiven.model_validate(account) for account in accounts],
    )
