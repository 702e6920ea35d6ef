"""Customers and billing accounts: who pays, in which currency, on which day of which zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime

from bss.customers import store
from bss.customers.model import AccountId, BillingAccount, Customer, CustomerId
from bss.ledger import service as ledger
from bss.ledger.model import SellerId
from kernel.errors import Conflict, Invalid, NotFound
from kernel.money import exponent
from kernel.time import Unit, day_anchor, local_date, midnight, period_containing
from kernel.time import zone as zone_of
from kernel.work import Work

PAYMENT_TERMS_DAYS = 14
"""Days to pay unless an account says otherwise."""
PAYMENT_TERMS_LIMIT = 365
"""Longer terms are a loan, not terms of payment."""
NAME_LENGTH = 200
"""What fits on a document's address field."""
TAX_ID_LENGTH = 32
"""Longer than the tax number of any country."""
PAGE = 200
"""Customers listed in one answer at most."""


def create(
    work: Work,
    *,
    name: str,
    email: str,
    currency: str,
    zone: str,
    billing_day: int = 1,
    seller_id: SellerId | None = None,
    payment_terms_days: int = PAYMENT_TERMS_DAYS,
    country: str | None = None,
    tax_id: str | None = None,
) -> tuple[Customer, BillingAccount]:
    """A customer with a first billing account, of the tenant's only seller unless told."""
    _text(name, field="name", limit=NAME_LENGTH)
    customer_ = Customer(
        tenant=work.tenant, id=CustomerId.new(), name=name.strip(), email=address(email), created_at=work.now
    )
    work.session.add(customer_)
    work.audit("customer.created", customer_.id)
    account_ = open_account(
        work,
        customer_,
        currency=currency,
        zone=zone,
        billing_day=billing_day,
        seller_id=seller_id,
        payment_terms_days=payment_terms_days,
        country=country,
        tax_id=tax_id,
    )
    return customer_, account_


def open_account(
    work: Work,
    owner: Customer,
    *,
    currency: str,
    zone: str,
    billing_day: int = 1,
    seller_id: SellerId | None = None,
    payment_terms_days: int = PAYMENT_TERMS_DAYS,
    country: str | None = None,
    tax_id: str | None = None,
) -> BillingAccount:
    """One more billing account; its first bill falls on the next billing day of its zone."""
    exponent(currency)
    zone_of(zone)
    day_anchor(billing_day, work.now.date())
    _terms(payment_terms_days)
    seller = ledger.only_seller(work) if seller_id is None else ledger.seller(work, seller_id)
    account_ = BillingAccount(
        tenant=work.tenant,
        id=AccountId.new(),
        customer_id=owner.id,
        seller_id=seller.id,
        currency=currency,
        zone=zone,
        billing_day=billing_day,
        payment_terms_days=payment_terms_days,
        email=owner.email,
        country=_country(country),
        tax_id=_tax_id(tax_id) or None,
        parked_reason=None,
        next_bill_at=midnight(next_billing_date(billing_day, local_date(work.now, zone)), zone),
        created_at=work.now,
    )
    work.session.add(account_)
    work.audit("account.opened", account_.id, {"customer": str(owner.id), "currency": currency})
    return account_


def change(
    work: Work,
    account_id: AccountId,
    *,
    email: str | None = None,
    country: str | None = None,
    tax_id: str | None = None,
    payment_terms_days: int | None = None,
) -> BillingAccount:
    """Change what documents to come say of an account; what is issued stays. An empty tax id takes it away.

    Currency, zone and billing day are not changed: periods that are charged already hang on them.
    """
    account_ = locked(work, account_id)
    told = {
        "email": None if email is None else address(email),
        "country": _country(country),
        "tax_id": _tax_id(tax_id),
        "payment_terms_days": None if payment_terms_days is None else _terms(payment_terms_days),
    }
    changed = {name: value for name, value in told.items() if value is not None and value != getattr(account_, name)}
    if all(value is None for value in told.values()):
        raise Invalid("nothing to change", field="account_id", fix=f"give one of {', '.join(told)}")
    for name, value in changed.items():
        setattr(account_, name, value or None if name == "tax_id" else value)
    if changed:
        work.audit("account.changed", account_id, {"fields": sorted(changed)})
    return account_


