"""I2, I3, I4, I22 and I28: what an invoice says, what is open on it, what it charged, the books, and its number."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from bss.invoices.machine import InvoiceState
from bss.invoices.model import (
    Allocation,
    CreditApplication,
    CreditNote,
    CreditNoteLine,
    DocumentType,
    Invoice,
    InvoiceLine,
    LineKind,
    NumberSeries,
    OpenItem,
    Recognition,
    WriteOff,
)
from bss.ledger.model import Posting
from kernel.doctor import SHOWN, Check
from kernel.work import SystemWork

_LIVE = Invoice.state != InvoiceState.DISCARDED
_ISSUED = Invoice.state == InvoiceState.ISSUED
_Books = tuple[int, int, str]
"""tenant, seller, currency."""


def _count(work: SystemWork, model: type[Any], *conditions: sa.ColumnElement[bool]) -> int:
    return work.session.scalar(sa.select(sa.func.count()).select_from(model).where(*conditions)) or 0


def _same(one: type[Any], column: Any) -> sa.ColumnElement[bool]:
    return sa.and_(one.tenant == Invoice.tenant, column == Invoice.id)


# ---- I2


def _totals(work: SystemWork) -> list[str]:
    net, tax = (sa.func.coalesce(sa.func.sum(c), 0) for c in (InvoiceLine.net_minor, InvoiceLine.tax_minor))
    rows = work.session.execute(
        sa.select(Invoice.tenant, Invoice.id, Invoice.total_minor, net + tax)
        .outerjoin(InvoiceLine, _same(InvoiceLine, InvoiceLine.invoice_id))
        .where(_ISSUED)
        .group_by(Invoice.tenant, Invoice.id, Invoice.total_minor, Invoice.net_minor, Invoice.tax_minor)
        .having(sa.or_(Invoice.net_minor != net, Invoice.tax_minor != tax, Invoice.total_minor != net + tax))
        .limit(SHOWN)
    )
    return [f"{tenant} {invoice}: says {total}, its lines {lines}" for tenant, invoice, total, lines in rows]


# ---- I3


def _set_against(column: Any, model: type[Any], *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.coalesce(sa.func.sum(column), 0))
        .where(model.tenant == Invoice.tenant, model.invoice_id == Invoice.id, *conditions)
        .scalar_subquery()
    )


def _over_settled(work: SystemWork) -> list[str]:
    settled = (
        _set_against(Allocation.amount_minor, Allocation, Allocation.undone_at.is_(None))
        + _set_against(CreditApplication.amount_minor, CreditApplication)
        + _set_against(WriteOff.amount_minor, WriteOff)
    )
    rows = work.session.execute(
        sa.select(Invoice.tenant, Invoice.id, Invoice.total_minor, settled, OpenItem.open_minor)
        .outerjoin(OpenItem, _same(OpenItem, OpenItem.document_id))
        .where(
            _ISSUED,
            sa.or_(
                settled > Invoice.total_minor,
                OpenItem.open_minor.is_(None),
                OpenItem.open_minor != Invoice.total_minor - settled,
            ),
        )
        .limit(SHOWN)
    )
    return [
        f"{tenant} {invoice}: total {total}, set against it {against}, open {open_}"
        for tenant, invoice, total, against, open_ in rows
    ]


def _over_used(work: SystemWork) -> list[str]:
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(CreditApplication.amount_minor), 0))
        .where(CreditApplication.tenant == CreditNote.tenant, CreditApplication.credit_note_id == CreditNote.id)
        .scalar_subquery()
    )
    rows = work.session.execute(
        sa.select(CreditNote.tenant, CreditNote.id, CreditNote.total_minor, used, OpenItem.open_minor)
        .outerjoin(OpenItem, sa.and_(OpenItem.tenant == CreditNote.tenant, OpenItem.document_id == CreditNote.id))
        .where(
            sa.or_(
                used > CreditNote.total_minor,
                OpenItem.open_minor.is_(None),
                -OpenItem.open_minor != CreditNote.total_minor - used,
            )
        )
        .limit(SHOWN)
    )
    return [f"{tenant} {note}: total {total}, used {spent}, open {open_}" for tenant, note, total, spent, open_ in rows]


# ---- I4


def _spans(work: SystemWork) -> Iterator[tuple[tuple[int, int, str], date, date, int]]:
    """Key, first day, end, and +1 for a charge or -1 for what takes it back; in the key's order."""
    of_invoices = (
        sa.select(
            InvoiceLine.tenant,
            InvoiceLine.subscription_id,
            InvoiceLine.component,
            InvoiceLine.span_start,
            InvoiceLine.span_end,
            sa.case((InvoiceLine.kind == LineKind.REVERSAL, -1), else_=1).label("sign"),
        )
        .join(Invoice, _same(InvoiceLine, InvoiceLine.invoice_id))
        .where(_LIVE, InvoiceLine.kind.in_([LineKind.RECURRING, LineKind.REVERSAL]))
    )
    of_notes = (
        sa.select(
            InvoiceLine.tenant,
            InvoiceLine.subscription_id,
            InvoiceLine.component,
            CreditNoteLine.span_start,
            CreditNoteLine.span_end,
            sa.literal(-1).label("sign"),
        )
        .join(
            InvoiceLine,
            sa.and_(InvoiceLine.tenant == CreditNoteLine.tenant, InvoiceLine.id == CreditNoteLine.line_id),
        )
        .where(CreditNoteLine.span_start.is_not(None))
    )
    spans = sa.union_all(of_invoices, of_notes).subquery()
    rows = work.connection.execute(
        sa.select(spans).order_by(spans.c.tenant, spans.c.subscription_id, spans.c.component)
    )
    for tenant, subscription, component, start, end, sign in rows:
        yield (tenant, subscription, component), start, end, sign


