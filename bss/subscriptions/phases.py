"""The phases of a subscription's prices: how they begin, follow one another, end, and what of them is chargeable."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

from bss.catalog.model import Billing, Price, PriceKind, Starts
from bss.subscriptions.model import Chargeable, PricePhase, PricePhaseId, RestrictionBilling, Subscription
from kernel.money import Rate
from kernel.time import Span, local_date
from oss.port import Level

FOREVER = date(9999, 1, 1)
"""Stands for the end of a span that is still open."""


def sold(price: PricePhase) -> Price:
    """The price a phase froze."""
    return Price.model_validate(price.price)


def open_phases(
    subscription: Subscription, prices: Iterable[Price], *, on: date, anchor: date, offering: tuple[str, str]
) -> list[PricePhase]:
    """A new phase for each price from a local day on; `offering` is its code and version hash."""
    return [
        PricePhase(
            tenant=subscription.tenant,
            id=PricePhaseId.new(),
            subscription_id=subscription.id,
            component=price.code,
            kind=price.kind,
            offering=offering[0],
            offering_hash=offering[1],
            price=price.stored(),
            rate=price.amount,
            currency=price.currency,
            quantity=subscription.quantity,
            meter=price.meter,
            starts=price.starts,
            anchor=anchor,
            from_date=on,
            until_date=None,
            charged_from=None,
        )
        for price in prices
    ]


def start(phases: Iterable[PricePhase], *, confirmed_on: date, missing: Collection[str] = ()) -> None:
    """Let the prices run: from the network-confirmed day, or from the order's where the price says so.

    What pays for a component that is missing does not run.
    """
    for phase in phases:
        if phase.charged_from is None and sold(phase).served(missing):
            on_order = phase.starts is Starts.ON_ORDER
            phase.charged_from = phase.from_date if on_order else max(phase.from_date, confirmed_on)


def resume(phases: Iterable[PricePhase], *, on: date) -> None:
    """What was missing is there: the prices that waited for it run from that day, whatever they start with."""
    for phase in phases:
        if phase.charged_from is None and phase.until_date is None:
            phase.charged_from = max(phase.from_date, on)


def switch(
    subscription: Subscription,
    phases: Sequence[PricePhase],
    prices: Sequence[Price],
    *,
    on: date,
    offering: tuple[str, str],
    anchor: date,
    missing: Collection[str] = (),
) -> list[PricePhase]:
    """End the phases in force and begin new prices on a day; an unchanged price goes on, a setup is not repeated."""
    lasting = [price for price in prices if price.kind is not PriceKind.ONE_TIME]
    current = {
        phase.component: phase for phase in phases if phase.until_date is None and phase.kind is not PriceKind.ONE_TIME
    }
    kept = {price.code for price in lasting if price.code in current and sold(current[price.code]) == price}
    for code, phase in current.items():
        if code not in kept:
            phase.until_date = max(on, phase.from_date)
    anchors = {code: phase.anchor for code, phase in current.items()}
    begun = []
    for price in lasting:
        if price.code not in kept:
            at = anchors.get(price.code, anchor)
            begun += open_phases(subscription, [price], on=on, anchor=at, offering=offering)
    start(begun, confirmed_on=on, missing=missing)
    return begun


def end(phases: Iterable[PricePhase], *, ends_on: date) -> None:
    """End what is in force: the end's day itself is free, but what was used on it is not."""
    for phase in phases:
        if phase.until_date is None:
            last = ends_on + timedelta(days=1) if phase.kind is PriceKind.USAGE else ends_on
            phase.until_date = max(last, phase.from_date)


def reopen(phases: Iterable[PricePhase], *, ended_on: date) -> None:
    """Take an end back: the last phase of each component that ended with it goes on; one that was switched does not."""
    last: dict[str, PricePhase] = {}
    for phase in sorted(phases, key=lambda each: (each.from_date, each.id)):
        last[phase.component] = phase
    for phase in last.values():
        if ended_with(phase, ended_on=ended_on):
            phase.until_date = None


def ended_with(phase: PricePhase, *, ended_on: date) -> bool:
    """Whether a phase lasted until the end of its line, and was not switched before."""
    day = ended_on + timedelta(days=1) if phase.kind is PriceKind.USAGE else ended_on
    return phase.until_date == max(day, phase.from_date)


def chargeables(
    subscription: Subscription, phases: Iterable[PricePhase], restrictions: Sequence[RestrictionBilling]
) -> list[Chargeable]:
    """What the running phases make chargeable; a usage price of nothing makes no line and is left out."""
    return [
        _chargeable(subscription, phase, restrictions)
        for phase in phases
        if phase.charged_from is not None and (phase.rate or phase.kind is not PriceKind.USAGE)
    ]


def _chargeable(
    subscription: Subscription, phase: PricePhase, restrictions: Sequence[RestrictionBilling]
) -> Chargeable:
    price = sold(phase)
    first = phase.charged_from or phase.from_date
    last = None if phase.kind is PriceKind.ONE_TIME or phase.until_date is None else max(first, phase.until_date)
    lasting = phase.kind is PriceKind.RECURRING
    return Chargeable(
        subscription_id=subscription.id,
        phase_id=phase.id,
        component=phase.component,
        description=price.name or phase.component,
        kind=phase.kind,
        rate=Rate(phase.rate, phase.currency),
        unit=price.unit,
        count=price.count,
        in_advance=price.in_advance,
        quantity=phase.quantity,
        rounding=price.rounding,
        tax_class=price.tax_class,
        revenue_account=price.revenue,
        start=first,
        end=last,
        billed_none=free_days(price, restrictions, Span(first, last or FOREVER)) if lasting else (),
        meter=phase.meter,
        anchor=phase.anchor,
    )


def free_days(price: Price, restrictions: Iterable[RestrictionBilling], within: Span) -> tuple[Span, ...]:
    """The days on which a hard restriction makes a price free, merged; under a soft one the line is in use."""
    spans = sorted(
        span
        for row in restrictions
        if row.level is Level.HARD and price.billing(row.cause) is Billing.NONE
        if (span := Span(row.from_date, row.until_date or FOREVER).meet(within)) is not None
    )
    merged: list[Span] = []
    for span in spans:
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def in_force(phases: Iterable[PricePhase], *, meter: str, day: date) -> PricePhase | None:
    """The usage phase of a meter on a local day; one whose line has just come up counts from its order's day."""
    for phase in phases:
        started = (phase.charged_from or phase.from_date) <= day
        if phase.meter == meter and started and (phase.until_date is None or day < phase.until_date):
            return phase
    return None


def confirmed_day(subscription: Subscription) -> date | None:
    """The local day of its activation."""
    at = subscription.activated_at
    return None if at is None else local_date(at, subscription.zone)