def next_billing_date(billing_day: int, day: date) -> date:
    """The first billing day after a local day; 29 to 31 clamp to a short month's end."""
    return period_containing(day_anchor(billing_day, day), Unit.MONTH, day).end


def get(work: Work, customer_id: CustomerId) -> Customer:
    """A customer; NotFound when this tenant has no such one."""
    found = store.customer(work, customer_id)
    if found is None:
        raise NotFound(f"no customer {customer_id}", field="customer_id")
    return found


def account(work: Work, account_id: AccountId) -> BillingAccount:
    """A billing account; NotFound when this tenant has no such one."""
    return _found(store.account(work, account_id), account_id)


def locked(work: Work, account_id: AccountId) -> BillingAccount:
    """A billing account held until this Work ends, so that nobody else bills it meanwhile."""
    work.session.flush()
    return _found(store.locked(work, account_id), account_id)


def accounts(work: Work, customer_id: CustomerId) -> Sequence[BillingAccount]:
    """A customer's billing accounts."""
    return store.accounts(work, customer_id)


def page(work: Work, *, after: CustomerId | None = None, limit: int = PAGE) -> Sequence[Customer]:
    """Customers in order of their birth, `limit` at most."""
    return store.customers(work, after=after, limit=min(limit, PAGE))


def schedule(work: Work, account_: BillingAccount, *, after: datetime) -> None:
    """Set the account's next bill to the first billing day after an instant."""
    day = next_billing_date(account_.billing_day, local_date(after, account_.zone))
    account_.next_bill_at = midnight(day, account_.zone)


def park(work: Work, account_id: AccountId, *, reason: str) -> None:
    """Stop issue, collection, dunning and fees for an account; service and payment go on."""
    _text(reason, field="reason", limit=NAME_LENGTH)
    account_ = account(work, account_id)
    if account_.parked_reason is not None:
        raise Conflict(f"{account_id} is parked already: {account_.parked_reason}", field="account_id")
    account_.parked_reason = reason
    work.audit("account.parked", account_id, {"reason": reason})


def unpark(work: Work, account_id: AccountId) -> None:
    """Let an account be billed again; what it missed is billed by the next run."""
    account_ = account(work, account_id)
    if account_.parked_reason is None:
        raise Conflict(f"{account_id} is not parked", field="account_id")
    account_.parked_reason = None
    work.audit("account.unparked", account_id)


def address(email: str) -> str:
    """An e-mail address that cannot break a message's header; Invalid otherwise."""
    text = email.strip()
    local, _, domain = text.rpartition("@")
    if not local or "." not in domain or any(c.isspace() or not c.isprintable() or c in '<>,;"' for c in text):
        raise Invalid(f"{email!r} is not an e-mail address", field="email", fix="name@example.org")
    return text


def _found(account_: BillingAccount | None, account_id: AccountId) -> BillingAccount:
    if account_ is None:
        raise NotFound(f"no billing account {account_id}", field="account_id")
    return account_


def _text(value: str, *, field: str, limit: int) -> None:
    if not value.strip() or len(value) > limit or not value.isprintable():
        raise Invalid(f"{field} must be 1 to {limit} printable characters", field=field)


def _country(code: str | None) -> str | None:
    if code is not None and not re.fullmatch("[A-Z]{2}", code):
        raise Invalid(f"{code!r} is no country", field="country", fix="its two letters by ISO 3166, such as DE")
    return code


def _tax_id(text: str | None) -> str | None:
    found = None if text is None else text.strip()
    if found:
        _text(found, field="tax_id", limit=TAX_ID_LENGTH)
    return found


def _terms(days: int) -> int:
    if not 0 <= days <= PAYMENT_TERMS_LIMIT:
        raise Invalid(f"{days} days to pay", field="payment_terms_days", fix="0 to 365")
    return days
