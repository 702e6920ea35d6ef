"""From a draft and its tax quote to an issued invoice: taxed, posted, open, and numbered last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bss.customers.model import BillingAccount
from bss.invoices import document, items, series
from bss.invoices.events import InvoiceIssued
from bss.invoices.machine import INVOICE, InvoiceMove
from bss.invoices.model import DocumentType, Invoice, InvoiceLine
from bss.ledger import service as ledger
from bss.ledger.model import Seller
from bss.tax import parties
from bss.tax.port import QuoteLine, QuoteRequest, TaxQuote, numbers
from kernel.errors import Invalid
from kernel.time import local_date
from kernel.work import Work


def request(
    work: Work, invoice: Invoice, lines: Sequence[InvoiceLine], *, seller: Seller, account: BillingAccount
) -> QuoteRequest:
    """What is asked about a draft's tax; its tax point is today in the seller's zone."""
    return QuoteRequest(
        tenant=work.tenant,
        document=str(invoice.id),
        currency=invoice.currency,
        tax_point=local_date(work.now, seller.zone),
        seller=parties.seller(seller),
        customer=parties.customer(account),
        lines=tuple(
            QuoteLine(number=line.number, net_minor=line.net_minor, tax_class=line.tax_class) for line in lines
        ),
    )


def seal(
    work: Work,
    invoice: Invoice,
    lines: Sequence[InvoiceLine],
    *,
    quote: TaxQuote,
    seller: Seller,
    account: BillingAccount,
) -> str:
    """Issue a draft by its quote; everything is written before the number is drawn, as the last thing of this Work."""
    _answers(quote, invoice, lines)
    issued_on = local_date(work.now, seller.zone)
    invoice.state = INVOICE.after(invoice.state, InvoiceMove.SEAL)
    _tax(invoice, lines, quote, on=issued_on)
    invoice.issued_on, invoice.issued_at, invoice.tax_point = issued_on, work.now, issued_on
    invoice.due_on = issued_on + timedelta(days=account.payment_terms_days)
    invoice.journal_id = ledger.post(
        work,
        "invoiceIssued",
        seller_id=seller.id,
        on=issued_on,
        amounts=document.amounts(document.shares(lines), currency=invoice.currency),
        refs={"invoice": invoice.id, "account": account.id},
    )
    owed = items.open_invoice(work, invoice, account, due_on=invoice.due_on)
    items.use_credits(work, owed)
    _announce(work, invoice, open_minor=owed.open_minor, due_on=invoice.due_on)
    work.session.flush()
    return _number(work, invoice, lines, on=issued_on)


def _number(work: Work, invoice: Invoice, lines: Sequence[InvoiceLine], *, on: date) -> str:
    drawn = series.draw(work, invoice.seller_id, DocumentType.INVOICE, on=on)
    invoice.number, invoice.year, invoice.shard, invoice.sequence = drawn.text, drawn.year, drawn.shard, drawn.sequence
    invoice.hash = document.invoice_hash(invoice, lines)
    work.session.flush()
    return drawn.text


def _announce(work: Work, invoice: Invoice, *, open_minor: int, due_on: date) -> None:
    work.emit(
        InvoiceIssued(
            invoice_id=invoice.id,
            account_id=invoice.account_id,
            total_minor=invoice.total_minor,
            open_minor=open_minor,
            currency=invoice.currency,
            due_on=due_on,
            order_ref=invoice.order_ref,
        )
    )


def _answers(quote: TaxQuote, invoice: Invoice, lines: Sequence[InvoiceLine]) -> None:
    if quote.document != str(invoice.id) or quote.currency != invoice.currency:
        raise Invalid(f"a quote for {quote.document} in {quote.currency} does not seal {invoice.id}", field="quote")
    if numbers(quote.lines) != [line.number for line in lines]:
        raise Invalid(f"the quote does not answer each line of {invoice.id}", field="quote", fix="ask for it again")
    if untold := [line.number for line in quote.lines if not line.rate and not line.reason]:
        raise Invalid(f"lines {untold} are taxed at 0 without a reason", field="quote", fix="a 0 needs its reason")


def _tax(invoice: Invoice, lines: Sequence[InvoiceLine], quote: TaxQuote, *, on: date) -> None:
    for line, taxed in zip(lines, quote.lines, strict=True):
        line.tax_jurisdiction, line.tax_category = taxed.jurisdiction, taxed.category
        line.tax_rate, line.tax_reason, line.tax_minor = taxed.rate, taxed.reason, taxed.tax_minor
        line.deferred = line.span_end > on
    invoice.quote = quote.model_dump(mode="json")
    invoice.net_minor = sum(line.net_minor for line in lines)
    invoice.tax_minor = quote.total_minor()
    invoice.total_minor = invoice.net_minor + invoice.tax_minor
