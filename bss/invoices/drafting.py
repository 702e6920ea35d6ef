"""From the tables to a composition and from its lines to a draft."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bss.catalog.model import PriceKind
from bss.customers import service as customers
from bss.customers.model import BillingAccount
from bss.invoices import compose, document, store
from bss.invoices.compose import Charged, Used
from bss.invoices.machine import INVOICE, InvoiceState
from bss.invoices.model import CreditNoteLine, Invoice, InvoiceId, InvoiceLine, InvoiceLineId
from bss.ledger import service as ledger
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Chargeable, PricePhaseId, SubscriptionId
from bss.usage import service as usage
from kernel.database import now_micros
from kernel.money import Rate, Rounding
from kernel.tables import from_micros
from kernel.time import Span
from kernel.work import Work


@dataclass(frozen=True, slots=True)
class History:
    """What stands charged, and which of the invoices it stands on are issued."""

    charged: list[Charged]
    issued: frozenset[InvoiceId]


def composed(
    work: Work, account: BillingAccount, *, upto: date, only: Collection[SubscriptionId] | None
) -> compose.Documents:
    """What is to be billed to an account (or of some of its subscriptions) on a local day."""
    items = subscriptions.chargeable(work, account.id)
    if only is not None:
        items = [item for item in items if item.subscription_id in only]
    compose.check_currency(items, currency=account.currency)
    known = history(work, sorted({item.subscription_id for item in items}), upto=upto)
    used = _used(work, items, upto=upto)
    lines = compose.compose(items, known.charged, upto=upto, used=used)
    return compose.documents(lines, issued=known.issued)


def history(work: Work, subscription_ids: Sequence[SubscriptionId], *, upto: date) -> History:
    """Every charge of some subscriptions that stands within the window, with what was taken back of it."""
    rows = store.standing(work, subscription_ids, since=upto - timedelta(days=compose.WINDOW_DAYS))
    ids = [line.id for line, _ in rows]
    days: dict[InvoiceLineId, list[Span]] = defaultdict(list)
    money: dict[InvoiceLineId, int] = defaultdict(int)
    for back in store.reversals(work, ids):
        if back.reverses is not None:
            days[back.reverses].append(Span(back.span_start, back.span_end))
            money[back.reverses] -= back.net_minor
    for credit in store.credit_lines(work, ids):
        days[credit.line_id] += credited_days(credit)
        money[credit.line_id] += credit.net_minor
    charged = [_charged(line, days[line.id], money[line.id]) for line, _ in rows]
    return History(charged, frozenset(line.invoice_id for line, state in rows if state is InvoiceState.ISSUED))


def credited_days(credit: CreditNoteLine) -> list[Span]:
    """The days a credit note's line takes back; none when it takes back money only."""
    if credit.span_start is None or credit.span_end is None:
        return []
    return [Span(credit.span_start, credit.span_end)]


def _charged(line: InvoiceLine, days: list[Span], money: int) -> Charged:
    return Charged(
        line_id=line.id,
        invoice_id=line.invoice_id,
        subscription_id=line.subscription_id,
        phase_id=line.phase_id,
        component=line.component,
        description=line.description,
        kind=line.kind,
        span=Span(line.span_start, line.span_end),
        period=Span(line.period_start, line.period_end),
        rate=Rate(line.rate, line.currency),
        quantity=line.quantity,
        amount_nano=line.amount_nano or 0,
        rounding=Rounding(line.rounding),
        net_minor=line.net_minor,
        tax_class=line.tax_class,
        revenue_account=line.revenue_account,
        reversed=tuple(days),
        credited_minor=money,
    )


def _used(work: Work, items: Sequence[Chargeable], *, upto: date) -> dict[tuple[PricePhaseId, Span], Used]:
    found: dict[tuple[PricePhaseId, Span], Used] = {}
    for item in items:
        if item.kind is PriceKind.USAGE:
            for part, _ in compose.usage_spans(item, upto=upto):
                rated = usage.rated(work, item.subscription_id, item.component, part)
                found[item.phase_id, part] = Used(rated.quantity, rated.amount_nano)
    return found


def stored(
    work: Work, account: BillingAccount, lines: Sequence[compose.Line], *, upto: date, order_ref: str | None
) -> Invoice:
    """A draft of composed lines; it is not numbered and waits for its tax quote."""
    seller = ledger.seller(work, account.seller_id)
    invoice = Invoice(
        tenant=work.tenant,
        id=InvoiceId.new(),
        account_id=account.id,
        seller_id=seller.id,
        state=INVOICE.initial,
        currency=account.currency,
        upto=upto,
        usage_cut_off=work.now,
        order_ref=order_ref,
        parties=document.parties(seller, customers.get(work, account.customer_id), account),
        drafted_at=work.now,
        quote_after=from_micros(now_micros(work)),
        net_minor=sum(line.net.minor for line in lines),
        tax_minor=0,
        total_minor=0,
    )
    work.session.add(invoice)
    work.session.add_all(_row(work, invoice, number, line) for number, line in enumerate(lines, 1))
    work.session.flush()
    return invoice


def _row(work: Work, invoice: Invoice, number: int, line: compose.Line) -> InvoiceLine:
    return InvoiceLine(
        tenant=work.tenant,
        id=InvoiceLineId.new(),
        invoice_id=invoice.id,
        number=number,
        kind=line.kind,
        reverses=None if line.reverses is None else line.reverses.line_id,
        subscription_id=line.subscription_id,
        phase_id=line.phase_id,
        component=line.component,
        description=line.description,
        span_start=line.span.start,
        span_end=line.span.end,
        period_start=line.period.start,
        period_end=line.period.end,
        quantity=line.quantity,
        amount_nano=line.amount_nano,
        rate=line.rate.per_unit,
        rounding=line.rounding,
        currency=line.net.currency,
        net_minor=line.net.minor,
        tax_class=line.tax_class,
        tax_minor=0,
        revenue_account=line.revenue_account,
        deferred=False,
    )
