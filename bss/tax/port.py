"""What is asked of a tax authority's table, a service or a registry, and what it answers; spoken outside any Work."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from kernel.ids import TenantId


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegistryAnswer(_Value):
    """What the registry said about a customer's tax number; a checksum alone is no answer."""

    tax_id: str
    valid: bool
    reference: str = Field(min_length=1)
    asked_on: date


class QuoteSeller(_Value):
    """The seller as tax sees it."""

    country: str
    exempt: bool
    exemption_reason: str | None = None


class QuoteCustomer(_Value):
    """The customer as tax sees it; `country` is the place of supply."""

    country: str | None = None
    tax_id: str | None = None
    registry: RegistryAnswer | None = None


class QuoteLine(_Value):
    """One line to be taxed; net may be below zero."""

    number: int
    net_minor: int
    tax_class: str


class QuoteRequest(_Value):
    """One document to be taxed; `document` names it in evidence and errors."""

    tenant: TenantId
    document: str
    currency: str
    tax_point: date
    seller: QuoteSeller
    customer: QuoteCustomer
    lines: tuple[QuoteLine, ...]


class LineTax(_Value):
    """The tax of one line: where, category (EN 16931: S, E, AE, Z), what percentage, and why when there is none."""

    number: int
    jurisdiction: str
    category: str
    rate: Decimal
    tax_minor: int
    reason: str | None = None


class TaxQuote(_Value):
    """The answer, a tax for each line of the request, with the evidence it rests on."""

    document: str
    currency: str
    lines: tuple[LineTax, ...]
    evidence: dict[str, str]

    def total_minor(self) -> int:
        """All tax of the document."""
        return sum(line.tax_minor for line in self.lines)


class TaxQuotes(Protocol):
    """Who can quote tax.

    Raises Invalid when the request has no answer (an unknown jurisdiction or class), Unreachable or Unanswered when
    nobody answered: a quote changes nothing, so both may be asked again.
    """

    async def quote(self, request: QuoteRequest) -> TaxQuote:
        """The tax of a document."""
        ...


def numbers(lines: Iterable[QuoteLine | LineTax]) -> list[int]:
    """The line numbers of a request or an answer, in order."""
    return [line.number for line in lines]
