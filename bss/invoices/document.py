"""What a document says: the content that is hashed, and how its amounts go into the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bss.customers.model import BillingAccount, Customer
from bss.invoices.model import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from bss.ledger.model import Seller
from kernel import versions
from kernel.money import Money


def parties(seller: Seller, customer: Customer, account: BillingAccount) -> dict[str, Any]:
    """Who the document is from and to, as they were when it was issued."""
    return {
        "seller": {"name": seller.name, "country": seller.country, "tax_ids": dict(seller.tax_ids)},
        "customer": {"name": customer.name, "email": account.email, "country": account.country or ""}
        | ({"tax_id": account.tax_id} if account.tax_id else {}),
    }


def percent(rate: Decimal | None) -> str:
    """A tax rate as it is written: `19`, `8.1`."""
    return "0" if not rate else f"{rate.normalize():f}"


@dataclass(frozen=True, slots=True)
class Share:
    """One line's part of a document as the books see it."""

    revenue_account: str
    deferred: bool
    net_minor: int
    jurisdiction: str
    rate: Decimal | None
    tax_minor: int


def shares(lines: Iterable[InvoiceLine]) -> list[Share]:
    """The parts of an invoice's lines."""
    return [
        Share(
            line.revenue_account,
            line.deferred,
            line.net_minor,
            line.tax_jurisdiction or "",
            line.tax_rate,
            line.tax_minor,
        )
        for line in lines
    ]


def amounts(parts: Iterable[Share], *, currency: str) -> dict[str, Money]:
    """The named amounts that the posting rules of invoices and credit notes take."""
    sums: dict[str, int] = defaultdict(int)
    for part in parts:
        sums["deferred" if part.deferred else f"net:{part.revenue_account}"] += part.net_minor
        if part.tax_minor:
            sums[f"tax:{part.jurisdiction}:{percent(part.rate)}"] += part.tax_minor
        sums["total"] += part.net_minor + part.tax_minor
    return {name: Money(minor, currency) for name, minor in sums.items()}


def invoice_hash(invoice: Invoice, lines: Sequence[InvoiceLine]) -> str:
    """The hash of an issued invoice's content; the same from its rows at any later time."""
    return versions.digest(
        {
            **_head("invoice", invoice),
            "due_on": str(invoice.due_on),
            "tax_point": str(invoice.tax_point),
            "parties": invoice.parties,
            "lines": [
                [
                    line.number,
                    line.kind,
                    line.description,
                    f"{line.span_start}/{line.span_end}",
                    str(line.subscription_id),
                    str(line.phase_id),
                    line.quantity,
                    f"{line.rate.normalize():f}",
                    line.net_minor,
                    [line.tax_jurisdiction, line.tax_category, percent(line.tax_rate), line.tax_reason],
                    line.tax_minor,
                ]
                for line in lines
            ],
        }
    )


def credit_note_hash(note: CreditNote, lines: Sequence[CreditNoteLine]) -> str:
    """The hash of a credit note's content."""
    return versions.digest(
        {
            **_head("creditNote", note),
            "invoice": str(note.invoice_id),
            "reason": note.reason,
            "lines": [
                [
                    line.number,
                    str(line.line_id),
                    line.description,
                    f"{line.span_start}/{line.span_end}",
                    line.net_minor,
                    line.tax_minor,
                ]
                for line in lines
            ],
        }
    )


def _head(kind: str, document: Invoice | CreditNote) -> Mapping[str, Any]:
    return {
        "document": kind,
        "number": document.number,
        "issued_on": str(document.issued_on),
        "account": str(document.account_id),
        "currency": document.currency,
        "net": document.net_minor,
        "tax": document.tax_minor,
        "total": document.total_minor,
    }
