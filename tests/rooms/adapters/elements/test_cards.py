"""Every shipped dialect has a quality card, the card says what is so, and the page says what the cards say."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.elements import cards, dialects
from kernel.errors import Invalid
from tests.house.tree import ROOT

FOLDER = ROOT / "config" / "dialects"
SHIPPED = sorted(FOLDER.glob("*.yaml"))
HLR = (FOLDER / "hlr_cli.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_card_contradicts_neither_its_dialect_nor_the_tests(path: Path) -> None:
    dialect = dialects.load(path).dialect
    assert dialect.quality is not None
    assert list(cards.contradictions(dialect, ROOT)) == []


def test_the_page_says_what_the_cards_say() -> None:
    written = (ROOT / "docs" / "reference" / "dialects.md").read_text(encoding="utf-8")
    assert written.endswith(cards.markdown(FOLDER)), "run make docs"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("real_element: 'none: our", "real_element: 'tests/real/test_nowhere.py' #", "there is no tests/real/test_no"),
        ("audit: one list", "audit: none #", "of its audit"),
        ("implicit_reads: show", "implicit_reads: none #", "read_first is True"),
        ("    remove:", "    frame: {rollback: [abort]}\n    remove:", "a rollback that the card does not name"),
    ],
)
def test_a_card_that_promises_too_much_is_found(old: str, new: str, says: str) -> None:
    dialect = dialects.parse(HLR.replace(old, new, 1), name="x").dialect
    assert any(says in found for found in cards.contradictions(dialect, ROOT))


def test_a_dialect_without_a_card_is_not_shipped(tmp_path: Path) -> None:
    bare = "\n".join(
        line
        for line in HLR.splitlines()
        if not line.startswith(("quality:", "  implicit", "  undo", "  audit:", "  real_"))
    )
    (tmp_path / "hlr_cli.yaml").write_text(bare, encoding="utf-8")
    with pytest.raises(Invalid, match="has no quality card"):
        cards.markdown(tmp_path)
