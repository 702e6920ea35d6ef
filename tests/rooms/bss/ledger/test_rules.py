"""The chart and the posting rules are data, and a fact that does not balance is refused."""

from __future__ import annotations

import pytest

from bss.ledger import rules
from kernel.errors import Invalid
from kernel.money import Money


def eur(text: str) -> Money:
    """Euros."""
    return Money.of(text, "EUR")


def test_an_invoice_is_booked_to_each_account_that_its_amounts_name() -> None:
    amounts = {
        "total": eur("103.05"),
        "net:setup": eur("29.00"),
        "net:usage": eur("1.50"),
        "deferred": eur("56.10"),
        "tax:DE:19": eur("16.45"),
    }
    assert rules.installed().journal("invoiceIssued", amounts) == [
        ("receivable", eur("103.05")),
        ("revenue:setup", eur("-29.00")),
        ("revenue:usage", eur("-1.50")),
        ("contractLiability", eur("-56.10")),
        ("tax:DE:19", eur("-16.45")),
    ]


def test_a_negative_amount_changes_sides_and_a_zero_one_is_left_out() -> None:
    amounts = {"total": eur("-5.00"), "net:usage": eur("-5.00"), "deferred": eur("0.00")}
    assert rules.installed().journal("invoiceIssued", amounts) == [
        ("receivable", eur("-5.00")),
        ("revenue:usage", eur("5.00")),
    ]


@pytest.mark.parametrize(
    ("rule", "amounts", "field"),
    [
        ("invoiceIssued", {"total": eur("5.00"), "net:usage": eur("4.99")}, "amounts"),
        ("invoiceIssued", {"total": eur("5.00"), "net:usage": Money.of("5.00", "USD")}, "amounts"),
        ("invoiceIssued", {"sum": eur("5.00")}, "amounts"),
        ("invoiceInvented", {"total": eur("5.00")}, "rule"),
    ],
)
def test_what_does_not_balance_or_is_unknown_is_refused(rule: str, amounts: dict[str, Money], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.installed().journal(rule, amounts)
    assert refused.value.field == field


def test_a_rule_that_books_outside_the_chart_is_refused() -> None:
    chart = {"accounts": [{"name": "bank", "kind": "asset", "title": "Bank"}]}
    postings = {"rules": {"odd": {"meaning": "Odd.", "lines": [{"debit": "moon", "amount": "all"}]}}}
    with pytest.raises(Invalid, match="odd books 'moon'"):
        rules.parse(chart, postings)


def test_every_control_account_of_the_model_stands_in_the_chart() -> None:
    names = set(rules.installed().accounts)
    assert names >= {
        *("receivable", "unbilled", "contractAsset", "contractLiability", "deposits", "unapplied", "prepaid"),
        *(
            "clearing:*",
            "bank",
            "fees",
            "tax:*",
            "refundLiability",
            "badDebt",
            "breakage",
            "lateFees",
            "fx",
            "rounding",
        ),
    }


def test_the_reference_page_shows_every_rule_with_its_meaning() -> None:
    page = rules.postings_markdown()
    for rule in rules.installed().rules.values():
        assert f"### {rule.name}\n\n{rule.meaning}" in page
    assert "| receivable | | total |" in page
