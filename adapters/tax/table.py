"""Tax quotes from the tenant's own applied table: no wire, the same port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bss.tax import table
from bss.tax.port import QuoteRequest, TaxQuote
from kernel.ids import TenantId


class TableQuotes:
    """A `TaxQuotes` that looks up the table in force; `tables` reads it for a tenant."""

    def __init__(self, tables: Callable[[TenantId], Awaitable[table.Table]]) -> None:
        self._tables = tables

    async def quote(self, request: QuoteRequest) -> TaxQuote:
        """The tax of a document by the table."""
        if request.seller.exempt:
            return table.quote(table.Table(), request)
        return table.quote(await self._tables(request.tenant), request)
