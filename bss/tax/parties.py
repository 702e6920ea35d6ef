"""Who sells to whom, in the words of a quote."""

from __future__ import annotations

from bss.customers.model import BillingAccount
from bss.ledger.model import Seller, TaxStatus
from bss.tax.port import QuoteCustomer, QuoteSeller


def seller(row: Seller) -> QuoteSeller:
    """A seller as tax sees it."""
    return QuoteSeller(
        country=row.country, exempt=row.tax_status is TaxStatus.EXEMPT, exemption_reason=row.exemption_reason
    )


def customer(row: BillingAccount) -> QuoteCustomer:
    """An account as tax sees it; its country is the place of supply."""
    return QuoteCustomer(country=row.country, tax_id=row.tax_id)