def _charged_twice(work: SystemWork) -> list[str]:
    found = []
    for (tenant, subscription, component), rows in groupby(_spans(work), key=lambda row: row[0]):
        steps: Counter[date] = Counter()
        for _, start, end, sign in rows:
            steps[start] += sign
            steps[end] -= sign
        charged = 0
        for day, step in sorted(steps.items()):
            charged += step
            if charged not in (0, 1):
                found.append(f"{tenant} {subscription} {component}: charged {charged} times from {day}")
                break
    return found[:SHOWN]


# ---- I22


def _control(work: SystemWork, account: str) -> dict[_Books, int]:
    rows = work.session.execute(
        sa.select(Posting.tenant, Posting.seller_id, Posting.currency, sa.func.sum(Posting.amount_minor))
        .where(Posting.account == account)
        .group_by(Posting.tenant, Posting.seller_id, Posting.currency)
    )
    return {(tenant, seller, currency): int(minor) for tenant, seller, currency, minor in rows}


def _open_items(work: SystemWork) -> dict[_Books, int]:
    rows = work.session.execute(
        sa.select(OpenItem.tenant, OpenItem.seller_id, OpenItem.currency, sa.func.sum(OpenItem.open_minor)).group_by(
            OpenItem.tenant, OpenItem.seller_id, OpenItem.currency
        )
    )
    return {(tenant, seller, currency): int(minor) for tenant, seller, currency, minor in rows}


def _deferred(work: SystemWork) -> dict[_Books, int]:
    """What is deferred by the documents: lines, less credited, less earned; a liability, so below zero."""
    base = sa.select(Invoice.tenant, Invoice.seller_id, Invoice.currency)
    books = (Invoice.tenant, Invoice.seller_id, Invoice.currency)
    joined = sa.and_(InvoiceLine.tenant == Invoice.tenant, InvoiceLine.invoice_id == Invoice.id)
    noted = sa.and_(CreditNoteLine.tenant == InvoiceLine.tenant, CreditNoteLine.line_id == InvoiceLine.id)
    earned = sa.and_(Recognition.tenant == InvoiceLine.tenant, Recognition.line_id == InvoiceLine.id)
    lines = base.join(InvoiceLine, joined).where(_ISSUED)
    parts = (
        (-1, lines.add_columns(sa.func.sum(InvoiceLine.net_minor)).where(InvoiceLine.deferred.is_(True))),
        (
            1,
            lines.add_columns(sa.func.sum(CreditNoteLine.net_minor))
            .join(CreditNoteLine, noted)
            .where(CreditNoteLine.deferred.is_(True)),
        ),
        (1, lines.add_columns(sa.func.sum(Recognition.amount_minor)).join(Recognition, earned)),
    )
    sums: dict[_Books, int] = defaultdict(int)
    for sign, query in parts:
        for tenant, seller, currency, minor in work.session.execute(query.group_by(*books)):
            sums[tenant, seller, currency] += sign * int(minor)
    return sums


