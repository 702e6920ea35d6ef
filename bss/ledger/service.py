"""Sellers and their books: every fact is posted in the fact's own Work, by a rule that is data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from bss.ledger import rules, store
from bss.ledger.model import Journal, JournalId, Posting, Seller, SellerId, TaxStatus
from kernel.errors import Invalid, NotFound
from kernel.ids import Id
from kernel.money import Money, exponent
from kernel.time import zone as zone_of
from kernel.work import Work

_COUNTRY_LENGTH = 2
"""ISO 3166-1 alpha-2."""


class Balance(NamedTuple):
    """One account of a trial balance; one of the two sides is zero."""

    account: str
    debit: Money
    credit: Money


def create_seller(
    work: Work,
    *,
    name: str,
    country: str,
    zone: str,
    currency: str,
    tax_status: TaxStatus = TaxStatus.REGISTERED,
    exemption_reason: str | None = None,
    tax_ids: Mapping[str, str] | None = None,
) -> Seller:
    """A new legal entity; one that is exempt from tax must say why, because every quote repeats it."""
    zone_of(zone)
    exponent(currency)
    if len(country) != _COUNTRY_LENGTH or not country.isalpha() or not country.isupper():
        raise Invalid(f"{country!r} is not a country", field="country", fix="two capital letters such as DE")
    if tax_status is TaxStatus.EXEMPT and not (exemption_reason or "").strip():
        raise Invalid("an exempt seller must say why", field="exemption_reason", fix="name the rule that exempts it")
    seller_ = Seller(
        tenant=work.tenant,
        id=SellerId.new(),
        name=name,
        country=country,
        zone=zone,
        currency=currency,
        tax_status=tax_status,
        exemption_reason=exemption_reason,
        tax_ids=dict(tax_ids or {}),
        created_at=work.now,
    )
    work.session.add(seller_)
    work.audit("seller.created", seller_.id, {"name": name})
    return seller_


def seller(work: Work, seller_id: SellerId) -> Seller:
    """A seller; NotFound when this tenant has no such one."""
    found = store.seller(work, seller_id)
    if found is None:
        raise NotFound(f"no seller {seller_id}", field="seller_id")
    return found


def only_seller(work: Work) -> Seller:
    """The tenant's seller when it has exactly one; Invalid asks which otherwise."""
    found = store.sellers(work)
    if len(found) != 1:
        raise Invalid(f"this tenant has {len(found)} sellers", field="seller_id", fix="say which one sells")
    return found[0]


def post(
    work: Work,
    rule: str,
    *,
    seller_id: SellerId,
    on: date,
    amounts: Mapping[str, Money],
    refs: Mapping[str, Id | str],
) -> JournalId:
    """Book a fact by its rule, in the fact's own Work; Invalid unless it balances in each currency."""
    known = rules.installed()
    sides = known.journal(rule, amounts)
    journal = Journal(
        tenant=work.tenant,
        id=JournalId.new(),
        seller_id=seller_id,
        rule=rule,
        rules_hash=known.hash,
        booked_on=on,
        posted_at=work.now,
        posted_by=work.actor.name,
        refs={name: str(ref) for name, ref in refs.items()},
    )
    work.session.add(journal)
    work.session.add_all(
        Posting(
            tenant=work.tenant,
            journal_id=journal.id,
            number=number,
            seller_id=seller_id,
            account=account,
            amount_minor=amount.minor,
            currency=amount.currency,
        )
        for number, (account, amount) in enumerate(sides, 1)
    )
    return journal.id


def trial_balance(work: Work, seller_id: SellerId) -> list[Balance]:
    """Every account with postings and its balance on its side; debits equal credits in each currency."""
    return [
        Balance(account, Money(max(minor, 0), currency), Money(max(-minor, 0), currency))
        for account, currency, minor in store.balances(work, seller_id)
    ]


def account_balance(work: Work, seller_id: SellerId, account: str, *, currency: str) -> Money:
    """One account's signed balance, debits above zero."""
    rows = {(name, code): minor for name, code, minor in store.balances(work, seller_id)}
    return Money(rows.get((account, currency), 0), currency)
