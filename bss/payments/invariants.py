"""What must hold of payments at any moment (`trunkline doctor`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import sqlalchemy as sa

from bss.invoices.model import Allocation
from bss.ledger.model import Posting, SellerId
from bss.payments import card_number
from bss.payments.machine import PaymentState, RefundState
from bss.payments.model import Payment, PaymentMethod, Refund, Settlement
from kernel.doctor import SHOWN, Check
from kernel.ids import TenantId
from kernel.money import Money
from kernel.work import SystemWork

_FETCH = 1_000
"""Rows of text read at a time."""


class _Sums(NamedTuple):
    """One payment's money, in minor units."""

    payment: Payment
    allocated: int
    paid_back: int
    promised: int

    @property
    def unapplied(self) -> int:
        return self.payment.captured_minor - self.allocated - self.paid_back - self.promised


def _sums(work: SystemWork) -> Iterator[_Sums]:
    allocated = (
        sa.select(Allocation.tenant, Allocation.payment_id, sa.func.sum(Allocation.amount_minor).label("minor"))
        .where(Allocation.undone_at.is_(None))
        .group_by(Allocation.tenant, Allocation.payment_id)
        .subquery()
    )
    paid = sa.case((Refund.state == RefundState.PAID, Refund.amount_minor), else_=0)
    promised = sa.case((Refund.state == RefundState.REQUESTED, Refund.amount_minor), else_=0)
    refunds = (
        sa.select(
            Refund.tenant,
            Refund.payment_id,
            sa.func.sum(paid).label("paid"),
            sa.func.sum(promised).label("promised"),
        )
        .group_by(Refund.tenant, Refund.payment_id)
        .subquery()
    )
    rows = work.session.execute(
        sa.select(
            Payment,
            sa.func.coalesce(allocated.c.minor, 0),
            sa.func.coalesce(refunds.c.paid, 0),
            sa.func.coalesce(refunds.c.promised, 0),
        )
        .outerjoin(allocated, sa.and_(allocated.c.tenant == Payment.tenant, allocated.c.payment_id == Payment.id))
        .outerjoin(refunds, sa.and_(refunds.c.tenant == Payment.tenant, refunds.c.payment_id == Payment.id))
        .order_by(Payment.tenant, Payment.id)
        .execution_options(yield_per=_FETCH)
    )
    return (_Sums(payment, int(a), int(p), int(r)) for payment, a, p, r in rows)


# ---- I3, the payments' half


def _payments(work: SystemWork) -> int:
    return int(work.session.scalar(sa.select(sa.func.count()).select_from(Payment)) or 0)


def _overspent(work: SystemWork) -> list[str]:
    """Payments of which more was used than was taken, or something was taken without having succeeded."""
    return _shown(
        f"{row.payment.id}: {_money(row.payment.captured_minor, row)} captured, {_money(row.allocated, row)} allocated,"
        f" {_money(row.paid_back + row.promised, row)} given back"
        for row in _sums(work)
        if row.unapplied < 0
        or row.payment.captured_minor > row.payment.amount_minor
        or (row.payment.captured_minor > 0) != (row.payment.state == PaymentState.SUCCEEDED)
        or not 0 <= row.payment.deposit_minor <= max(row.unapplied, 0)
    )


# ---- I22, the control accounts of payments


_Key = tuple[TenantId, SellerId, str, str]
"""Tenant, seller, account, currency."""


def _controls(work: SystemWork) -> int:
    return len(_wanted(work) | _booked(work))


def _uneven(work: SystemWork) -> list[str]:
    """Control accounts that say something else than the rows they stand for."""
    wanted, booked = _wanted(work), _booked(work)
    return _shown(
        f"{account} of {seller}: the books say {Money(booked.get(key, 0), currency)},"
        f" the rows {Money(wanted.get(key, 0), currency)}"
        for key in sorted(wanted.keys() | booked.keys())
        for _, seller, account, currency in [key]
        if wanted.get(key, 0) != booked.get(key, 0)
    )


def _wanted(work: SystemWork) -> dict[_Key, int]:
    found: dict[_Key, int] = {}

    def add(tenant: TenantId, seller: SellerId, account: str, currency: str, minor: int) -> None:
        if minor:
            key = (tenant, seller, account, currency)
            found[key] = found.get(key, 0) + minor

    for row in _sums(work):
        payment = row.payment
        at = (payment.tenant, payment.seller_id)
        add(*at, f"clearing:{payment.gateway}", payment.currency, payment.captured_minor - row.paid_back)
        add(*at, "unapplied", payment.currency, payment.deposit_minor - row.unapplied)
        add(*at, "deposits", payment.currency, -payment.deposit_minor)
        add(*at, "refundLiability", payment.currency, -row.promised)
    for paid in work.session.scalars(sa.select(Settlement)):
        add(paid.tenant, paid.seller_id, f"clearing:{paid.gateway}", paid.currency, -paid.gross_minor)
    return {key: minor for key, minor in found.items() if minor}


def _booked(work: SystemWork) -> dict[_Key, int]:
    ours = sa.or_(Posting.account.in_(("unapplied", "deposits", "refundLiability")), Posting.account.like("clearing:%"))
    rows = work.session.execute(
        sa.select(
            Posting.tenant, Posting.seller_id, Posting.account, Posting.currency, sa.func.sum(Posting.amount_minor)
        )
        .where(ours)
        .group_by(Posting.tenant, Posting.seller_id, Posting.account, Posting.currency)
    )
    return {
        (tenant, seller, account, currency): int(minor) for tenant, seller, account, currency, minor in rows if minor
    }


# ---- I17, the texts of payments


_TEXTS: tuple[tuple[type[PaymentMethod | Payment | Refund | Settlement], tuple[str, ...]], ...] = (
    (PaymentMethod, ("token", "brand", "last4", "label")),
    (Payment, ("reason", "authorisation", "taken")),
    (Refund, ("reason",)),
    (Settlement, ("reference",)),
)


def _texts(work: SystemWork) -> int:
    return sum(int(work.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0) for table, _ in _TEXTS)


def _card_numbers(work: SystemWork) -> list[str]:
    """Rows of payments that hold a card number; the sentence never repeats it."""
    return _shown(
        f"{table.__tablename__} {row[0]}: {column} holds a card number"
        for table, columns in _TEXTS
        for row in work.session.execute(sa.select(table.id, *(getattr(table, column) for column in columns)))
        for column, text in zip(columns, row[1:], strict=True)
        if text is not None and card_number.found(text) is not None
    )


def _money(minor: int, row: _Sums) -> Money:
    return Money(minor, row.payment.currency)


def _shown(sentences: Iterable[str]) -> list[str]:
    return [sentence for sentence, _ in zip(sentences, range(SHOWN), strict=False)]


CHECKS = (
    Check("I3", "per payment: allocations + refunds + unapplied = captured", _payments, _overspent),
    Check("I17", "no card number in any text of payments", _texts, _card_numbers),
    Check("I22", "the control accounts of payments equal their rows", _controls, _uneven),
)
"""The invariants of payments."""
