"""Bills: composed, quoted, sealed, credited, and what is still open on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bss.customers import service as customers
from bss.customers import store as accounts
from bss.customers.model import AccountId
from bss.invoices import compose, crediting, document, drafting, items, recognition, sealing, store
from bss.invoices.events import InvoiceHeld
from bss.invoices.machine import INVOICE, InvoiceMove, InvoiceState
from bss.invoices.model import (
    Allocation,
    AllocationId,
    CreditNote,
    DocumentType,
    Invoice,
    InvoiceId,
    InvoiceLine,
)
from bss.ledger import service as ledger
from bss.subscriptions.model import SubscriptionId
from bss.tax.port import QuoteRequest, TaxQuote
from kernel.database import now_micros
from kernel.errors import Conflict, Invalid, NotFound, TrunklineError, Unanswered, Unreachable
from kernel.ids import Id, TenantId
from kernel.money import Money
from kernel.tables import from_micros
from kernel.time import local_date
from kernel.work import SystemWork, Work

QUOTE_ATTEMPTS = 5
"""After so many tries nobody answers soon: the invoice is held for a person."""
QUOTE_BACK_OFF_S = 5
"""Seconds before the first further try, doubled at each one."""
PAGE = 200
"""Invoices listed in one answer at most."""
REASON_LENGTH = 500
"""A reason is a sentence, not a letter."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One tax quote for the edge to obtain."""

    tenant: TenantId
    invoice_id: InvoiceId
    request: QuoteRequest


@dataclass(frozen=True, slots=True)
class Owing:
    """An issued invoice on which something is open."""

    invoice_id: InvoiceId
    due_on: date
    open_minor: int
    currency: str
    overdue: bool
    disputed: bool


# ---- reading


def get(work: Work, invoice_id: InvoiceId) -> Invoice:
    """An invoice; NotFound when this tenant has no such one."""
    return _found(store.invoice(work, invoice_id), invoice_id)


def lines(work: Work, invoice_id: InvoiceId) -> Sequence[InvoiceLine]:
    """An invoice's lines as printed."""
    return store.lines(work, invoice_id)


def listed(
    work: Work, *, account_id: AccountId | None = None, after: InvoiceId | None = None, limit: int = PAGE
) -> Sequence[Invoice]:
    """A page of invoices in order of their birth, of one account or of all."""
    return store.listed(work, account_id, after=after, limit=min(limit, PAGE))


def open_amount(work: Work, invoice_id: InvoiceId) -> Money:
    """What is still owed on an invoice; nothing before it is issued."""
    invoice = get(work, invoice_id)
    item = store.open_item(work, invoice_id)
    return Money(item.open_minor if item is not None else 0, invoice.currency)


def owed(work: Work, account_id: AccountId, *, currency: str, lock: bool = False) -> list[Owing]:
    """An account's open invoices in a currency, oldest due first; `lock` holds them for whoever will change them."""
    rows = store.open_items(work, account_id, currency=currency, kind=DocumentType.INVOICE, lock=lock)
    disputed = store.disputes(work, [InvoiceId(row.document_id) for row in rows])
    return [
        Owing(
            invoice_id=InvoiceId(row.document_id),
            due_on=row.due_on,
            open_minor=row.open_minor,
            currency=row.currency,
            overdue=row.overdue_at is not None and row.overdue_at <= work.now,
            disputed=InvoiceId(row.document_id) in disputed,
        )
        for row in rows
    ]


# ---- drafting


def draft(
    work: Work,
    account_id: AccountId,
    *,
    upto: date,
    order_ref: str | None = None,
    only: Collection[SubscriptionId] | None = None,
) -> InvoiceId | None:
    """Bill what is due on a local day and not billed yet; None when that is nothing, so that twice makes one invoice.

    A sum below zero becomes credit notes to the invoices it takes back from. Parked accounts are not billed.
    """
    account = customers.locked(work, account_id)
    if upto > local_date(work.now, account.zone):
        raise Invalid(f"{upto} has not come yet in {account.zone}", field="upto", fix="bill up to today at most")
    if account.parked_reason is not None:
        return None
    found = drafting.composed(work, account, upto=upto, only=only)
    for invoice_id, back in found.credit_notes.items():
        _credit_days(work, invoice_id, back)
    if not found.invoice:
        return None
    return drafting.stored(work, account, found.invoice, upto=upto, order_ref=order_ref).id