def _controls(work: SystemWork) -> list[str]:
    found = []
    for account, documents in (("receivable", _open_items(work)), ("contractLiability", _deferred(work))):
        books = _control(work, account)
        for key in sorted(books.keys() | documents.keys()):
            posted, listed = books.get(key, 0), documents.get(key, 0)
            if posted != listed:
                found.append(f"{key[0]} {key[1]} {account}: books {posted}, documents {listed} minor units of {key[2]}")
    return found[:SHOWN]


# ---- I28


_Series = tuple[int, int, DocumentType, int, int]


def _numbered(work: SystemWork) -> dict[_Series, tuple[int, int, int]]:
    """Each series that documents bear: how many they are, the first and the last number."""
    found: dict[_Series, tuple[int, int, int]] = {}
    for kind, model in ((DocumentType.INVOICE, Invoice), (DocumentType.CREDIT_NOTE, CreditNote)):
        columns = (model.tenant, model.seller_id, model.year, model.shard)
        rows = work.session.execute(
            sa.select(*columns, sa.func.count(), sa.func.min(model.sequence), sa.func.max(model.sequence))
            .where(model.sequence.is_not(None))
            .group_by(*columns)
        )
        for tenant, seller, year, shard, count, first, last in rows:
            found[tenant, seller, kind, year or 0, shard or 0] = (count, first or 0, last or 0)
    return found


def _holes(work: SystemWork) -> list[str]:
    borne = _numbered(work)
    drawn: dict[_Series, int] = {
        (row.tenant, row.seller_id, row.document_type, row.year, row.shard): row.last
        for row in work.session.scalars(sa.select(NumberSeries))
    }
    found = []
    for key in sorted(borne.keys() | drawn.keys()):
        count, first, last = borne.get(key, (0, 1, 0))
        if (first, last, count) != (1, drawn.get(key, 0), drawn.get(key, 0)):
            tenant, seller, kind, year, shard = key
            found.append(
                f"{tenant} {seller} {kind}-{year}/{shard}: drawn to {drawn.get(key, 0)},"
                f" documents {count} from {first} to {last}"
            )
    return (found + _out_of_order(work))[:SHOWN]


def _out_of_order(work: SystemWork) -> list[str]:
    found = []
    for model in (Invoice, CreditNote):
        before = sa.func.lag(model.issued_on).over(
            partition_by=(model.tenant, model.seller_id, model.year, model.shard), order_by=model.sequence
        )
        dated = (
            sa.select(model.tenant, model.number, model.issued_on, before.label("before"))
            .where(model.sequence.is_not(None))
            .subquery()
        )
        rows = work.session.execute(
            sa.select(dated.c.tenant, dated.c.number).where(dated.c.before > dated.c.issued_on).limit(SHOWN)
        )
        found += [f"{tenant} {number}: dated before its predecessor" for tenant, number in rows]
    return found


CHECKS: list[Check] = [
    Check("I2", "each invoice's total is its lines' sum", lambda work: _count(work, Invoice, _ISSUED), _totals),
    Check(
        "I3",
        "nothing is set against an invoice beyond its total, and what is open is the rest",
        lambda work: _count(work, OpenItem),
        lambda work: _over_settled(work) + _over_used(work),
    ),
    Check(
        "I4",
        "no day of a subscription's component is charged twice, or taken back uncharged",
        lambda work: _count(work, InvoiceLine, InvoiceLine.kind == LineKind.RECURRING),
        _charged_twice,
    ),
    Check("I22", "receivables and deferred revenue are what documents say", lambda w: _count(w, OpenItem), _controls),
    Check("I28", "every number series runs 1 to n", lambda work: _count(work, NumberSeries), _holes),
]
