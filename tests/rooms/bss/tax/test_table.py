"""Tax by table: nothing missing is ever 0 %, and what is 0 says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss.tax import service as tax
from bss.tax import table
from bss.tax.port import QuoteCustomer, QuoteLine, QuoteRequest, QuoteSeller, RegistryAnswer
from kernel.errors import Invalid
from kernel.ids import TenantId
from kernel.work import Work

Do = Callable[[Callable[[Work], Any]], Any]
SELLER = QuoteSeller(country="DE", exempt=False)
EXEMPT = QuoteSeller(country="DE", exempt=True, exemption_reason="Small business, section 19 UStG")
ROWS = """
areas:
  - {name: EU, members: [DE, FR], reason: "Reverse charge"}
rows:
  - {jurisdiction: DE, class: standard, category: S, rate: "19", from: 2021-01-01, until: 2027-01-01}
  - {jurisdiction: DE, class: standard, category: S, rate: "20", from: 2027-01-01}
  - {jurisdiction: DE, class: books, category: S, rate: "7", from: 2021-01-01}
  - {jurisdiction: FR, class: standard, category: S, rate: "20", from: 2014-01-01}
"""


def parsed() -> table.Table:
    """The table of these tests."""
    return tax._table([tax._document(ROWS)])


def ask(*nets: int, **changes: Any) -> QuoteRequest:
    """A request in Germany for some nets of the standard class."""
    values: dict[str, Any] = {
        "tenant": TenantId(1),
        "document": "inv_1",
        "currency": "EUR",
        "tax_point": date(2026, 7, 1),
        "seller": SELLER,
        "customer": QuoteCustomer(country="DE"),
        "lines": tuple(QuoteLine(number=n, net_minor=net, tax_class="standard") for n, net in enumerate(nets, 1)),
    }
    return QuoteRequest(**(values | changes))


def test_the_rate_in_force_on_the_tax_point_taxes_each_line() -> None:
    quote = table.quote(parsed(), ask(10000, 50))
    assert [(line.jurisdiction, line.category, line.rate, line.tax_minor) for line in quote.lines] == [
        ("DE", "S", Decimal(19), 1900),
        ("DE", "S", Decimal(19), 10),
    ]
    assert quote.evidence["tax_point"] == "2026-07-01"
    assert quote.evidence["table"] == parsed().hash
    later = table.quote(parsed(), ask(10000, tax_point=date(2027, 1, 1)))
    assert later.lines[0].tax_minor == 2000


def test_the_tax_is_that_of_the_documents_sum_by_rate_and_not_of_each_line() -> None:
    quote = table.quote(parsed(), ask(33, 33, 33))
    assert quote.total_minor() == 19  # 0.99 at 19 %; by line it would be 3 x 0.06 = 0.18
    assert [line.tax_minor for line in quote.lines] == [7, 6, 6]


def test_each_rate_is_summed_by_itself() -> None:
    lines = tuple(QuoteLine(number=n, net_minor=1000, tax_class=c) for n, c in enumerate(("standard", "books"), 1))
    quote = table.quote(parsed(), ask(lines=lines))
    assert [line.tax_minor for line in quote.lines] == [190, 70]


def test_an_exempt_seller_is_quoted_an_explicit_zero_with_its_reason() -> None:
    quote = table.quote(table.Table(), ask(5900, -1950, seller=EXEMPT, customer=QuoteCustomer()))
    assert quote.total_minor() == 0
    assert {(line.category, line.rate, line.reason) for line in quote.lines} == {
        ("E", Decimal(0), "Small business, section 19 UStG")
    }
    assert quote.evidence["basis"] == "exempt seller"


def test_a_business_elsewhere_in_the_area_accounts_for_the_tax_when_the_registry_knows_it() -> None:
    answer = RegistryAnswer(tax_id="FR123", valid=True, reference="VIES-77", asked_on=date(2026, 6, 30))
    quote = table.quote(parsed(), ask(5900, customer=QuoteCustomer(country="FR", tax_id="FR123", registry=answer)))
    assert [(line.category, line.tax_minor, line.reason) for line in quote.lines] == [("AE", 0, "Reverse charge")]
    assert quote.evidence["registry"] == "VIES-77"


def test_a_consumer_elsewhere_pays_the_rate_of_where_he_is() -> None:
    quote = table.quote(parsed(), ask(5900, customer=QuoteCustomer(country="FR")))
    assert [(line.jurisdiction, line.tax_minor) for line in quote.lines] == [("FR", 1180)]


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"customer": QuoteCustomer(country="XX")}, "jurisdiction", "XX"),
        ({"customer": QuoteCustomer()}, "country", "missing"),
        ({"lines": (QuoteLine(number=1, net_minor=1, tax_class="moon"),)}, "tax_class", "moon"),
        ({"tax_point": date(2020, 1, 1)}, "tax_point", "2020-01-01"),
        ({"customer": QuoteCustomer(country="FR", tax_id="FR123")}, "tax_id", "registry"),
        (
            {
                "customer": QuoteCustomer(
                    country="FR",
                    tax_id="FR123",
                    registry=RegistryAnswer(tax_id="FR123", valid=False, reference="r", asked_on=date(2026, 6, 1)),
                )
            },
            "tax_id",
            "does not know",
        ),
        (
            {
                "customer": QuoteCustomer(
                    country="FR",
                    tax_id="FR123",
                    registry=RegistryAnswer(tax_id="FR999", valid=True, reference="r", asked_on=date(2026, 6, 1)),
                )
            },
            "tax_id",
            "registry",
        ),
        ({"seller": QuoteSeller(country="DE", exempt=True)}, "exemption_reason", "say why"),
    ],
)
def test_what_is_missing_is_named_and_never_zero(changes: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        table.quote(parsed(), ask(1, **changes))
    assert refused.value.field == field


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=40), st.decimals(0, 40, places=2))
def test_the_spread_sums_to_the_tax_of_the_sum_and_moves_no_line_by_a_cent(nets: list[int], rate: Decimal) -> None:
    parts = table.spread(nets, rate)
    whole = sum(nets) * rate / 100
    assert abs(sum(parts) - whole) <= Decimal("0.5")
    assert all(abs(part - net * rate / 100) < 1 for part, net in zip(parts, nets, strict=True))


def test_the_table_is_applied_as_a_version_and_read_back(do: Do, tmp_path: Path) -> None:
    source = tmp_path / "some.yaml"
    source.write_text(ROWS, encoding="utf-8")
    first = do(lambda work: tax.apply(work, source))
    again = do(lambda work: tax.apply(work, source))
    assert (first.name, first.number, again.number) == ("some", 1, 1)
    assert do(tax.table).rows == parsed().rows
    assert do(tax.table).hash == parsed().hash


def test_the_tables_that_come_with_the_product_can_be_applied(do: Do) -> None:
    for name, text in tax.installed().items():
        do(lambda work, name=name, text=text: tax.apply(work, text, name=name))
    assert do(tax.table).row("DE", "standard", date(2026, 6, 1)).rate == 19


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("rows: [", "source"),
        ("- a", "source"),
        ("columns: []", "source"),
        ('rows: [{jurisdiction: DE, class: a, category: S, rate: "1"}]', "rows.0.from"),
        ('rows: [{jurisdiction: DE, class: a, category: Z, rate: "0", from: 2020-01-01}]', "rows.0"),
        ('rows: [{jurisdiction: DE, class: a, category: S, rate: "-1", from: 2020-01-01}]', "rows.0.rate"),
        (ROWS + '  - {jurisdiction: FR, class: standard, category: S, rate: "21", from: 2020-01-01}', "table"),
    ],
)
def test_a_wrong_table_is_refused_by_entry_and_leaves_nothing(do: Do, text: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        do(lambda work: tax.apply(work, text))
    assert refused.value.field == field
    assert do(tax.table).rows == ()


def test_two_files_may_not_both_rate_the_same_day(do: Do) -> None:
    do(lambda work: tax.apply(work, ROWS, name="one"))
    with pytest.raises(Invalid, match="two rates on"):
        do(lambda work: tax.apply(work, ROWS, name="two"))