def bill(work: Work, account_id: AccountId) -> InvoiceId | None:
    """One billing day of an account that has come: earn what is over, draft what is due, wait for the next."""
    account = customers.locked(work, account_id)
    if account.parked_reason is not None or account.next_bill_at > work.now:
        return None
    day = local_date(account.next_bill_at, account.zone)
    invoice_id = draft(work, account_id, upto=day)
    recognition.recognise(work, account, day=day)
    customers.schedule(work, account, after=account.next_bill_at)
    return invoice_id


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, AccountId]]:
    """Accounts whose billing day has come; the edge opens one Work for each and calls `bill`."""
    return accounts.bill_due(work, now, limit)


def next_due(work: SystemWork) -> datetime | None:
    """When the next account is to be billed."""
    return accounts.next_bill(work)


# ---- the quote, and the seal


def errands(work: SystemWork, limit: int) -> list[Errand]:
    """The tax quotes that the edge is to obtain now."""
    found = store.to_quote(work, from_micros(now_micros(work)), limit)
    return [Errand(tenant, invoice_id, quote_request(work.of(tenant), invoice_id)) for tenant, invoice_id in found]


def quote_request(work: Work, invoice_id: InvoiceId) -> QuoteRequest:
    """What is asked about an invoice's tax."""
    invoice = get(work, invoice_id)
    seller = ledger.seller(work, invoice.seller_id)
    account = customers.account(work, invoice.account_id)
    return sealing.request(work, invoice, store.lines(work, invoice_id), seller=seller, account=account)


def settle(
    work: Work, invoice_id: InvoiceId, *, quote: TaxQuote | None = None, error: TrunklineError | None = None
) -> InvoiceState:
    """Note what became of a quote: sealed by it, asked again later when nobody answered, held otherwise."""
    invoice = _locked(work, invoice_id)
    if invoice.state is not InvoiceState.DRAFT:
        return invoice.state
    if quote is not None:
        seal(work, invoice_id, quote)
        return invoice.state
    invoice.quote_attempts += 1
    if isinstance(error, Unreachable | Unanswered) and invoice.quote_attempts < QUOTE_ATTEMPTS:
        wait = timedelta(seconds=QUOTE_BACK_OFF_S * 2 ** (invoice.quote_attempts - 1))
        invoice.quote_after = from_micros(now_micros(work)) + wait
    else:
        hold(work, invoice_id, reason=str(error or "no quote"))
    return invoice.state


def seal(work: Work, invoice_id: InvoiceId, quote: TaxQuote) -> str:
    """Issue a draft by its quote and return its number; sealing again returns the same number."""
    invoice = _locked(work, invoice_id)
    if invoice.state is InvoiceState.ISSUED and invoice.number is not None:
        return invoice.number
    account = customers.locked(work, invoice.account_id)
    if account.parked_reason is not None:
        raise Conflict(f"{account.id} is parked: {account.parked_reason}", field="account_id", fix="unpark it first")
    seller = ledger.seller(work, invoice.seller_id)
    rows = store.lines(work, invoice_id)
    return sealing.seal(work, invoice, rows, quote=quote, seller=seller, account=account)


def hold(work: Work, invoice_id: InvoiceId, *, reason: str) -> None:
    """Keep a draft from being issued until a person has mended the cause."""
    invoice = _locked(work, invoice_id)
    invoice.state = INVOICE.after(invoice.state, InvoiceMove.HOLD)
    invoice.held_reason = reason[:REASON_LENGTH]
    work.audit("invoice.held", invoice_id, {"reason": invoice.held_reason})
    work.emit(InvoiceHeld(invoice_id=invoice_id, account_id=invoice.account_id, reason=invoice.held_reason))


def release(work: Work, invoice_id: InvoiceId) -> None:
    """Ask for a held invoice's quote again, with fresh attempts and the payer as the account has it now."""
    invoice = _locked(work, invoice_id)
    invoice.state = INVOICE.after(invoice.state, InvoiceMove.RELEASE)
    account = customers.account(work, invoice.account_id)
    payer, seller = customers.get(work, account.customer_id), ledger.seller(work, invoice.seller_id)
    invoice.parties = document.parties(seller, payer, account)
    invoice.held_reason, invoice.quote_attempts = None, 0
    invoice.quote_after = from_micros(now_micros(work))
    work.audit("invoice.released", invoice_id)


