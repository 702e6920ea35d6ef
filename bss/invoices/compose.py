"""What is to be billed, recomputed from what is chargeable and what was charged before: pure functions of values.

A span of a phase that is chargeable and was not charged becomes a line, one per period; a span that was charged and is
no longer chargeable is taken back by a reversal of that very line; usage is the difference to what its period was
charged before. So the same history always gives the same lines, and composing twice gives none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from bss.catalog.model import PriceKind
from bss.invoices.model import InvoiceId, InvoiceLineId, LineKind
from bss.subscriptions import prorate
from bss.subscriptions.model import Chargeable, PricePhaseId, SubscriptionId
from kernel.errors import Invalid
from kernel.money import NANO, Money, Rate, Rounding, round_money
from kernel.time import Span, period_containing

WINDOW_DAYS = 430
"""How far back a composition looks: a yearly period and two months. Older days are settled by credit notes only."""
LATE_DAYS = 100
"""How far back usage is rated again: a late event is accepted for less than that (three months at most)."""


@dataclass(frozen=True, slots=True)
class Used:
    """What the meter of one usage component shows for one span; the amount in nano-units."""

    quantity: int
    amount_nano: int


@dataclass(frozen=True, slots=True)
class Charged:
    """A line of an earlier document that stands: `reversed` are its days taken back, `credited_minor` its money."""

    line_id: InvoiceLineId
    invoice_id: InvoiceId
    subscription_id: SubscriptionId
    phase_id: PricePhaseId
    component: str
    description: str
    kind: LineKind
    span: Span
    period: Span
    rate: Rate
    quantity: int
    amount_nano: int
    rounding: Rounding
    net_minor: int
    tax_class: str
    revenue_account: str
    reversed: tuple[Span, ...] = ()
    credited_minor: int = 0

    def standing(self) -> list[Span]:
        """Its days that were not taken back."""
        return subtract([self.span], self.reversed)


@dataclass(frozen=True, slots=True)
class Line:
    """A line to be drafted; `reverses` names the earlier line that it takes back."""

    kind: LineKind
    subscription_id: SubscriptionId
    phase_id: PricePhaseId
    component: str
    description: str
    span: Span
    period: Span
    quantity: int
    amount_nano: int | None
    rate: Rate
    rounding: Rounding
    net: Money
    tax_class: str
    revenue_account: str
    reverses: Charged | None = None


def compose(
    chargeables: Sequence[Chargeable],
    charged: Sequence[Charged],
    *,
    upto: date,
    used: Mapping[tuple[PricePhaseId, Span], Used],
) -> list[Line]:
    """Every line due on a local day, in the order in which they are printed; empty when all is billed."""
    by_phase: dict[PricePhaseId, list[Charged]] = defaultdict(list)
    for earlier in charged:
        by_phase[earlier.phase_id].append(earlier)
    lines: list[tuple[tuple[object, ...], Line]] = []
    for item in chargeables:
        standing = by_phase[item.phase_id]
        found = _lines(item, standing, upto=upto, used=used)
        lines += [(_place(item, line, upto=upto), line) for line in found if line.net]
    return [line for _, line in sorted(lines, key=lambda pair: pair[0])]


def _lines(
    item: Chargeable, standing: list[Charged], *, upto: date, used: Mapping[tuple[PricePhaseId, Span], Used]
) -> Iterator[Line]:
    if item.kind is PriceKind.ONE_TIME:
        yield from _once(item, standing, upto=upto)
    elif item.kind is PriceKind.RECURRING:
        yield from _recurring(item, standing, upto=upto)
    else:
        yield from _usage(item, standing, upto=upto, used=used)


def _place(item: Chargeable, line: Line, *, upto: date) -> tuple[object, ...]:
    """One-time first, then the running periods, then what changes the past, usage last."""
    if line.kind is LineKind.ONE_TIME:
        section = 0
    elif line.kind is LineKind.USAGE:
        section = 3
    elif line.kind is LineKind.RECURRING and (upto in line.period or line.period.start > upto):
        section = 1
    else:
        section = 2
    past = line.period.start if section > 1 else date.min
    credit_first = line.kind is not LineKind.REVERSAL
    return section, past, int(item.subscription_id), credit_first, line.span, item.component, int(item.phase_id)


# ---- one-time and recurring prices


def _once(item: Chargeable, standing: list[Charged], *, upto: date) -> Iterator[Line]:
    if standing or item.start > upto or item.start < _horizon(upto):
        return
    at = Span(item.start, item.start)
    net = item.rate.charge(item.quantity, item.rounding)
    yield _line(item, LineKind.ONE_TIME, span=at, whole=at, net=net)


def _recurring(item: Chargeable, standing: list[Charged], *, upto: date) -> Iterator[Line]:
    window = Span(_horizon(upto), date.max)
    wanted = _clip(billable(item, upto=upto), window)
    done = [span for earlier in standing for span in earlier.standing()]
    for earlier in standing:
        yield from _taken_back(item, earlier, subtract(_clip(earlier.standing(), window), wanted))
    for span in subtract(wanted, done):
        for part, whole in by_period(item, span):
            net = part_price(item.rate, item.quantity, part=part, whole=whole, rounding=item.rounding)
            yield _line(item, LineKind.RECURRING, span=part, whole=whole, net=net)


def billable(item: Chargeable, *, upto: date) -> list[Span]:
    """The days of a recurring price that may be billed by a local day, free ones left out."""
    if item.start > upto:
        return []
    current = period_containing(item.anchor, item.unit, upto, count=item.count)
    stop = current.end if item.in_advance else current.start
    if item.end is not None and (item.end <= upto or item.end < stop):
        stop = item.end
    return subtract([Span(item.start, stop)], item.billed_none) if stop > item.start else []


def _taken_back(item: Chargeable, earlier: Charged, spans: list[Span]) -> Iterator[Line]:
    left = earlier.net_minor - earlier.credited_minor
    for span in spans:
        price = part_price(earlier.rate, earlier.quantity, part=span, whole=earlier.period, rounding=earlier.rounding)
        back = min(price.minor, left)
        left -= back
        yield Line(
            kind=LineKind.REVERSAL,
            subscription_id=item.subscription_id,
            phase_id=item.phase_id,
            component=item.component,
            description=f"{earlier.description}, taken back",
            span=span,
            period=earlier.period,
            quantity=earlier.quantity,
            amount_nano=None,
            rate=earlier.rate,
            rounding=earlier.rounding,
            net=Money(-back, item.rate.currency),
            tax_class=earlier.tax_class,
            revenue_account=earlier.revenue_account,
            reverses=earlier,
        )


def part_price(rate: Rate, quantity: int, *, part: Span, whole: Span, rounding: Rounding) -> Money:
    """The price of some days of a period, such that the parts of any split sum to the whole.

    It is the price of the days from `part.start` to the period's end less that of the days from `part.end` on, each
    rounded once; so a first stub and a last credit are exactly calendar days over the period's days.
    """

    def rest(day: date) -> Money:
        if day == whole.end:
            return Money.zero(rate.currency)
        return prorate.portion(rate, quantity, part=Span(day, whole.end), whole=whole, rounding=rounding)

    return rest(part.start) - rest(part.end)


# ---- usage


def usage_spans(item: Chargeable, *, upto: date) -> list[tuple[Span, Span]]:
    """The closed periods of a usage component that are still rated: (its days in it, the whole period)."""
    spans = []
    first = max(item.start, upto - timedelta(days=LATE_DAYS))
    whole = period_containing(item.anchor, item.unit, first, count=item.count)
    while whole.start < upto:
        part = whole.meet(Span(item.start, item.end if item.end is not None else date.max))
        over = whole.end <= upto or (item.end is not None and item.end <= upto)
        if part is not None and over:
            spans.append((part, whole))
        whole = period_containing(item.anchor, item.unit, whole.end, count=item.count)
    return spans


def _usage(
    item: Chargeable, standing: list[Charged], *, upto: date, used: Mapping[tuple[PricePhaseId, Span], Used]
) -> Iterator[Line]:
    for part, whole in usage_spans(item, upto=upto):
        now = used[item.phase_id, part]
        before = [earlier for earlier in standing if earlier.period == whole]
        amount = round_money(Decimal(now.amount_nano) / NANO, item.rate.currency, item.rounding)
        yield _line(
            item,
            LineKind.USAGE,
            span=part,
            whole=whole,
            net=amount - Money(sum(earlier.net_minor for earlier in before), amount.currency),
            quantity=now.quantity - sum(earlier.quantity for earlier in before),
            amount_nano=now.amount_nano - sum(earlier.amount_nano for earlier in before),
        )


def _line(
    item: Chargeable,
    kind: LineKind,
    *,
    span: Span,
    whole: Span,
    net: Money,
    quantity: int | None = None,
    amount_nano: int | None = None,
) -> Line:
    return Line(
        kind=kind,
        subscription_id=item.subscription_id,
        phase_id=item.phase_id,
        component=item.component,
        description=item.description,
        span=span,
        period=whole,
        quantity=item.quantity if quantity is None else quantity,
        amount_nano=amount_nano,
        rate=item.rate,
        rounding=item.rounding,
        net=net,
        tax_class=item.tax_class,
        revenue_account=item.revenue_account,
    )


# ---- a bill, or a credit note


@dataclass(frozen=True, slots=True)
class Documents:
    """What becomes of composed lines: one invoice, or credit notes by the invoice that they take back from."""

    invoice: tuple[Line, ...]
    credit_notes: Mapping[InvoiceId, tuple[Line, ...]]


def documents(lines: Sequence[Line], *, issued: frozenset[InvoiceId]) -> Documents:
    """Lines above zero in sum are one invoice; else reversals become credit notes and the charges stand alone.

    A sum of zero, and a reversal whose invoice is not issued yet, wait for the next composition.
    """
    if sum(line.net.minor for line in lines) > 0:
        return Documents(tuple(lines), {})
    if sum(line.net.minor for line in lines) == 0:
        return Documents((), {})
    notes: dict[InvoiceId, list[Line]] = defaultdict(list)
    for line in lines:
        if line.reverses is not None and line.reverses.invoice_id in issued:
            notes[line.reverses.invoice_id].append(line)
    charges = tuple(line for line in lines if line.reverses is None)
    above_zero = sum(line.net.minor for line in charges) > 0
    return Documents(charges if above_zero else (), {invoice_id: tuple(back) for invoice_id, back in notes.items()})


# ---- spans


def by_period(item: Chargeable, span: Span) -> Iterator[tuple[Span, Span]]:
    """A span cut at the component's period boundaries, each part with its whole period."""
    whole = period_containing(item.anchor, item.unit, span.start, count=item.count)
    while (part := whole.meet(span)) is not None:
        yield part, whole
        whole = period_containing(item.anchor, item.unit, whole.end, count=item.count)


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """The days of the spans that are in none of the holes, in order."""
    left = sorted(spans)
    for hole in holes:
        if not hole.days:
            continue
        cut = []
        for span in left:
            for start, end in ((span.start, min(span.end, hole.start)), (max(span.start, hole.end), span.end)):
                if start < end:
                    cut.append(Span(start, end))
        left = cut
    return left


def _clip(spans: Iterable[Span], window: Span) -> list[Span]:
    return [part for span in spans if (part := span.meet(window)) is not None]


def _horizon(upto: date) -> date:
    return upto - timedelta(days=WINDOW_DAYS)


def check_currency(chargeables: Iterable[Chargeable], *, currency: str) -> None:
    """Invalid names the component whose price is in another currency than the account."""
    for item in chargeables:
        if item.rate.currency != currency:
            raise Invalid(
                f"{item.component} is priced in {item.rate.currency}, the account is billed in {currency}",
                field="currency",
                fix="subscribe it on an account of that currency",
            )
