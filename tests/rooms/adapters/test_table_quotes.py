"""The table behind the port."""

from __future__ import annotations

from datetime import date

import pytest

from adapters.tax.table import TableQuotes
from bss.tax import table
from bss.tax.port import QuoteCustomer, QuoteLine, QuoteRequest, QuoteSeller, TaxQuotes
from kernel.errors import Invalid
from kernel.ids import TenantId

ROWS = {"rows": [{"jurisdiction": "DE", "class": "standard", "category": "S", "rate": "19", "from": "2021-01-01"}]}


async def tables(tenant: TenantId) -> table.Table:
    """Tenant 1 has a table, others have none."""
    return table.Table.model_validate(ROWS) if tenant == TenantId(1) else table.Table()


def ask(tenant: int, *, exempt: bool = False) -> QuoteRequest:
    """One line of 100.00."""
    return QuoteRequest(
        tenant=TenantId(tenant),
        document="inv_1",
        currency="EUR",
        tax_point=date(2026, 7, 1),
        seller=QuoteSeller(country="DE", exempt=exempt, exemption_reason="small" if exempt else None),
        customer=QuoteCustomer(country="DE"),
        lines=(QuoteLine(number=1, net_minor=10000, tax_class="standard"),),
    )


async def test_each_tenant_is_quoted_by_its_own_table() -> None:
    quotes: TaxQuotes = TableQuotes(tables)
    assert (await quotes.quote(ask(1))).total_minor() == 1900
    with pytest.raises(Invalid, match="no tax table for 'DE'"):
        await quotes.quote(ask(2))


async def test_an_exempt_seller_needs_no_table() -> None:
    quote = await TableQuotes(tables).quote(ask(2, exempt=True))
    assert [(line.tax_minor, line.reason) for line in quote.lines] == [(0, "small")]