def discard(work: Work, invoice_id: InvoiceId, *, reason: str) -> None:
    """Throw an unissued invoice away; what it charged is composed again. It never had a number."""
    invoice = _locked(work, invoice_id)
    later = store.reversals(work, [line.id for line in store.lines(work, invoice_id)])
    if others := {line.invoice_id for line in later} - {invoice_id}:
        raise Conflict(f"{min(others)} takes back what it charges", field="invoice_id", fix="discard that one first")
    invoice.state = INVOICE.after(invoice.state, InvoiceMove.DISCARD)
    work.audit("invoice.discarded", invoice_id, {"reason": check_reason(reason)})


# ---- taking back


def credit(
    work: Work, invoice_id: InvoiceId, *, lines: Mapping[int, Money | None] | None = None, reason: str
) -> CreditNote:
    """Credit an issued invoice, whole or by line number (an amount before tax, None for the line's rest).

    Conflict when more is asked than is left of the line or of the invoice.
    """
    invoice = issued(work, invoice_id)
    rows = store.lines(work, invoice_id)
    parts = crediting.chosen(rows, crediting.left(work, rows), lines)
    note = crediting.issue(work, invoice, parts, reason=check_reason(reason))
    work.audit("invoice.credited", invoice_id, {"credit_note": str(note.id), "reason": reason})
    return note


def _credit_days(work: Work, invoice_id: InvoiceId, back: Sequence[compose.Line]) -> CreditNote:
    invoice = issued(work, invoice_id)
    by_id = {line.id: line for line in store.lines(work, invoice_id)}
    parts = [
        crediting.Part(by_id[line.reverses.line_id], -line.net.minor, line.span)
        for line in back
        if line.reverses is not None
    ]
    return crediting.issue(work, invoice, parts, reason="no longer provided on these days")


# ---- what is set against it


def allocate(work: Work, invoice_id: InvoiceId, *, payment_id: Id, amount: Money) -> Allocation:
    """Set a payment's money against an invoice, at most what is open; the payment's own room posts it."""
    invoice = issued(work, invoice_id)
    items.reduce(work, items.held(work, invoice_id), amount)
    row = Allocation(
        tenant=work.tenant,
        id=AllocationId.new(),
        payment_id=int(payment_id),
        invoice_id=invoice.id,
        amount_minor=amount.minor,
        currency=amount.currency,
        allocated_at=work.now,
    )
    work.session.add(row)
    work.session.flush()
    return row


def undo_allocation(work: Work, allocation_id: AllocationId, *, reason: str) -> Allocation:
    """Take an allocation back: the invoice is open again by it; the payment's own room posts it."""
    row = store.allocation(work, allocation_id)
    if row is None:
        raise NotFound(f"no allocation {allocation_id}", field="allocation_id")
    if row.undone_at is not None:
        return row
    items.restore(items.held(work, row.invoice_id), Money(row.amount_minor, row.currency))
    row.undone_at, row.undone_reason = work.now, check_reason(reason)
    work.session.flush()
    return row


def issued(work: Work, invoice_id: InvoiceId) -> Invoice:
    """An issued invoice; Conflict says what it is instead."""
    invoice = get(work, invoice_id)
    if invoice.state is not InvoiceState.ISSUED:
        raise Conflict(f"{invoice_id} is {invoice.state}", field="invoice_id", fix="issue it first")
    return invoice


def check_reason(text: str) -> str:
    """A reason worth keeping; Invalid when it is empty or a letter."""
    if not text.strip() or len(text) > REASON_LENGTH:
        raise Invalid(f"a reason has 1 to {REASON_LENGTH} characters", field="reason")
    return text.strip()


def _locked(work: Work, invoice_id: InvoiceId) -> Invoice:
    work.session.flush()
    return _found(store.locked(work, invoice_id), invoice_id)


def _found(invoice: Invoice | None, invoice_id: InvoiceId) -> Invoice:
    if invoice is None:
        raise NotFound(f"no invoice {invoice_id}", field="invoice_id")
    return invoice
