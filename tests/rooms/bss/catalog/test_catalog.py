"""A catalogue file is stored whole as versions, or refused by file and line."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bss.catalog import service as catalog
from bss.catalog import source
from bss.catalog.model import PriceKind, Then
from kernel.database import Database
from kernel.errors import Invalid
from kernel.ids import TenantId
from kernel.work import Actor, Work
from oss.specs import service as specs

CONFIG = Path(__file__).parents[4] / "config"
GOOD = """\
currency: EUR
offerings:
  - code: plain
    name: Plain
    specification: meter
    characteristics: {profile: METER}
    prices:
      - code: line
        kind: recurring
        amount: "3.00"
        revenue: recurring
"""
Do = Callable[[Callable[[Work], Any]], Any]


@pytest.fixture
def database(database: Database) -> Database:
    """A database that knows the house's specifications."""
    for path in sorted((CONFIG / "specs").glob("*.yaml")):
        database.run_system(lambda work, p=path: specs.apply(work, p))
    return database


def test_the_demo_s_catalogue_says_what_the_story_sells(do: Do) -> None:
    do(lambda work: catalog.apply(work, CONFIG / "catalog/demo.yaml"))
    sold = {each.code: each for each in do(catalog.offerings)}
    prices = {code: [(p.kind, p.amount, p.in_advance) for p in each.prices] for code, each in sold.items()}
    assert prices == {
        "home-500": [
            (PriceKind.ONE_TIME, Decimal("29.00"), True),
            (PriceKind.RECURRING, Decimal("39.00"), True),
        ],
        "home-1000": [(PriceKind.RECURRING, Decimal("59.00"), True)],
        "mobile": [(PriceKind.RECURRING, Decimal("15.00"), True), (PriceKind.USAGE, Decimal(0), False)],
        "meter": [(PriceKind.RECURRING, Decimal("3.00"), True), (PriceKind.USAGE, Decimal("0.0015"), False)],
    }
    allowance = sold["mobile"].prices[1].allowance
    assert allowance is not None
    assert (allowance.quantity, allowance.then, allowance.rate) == (5_000_000_000, Then.THROTTLE, "64")
    assert {each.currency for each in sold.values()} == {"EUR"}


def test_the_same_content_is_the_same_version(do: Do) -> None:
    (first,) = do(lambda work: catalog.apply(work, GOOD))
    (again,) = do(lambda work: catalog.apply(work, GOOD))
    assert (first.number, again.number) == (1, 1)
    dearer = do(lambda work: catalog.apply(work, GOOD.replace("3.00", "4.00")))
    assert dearer[0].number == 2
    assert do(lambda work: catalog.offering(work, "plain")).prices[0].amount == Decimal("4.00")
    assert do(lambda work: catalog.offering(work, "plain", first.hash)).prices[0].amount == Decimal("3.00")


def test_what_is_shown_can_be_applied_again(do: Do) -> None:
    (first,) = do(lambda work: catalog.apply(work, GOOD))
    shown = do(lambda work: catalog.show(work, "plain"))
    assert [each.hash for each in do(lambda work: catalog.apply(work, shown))] == [first.hash]


BAD = [
    ("an unknown field", ("name: Plain", "name: Plain\n    colour: red"), "5 offerings.0.colour", "not permitted"),
    ("too many decimals", ('"3.00"', '"3.001"'), "8 offerings.0.prices.0", "3.001 has more than 2 decimals"),
    ("no number", ('"3.00"', '"dear"'), "10 offerings.0.prices.0.amount", "'dear' is not a decimal number"),
    ("a float", ('"3.00"', "3.00"), "10 offerings.0.prices.0.amount", 'an amount is written as text, "39.00"'),
    ("a negative amount", ('"3.00"', '"-3.00"'), "10 offerings.0.prices.0.amount", "-3.00 is negative"),
    ("no currency", ("currency: EUR\n", ""), "7 offerings.0.prices.0.currency", "the price has no currency"),
    ("an unknown currency", ("EUR", "EUX"), "8 offerings.0.prices.0.currency", "unknown currency 'EUX'"),
    ("a missing field", ("    name: Plain\n", ""), "3 offerings.0.name", "Field required"),
    ("an unknown unit", ("revenue: recurring", "revenue: r\n        unit: moon"), "12 offerings.0.prices.0.unit", ""),
    ("usage without a meter", ("kind: recurring", "kind: usage"), "8 offerings.0.prices.0", "needs a meter"),
    ("nothing on sale", ("offerings:", "offerings: []\nx:"), "3 x", "not permitted"),
    ("no YAML", ("{profile: METER}", "{profile"), "7", "expected ',' or '}'"),
]
STRANGE = [
    ("no specification", (": meter", ": teapot"), "5 offerings.0.specification", "no specification 'teapot'"),
    ("a foreign value", ("METER", "me ter"), "6 offerings.0.characteristics.profile", "cannot be said of meter"),
    ("a foreign name", ("{profile", "{colour"), "6 offerings.0.characteristics.colour", "no characteristic of meter"),
    ("a circle", ("name: Plain", "name: Plain\n    requires: [plain]"), "5 offerings.0.requires", "plain > plain"),
    ("a dangling name", ("name: Plain", "name: Plain\n    excludes: [x]"), "5 offerings.0.excludes.0", "called 'x'"),
]


@pytest.mark.parametrize(("edit", "place", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_file_is_named_by_file_and_line(tmp_path: Path, edit: tuple[str, str], place: str, words: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(GOOD.replace(*edit), encoding="utf-8")
    with pytest.raises(Invalid) as caught:
        source.read(file)
    assert f"bad.yaml:{place}" in str(caught.value)
    assert words in str(caught.value)


def test_what_nothing_else_knows_is_named_by_file_and_line(do: Do, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    for name, edit, place, words in STRANGE:
        file.write_text(GOOD.replace(*edit), encoding="utf-8")
        with pytest.raises(Invalid) as caught:
            do(lambda work: catalog.apply(work, file))
        assert f"bad.yaml:{place}" in str(caught.value), name
        assert words in str(caught.value), name
    assert do(catalog.offerings) == []


def test_a_throttle_the_network_does_not_know_is_refused(do: Do) -> None:
    usage = '      - {code: u, kind: usage, meter: m, amount: "0", inAdvance: false, revenue: r,\n'
    usage += '         allowance: {quantity: 5, then: throttle, rate: "0"}}\n'
    text = GOOD.replace("specification: meter", "specification: mobile-line") + usage
    with pytest.raises(Invalid, match=r"text:13 offerings.0.prices.1.allowance.rate: '0' is no throttle"):
        do(lambda work: catalog.apply(work, text))


def test_an_offering_of_another_tenant_is_unknown(do: Do, database: Database) -> None:
    do(lambda work: catalog.apply(work, GOOD))
    with pytest.raises(Invalid, match="apply a catalogue first"):
        database.run(lambda work: catalog.offering(work, "plain"), tenant=TenantId(2), actor=Actor("test:other"))


def test_a_longer_circle_is_found_and_a_diamond_is_none() -> None:
    assert source.cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    assert source.cycle({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) is None
