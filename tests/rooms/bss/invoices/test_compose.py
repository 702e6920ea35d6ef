"""Composition is pure: the same history gives the same lines, and composing again gives none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bss.invoices import compose
from bss.invoices.compose import Charged, Line, Used
from bss.invoices.model import InvoiceId, InvoiceLineId, LineKind
from bss.subscriptions.model import Chargeable, PricePhaseId
from kernel.errors import Invalid
from kernel.money import Money, Rate, Rounding
from kernel.time import Span, Unit, day_anchor, period, period_containing
from tests.rooms.bss.invoices.tariff import AUGUST, HOME_500, JULY, JUNE, MESSAGES, ORDERED, UPGRADED, item

Usage = Mapping[tuple[PricePhaseId, Span], Used]

NOTHING_USED = {(MESSAGES.phase_id, Span(JUNE, JULY)): Used(0, 0), (MESSAGES.phase_id, Span(JULY, AUGUST)): Used(0, 0)}
THOUSAND = NOTHING_USED | {(MESSAGES.phase_id, Span(JUNE, JULY)): Used(1000, 1_500_000_000)}


def kept(lines: Sequence[Line], *, invoice: int = 1, before: Sequence[Charged] = ()) -> list[Charged]:
    """The history after a composition was billed: its charges, and its reversals on what stood before."""
    history = list(before)
    for line in lines:
        if line.reverses is None:
            history.append(charged(line, number=len(history) + 1, invoice=invoice))
            continue
        at = next(i for i, earlier in enumerate(history) if earlier.line_id == line.reverses.line_id)
        history[at] = replace(
            history[at],
            reversed=(*history[at].reversed, line.span),
            credited_minor=history[at].credited_minor - line.net.minor,
        )
    return history


def charged(line: Line, *, number: int, invoice: int) -> Charged:
    """A line as a later composition sees it."""
    return Charged(
        line_id=InvoiceLineId(number),
        invoice_id=InvoiceId(invoice),
        subscription_id=line.subscription_id,
        phase_id=line.phase_id,
        component=line.component,
        description=line.description,
        kind=line.kind,
        span=line.span,
        period=line.period,
        rate=line.rate,
        quantity=line.quantity,
        amount_nano=line.amount_nano or 0,
        rounding=line.rounding,
        net_minor=line.net.minor,
        tax_class=line.tax_class,
        revenue_account=line.revenue_account,
    )


def run(
    items: Sequence[Chargeable], history: Sequence[Charged] = (), *, upto: date, used: Usage | None = None
) -> list[Line]:
    """Compose with no usage unless told."""
    return compose.compose(items, history, upto=upto, used=NOTHING_USED if used is None else used)


def told(lines: Sequence[Line]) -> list[tuple[str, str, str]]:
    """Lines as a person would check them."""
    return [(line.description, str(line.span), line.net.plain()) for line in lines]


# ---- the main job


def test_the_first_invoice_of_the_main_job_is_86() -> None:
    lines = run(ORDERED, upto=JUNE)
    assert told(lines) == [
        ("Setup", "2026-06-01/2026-06-01", "29.00"),
        ("Home 500", "2026-06-01/2026-07-01", "39.00"),
        ("Mobile", "2026-06-01/2026-07-01", "15.00"),
        ("Meter", "2026-06-01/2026-07-01", "3.00"),
    ]
    assert sum(line.net.minor for line in lines) == 8600


def test_the_second_invoice_of_the_main_job_is_88_50() -> None:
    first = kept(run(ORDERED, upto=JUNE))
    lines = run(UPGRADED, first, upto=JULY, used=THOUSAND)
    assert told(lines) == [
        ("Home 1000", "2026-07-01/2026-08-01", "59.00"),
        ("Mobile", "2026-07-01/2026-08-01", "15.00"),
        ("Meter", "2026-07-01/2026-08-01", "3.00"),
        ("Home 500, taken back", "2026-06-16/2026-07-01", "-19.50"),
        ("Home 1000", "2026-06-16/2026-07-01", "29.50"),
        ("Messages", "2026-06-01/2026-07-01", "1.50"),
    ]
    assert sum(line.net.minor for line in lines) == 8850
    assert lines[3].reverses is not None
    assert lines[3].reverses.line_id == first[1].line_id
    assert (lines[5].quantity, lines[5].amount_nano) == (1000, 1_500_000_000)


def test_composing_again_for_the_same_day_gives_nothing() -> None:
    first = kept(run(ORDERED, upto=JUNE))
    assert run(ORDERED, first, upto=JUNE) == []
    second = kept(run(UPGRADED, first, upto=JULY, used=THOUSAND), before=first, invoice=2)
    assert run(UPGRADED, second, upto=JULY, used=THOUSAND) == []
    assert run(UPGRADED, second, upto=date(2026, 7, 31), used=THOUSAND) == []


# ---- what changes the past


def test_a_termination_takes_back_the_days_billed_ahead() -> None:
    history = kept(run([HOME_500], upto=JUNE))
    ended = replace(HOME_500, end=date(2026, 6, 21))
    lines = run([ended], history, upto=date(2026, 6, 21))
    assert told(lines) == [("Home 500, taken back", "2026-06-21/2026-07-01", "-13.00")]
    assert run([ended], kept(lines, before=history), upto=JULY) == []


def test_what_a_credit_note_took_back_is_not_taken_back_twice() -> None:
    (line,) = kept(run([HOME_500], upto=JUNE))
    ended = replace(HOME_500, end=date(2026, 6, 21))
    assert told(run([ended], [replace(line, credited_minor=3000)], upto=date(2026, 6, 21))) == [
        ("Home 500, taken back", "2026-06-21/2026-07-01", "-9.00")
    ]
    assert run([ended], [replace(line, credited_minor=3900)], upto=date(2026, 6, 21)) == []


def test_days_that_a_restriction_makes_free_are_taken_back_and_charged_again_when_they_no_longer_are() -> None:
    history = kept(run([HOME_500], upto=JUNE))
    paused = replace(HOME_500, billed_none=(Span(date(2026, 6, 11), date.max),))
    lines = run([paused], history, upto=JULY)
    assert told(lines) == [("Home 500, taken back", "2026-06-11/2026-07-01", "-26.00")]
    history = kept(lines, before=history, invoice=2)
    resumed = replace(HOME_500, billed_none=(Span(date(2026, 6, 11), date(2026, 7, 11)),))
    assert told(run([resumed], history, upto=AUGUST)) == [
        ("Home 500", "2026-08-01/2026-09-01", "39.00"),
        ("Home 500", "2026-07-11/2026-08-01", "26.42"),
    ]


def test_a_late_event_makes_a_line_of_the_difference_only() -> None:
    key = (MESSAGES.phase_id, Span(JUNE, JULY))
    history = kept(run([MESSAGES], upto=JULY, used={key: Used(1000, 1_500_000_000)}))
    later = {key: Used(1400, 2_100_000_000), (MESSAGES.phase_id, Span(JULY, AUGUST)): Used(100, 150_000_000)}
    lines = run([MESSAGES], history, upto=AUGUST, used=later)
    assert [(str(line.span), line.quantity, line.net.plain()) for line in lines] == [
        ("2026-06-01/2026-07-01", 400, "0.60"),
        ("2026-07-01/2026-08-01", 100, "0.15"),
    ]


def test_usage_is_rounded_at_the_line_only_and_a_last_part_of_a_period_is_billed_at_its_end() -> None:
    ended = replace(MESSAGES, end=date(2026, 6, 10))
    used = {(MESSAGES.phase_id, Span(JUNE, date(2026, 6, 10))): Used(3, 4_500_000 + 500_000)}
    assert told(run([ended], upto=date(2026, 6, 10), used=used)) == [("Messages", "2026-06-01/2026-06-10", "0.01")]


# ---- periods


def test_a_price_in_arrears_is_billed_when_its_period_is_over_or_it_ends() -> None:
    rent = replace(HOME_500, in_advance=False)
    assert run([rent], upto=date(2026, 6, 30)) == []
    assert told(run([rent], upto=JULY)) == [("Home 500", "2026-06-01/2026-07-01", "39.00")]
    ended = replace(rent, end=date(2026, 6, 11))
    assert told(run([ended], upto=date(2026, 6, 11))) == [("Home 500", "2026-06-01/2026-06-11", "13.00")]


def test_a_start_within_a_period_is_a_stub_and_one_that_has_not_come_is_not_billed() -> None:
    late = replace(HOME_500, start=date(2026, 6, 11))
    assert run([late], upto=date(2026, 6, 10)) == []
    assert told(run([late], upto=date(2026, 6, 11))) == [("Home 500", "2026-06-11/2026-07-01", "26.00")]


def test_a_phase_that_never_came_to_a_day_and_a_free_one_make_no_line() -> None:
    assert run([replace(HOME_500, end=JUNE), item(9, "0.00")], upto=JULY) == []


def test_a_year_in_advance_is_charged_once_and_taken_back_by_its_days() -> None:
    yearly = replace(HOME_500, unit=Unit.YEAR, rate=Rate.of("365.00", "EUR"), anchor=JUNE)
    history = kept(run([yearly], upto=JUNE))
    assert [line.net_minor for line in history] == [36500]
    for month in range(1, 12):
        assert run([yearly], history, upto=period(JUNE, Unit.MONTH, month).start) == []
    ended = replace(yearly, end=date(2027, 5, 1))
    assert told(run([ended], history, upto=date(2027, 5, 1))) == [
        ("Home 500, taken back", "2027-05-01/2027-06-01", "-31.00")
    ]


@pytest.mark.parametrize(
    ("anchor_day", "upto", "expected"),
    [
        (31, date(2027, 2, 28), "2027-02-28/2027-03-31"),
        (30, date(2027, 2, 28), "2027-02-28/2027-03-30"),
        (29, date(2028, 2, 29), "2028-02-29/2028-03-29"),
        (29, date(2027, 3, 28), "2027-02-28/2027-03-29"),
    ],
)
def test_short_months_clamp_and_never_drift(anchor_day: int, upto: date, expected: str) -> None:
    price = replace(HOME_500, anchor=day_anchor(anchor_day, JUNE), start=date(2026, 1, 1))
    assert expected in {str(line.span) for line in run([price], upto=upto) if line.span.start <= upto}


def test_two_currencies_on_one_account_are_refused() -> None:
    with pytest.raises(Invalid, match="access is priced in USD"):
        compose.check_currency([replace(HOME_500, rate=Rate.of("1", "USD"))], currency="EUR")


# ---- documents


def test_a_sum_below_zero_becomes_credit_notes_and_the_charges_stand_alone() -> None:
    history = kept(run([HOME_500], upto=JUNE), invoice=7)
    ended = replace(HOME_500, end=date(2026, 6, 21))
    used = NOTHING_USED | {(MESSAGES.phase_id, Span(JUNE, date(2026, 6, 21))): Used(100, 150_000_000)}
    lines = run([ended, replace(MESSAGES, end=date(2026, 6, 21))], history, upto=date(2026, 6, 21), used=used)
    found = compose.documents(lines, issued=frozenset({InvoiceId(7)}))
    assert told(found.invoice) == [("Messages", "2026-06-01/2026-06-21", "0.15")]
    assert {key: told(back) for key, back in found.credit_notes.items()} == {
        InvoiceId(7): [("Home 500, taken back", "2026-06-21/2026-07-01", "-13.00")]
    }
    unissued = compose.documents(lines, issued=frozenset())
    assert (told(unissued.invoice), unissued.credit_notes) == ([("Messages", "2026-06-01/2026-06-21", "0.15")], {})


def test_a_sum_of_zero_is_no_document() -> None:
    history = kept(run([HOME_500], upto=JUNE))
    swapped = [replace(HOME_500, end=date(2026, 6, 16)), item(7, "39.00", start=date(2026, 6, 16))]
    lines = run(swapped, history, upto=date(2026, 6, 16))
    assert [line.net.plain() for line in lines] == ["19.50", "-19.50"]
    assert compose.documents(lines, issued=frozenset({InvoiceId(1)})) == compose.Documents((), {})


# ---- properties


prices = st.decimals(Decimal("0.01"), 500, places=2).map(lambda amount: Rate(amount, "EUR"))


@given(prices, st.integers(1, 31), st.dates(date(2023, 1, 1), date(2029, 1, 1)), st.data())
def test_the_parts_of_a_split_period_sum_to_the_whole(rate: Rate, anchor: int, day: date, data: st.DataObject) -> None:
    whole = period_containing(day_anchor(anchor, day), data.draw(st.sampled_from(list(Unit))), day)
    cuts = data.draw(st.lists(st.dates(whole.start, whole.end), max_size=5).map(sorted))
    days = [whole.start, *cuts, whole.end]
    rounding = data.draw(st.sampled_from(list(Rounding)))
    parts = [compose.part_price(rate, 1, part=Span(a, b), whole=whole, rounding=rounding) for a, b in pairwise(days)]
    assert sum((part.minor for part in parts), 0) == rate.charge(1, rounding).minor


@settings(max_examples=60)
@given(prices, st.integers(1, 31), st.dates(date(2023, 1, 1), date(2024, 6, 1)), st.data())
def test_bills_of_any_days_charge_each_day_once_and_a_life_costs_its_days(
    rate: Rate, anchor: int, start: date, data: st.DataObject
) -> None:
    """Whatever the days of billing, and however often the end is moved, what stands charged is what is chargeable."""
    life = data.draw(st.integers(1, 300))
    runs = sorted(data.draw(st.lists(st.integers(0, 360), min_size=1, max_size=6)))
    base = item(1, str(rate.per_unit), anchor=day_anchor(anchor, start), start=start)
    ended = replace(base, end=start + timedelta(days=life))
    history: list[Charged] = []
    for number, offset in enumerate([*runs, 361], 1):
        upto = start + timedelta(days=offset)
        lines = run([ended if offset >= life else base], history, upto=upto)
        history = kept(lines, before=history, invoice=number)
        assert run([ended if offset >= life else base], history, upto=upto) == []
    at_once = run([ended], upto=start + timedelta(days=361))
    assert sum(c.net_minor - c.credited_minor for c in history) == sum(line.net.minor for line in at_once)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=6),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=6),
)
def test_subtracting_spans_is_subtracting_their_days(
    spans: list[tuple[int, int]], holes: list[tuple[int, int]]
) -> None:
    def made(pairs: list[tuple[int, int]]) -> list[Span]:
        return [Span(JUNE + timedelta(days=a), JUNE + timedelta(days=a + n)) for a, n in pairs]

    def days(found: list[Span]) -> list[date]:
        return sorted(span.start + timedelta(days=n) for span in found for n in range(span.days))

    missing = set(days(made(holes)))
    assert days(compose.subtract(made(spans), made(holes))) == [d for d in days(made(spans)) if d not in missing]


def test_a_usage_line_is_kept_in_money_of_the_account() -> None:
    (line,) = run([MESSAGES], upto=JULY, used=THOUSAND)
    assert (line.kind, line.net) == (LineKind.USAGE, Money.of("1.50", "EUR"))
