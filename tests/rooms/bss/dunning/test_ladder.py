"""A ladder is data: what it refuses, what it does to one line, and how it is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bss.dunning import ladder as rules
from bss.dunning import ladders
from bss.dunning.ladder import Ladder, Standing
from bss.dunning.model import Deed, Do
from kernel.errors import Invalid, NotFound
from kernel.work import Work

Run = Callable[[Callable[[Work], Any]], Any]
FILE = Path(__file__).parents[4] / "config/dunning/standard.yaml"
TEXT = FILE.read_text(encoding="utf-8")
LADDER = Ladder.model_validate(
    {
        "name": "short",
        "minimum": {"EUR": "5.00"},
        "notice_days": 7,
        "soft_days": 7,
        "rungs": [
            {"after_days": 0, "do": "remind", "template": "reminder"},
            {"after_days": 7, "do": "soft", "template": "soft"},
            {"after_days": 14, "do": "hard", "template": "hard"},
        ],
    }
)
DAY = date(2026, 6, 30)
EARLY, LATE = date(2026, 6, 16), date(2026, 6, 24)


def test_a_ladder_is_stored_once_and_shown_as_it_was(do: Run) -> None:
    first = do(lambda work: ladders.apply(work, FILE))
    assert do(lambda work: ladders.apply(work, FILE)).number == first.number == 1
    shown = do(lambda work: ladders.show(work, "standard"))
    assert do(lambda work: ladders.apply(work, shown)).number == 1
    assert do(lambda work: ladders.apply(work, TEXT.replace("45", "60"))).number == 2
    assert do(lambda work: ladders.get(work, "standard", first.hash)).rungs[3].after_days == 45
    with pytest.raises(NotFound, match="no ladder"):
        do(lambda work: ladders.get(work, "steep"))


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("after_days: 14, do: hard", "after_days: 10, do: hard", 12, "sooner than soft_days"),
        ("after_days: 7, do: soft", "after_days: 3, do: soft", 11, "sooner than notice_days"),
        ("  - {after_days: 7, do: soft, template: soft}\n", "", 11, "needs a rung before it that does soft"),
        ("  - {after_days: 0, do: remind, template: reminder}\n", "", 10, "needs a rung before it that does remind"),
        ("after_days: 7, do: soft", "after_days: 0, do: soft", 11, "must rise"),
        ("do: hard", "do: shout", 12, "hard"),
        ("template: soft", "template: sofft", 11, "no notice template"),
        ('EUR: "5.00"', 'EUR: "5.001"', 5, "decimals"),
        ('EUR: "5.00"', 'EUR: "0.00"', 5, "more than zero"),
        ('EUR: "5.00"', 'XXX: "5.00"', 5, "unknown currency"),
        ("soft_days: 7", "soft_days: 7\nfees: 3", 9, "not permitted"),
    ],
)
def test_a_bad_ladder_is_refused_by_line_and_nothing_is_kept(do: Run, old: str, new: str, line: int, said: str) -> None:
    assert old in TEXT
    with pytest.raises(Invalid) as refused:
        do(lambda work: ladders.apply(work, TEXT.replace(old, new), name="bad.yaml"))
    assert said in str(refused.value)
    assert str(refused.value.field).startswith(f"bad.yaml:{line} ")
    with pytest.raises(NotFound):
        do(lambda work: ladders.get(work, "standard"))


@pytest.mark.parametrize(
    ("do", "line", "letter", "deed"),
    [
        (Do.REMIND, Standing(protected=False), EARLY, None),
        (Do.SOFT, Standing(protected=False), EARLY, Deed.SOFT),
        (Do.SOFT, Standing(protected=False), LATE, None),
        (Do.SOFT, Standing(protected=False), None, None),
        (Do.SOFT, Standing(protected=False, level=Deed.SOFT, soft_on=EARLY), EARLY, None),
        (Do.HARD, Standing(protected=False, level=Deed.SOFT, soft_on=EARLY), EARLY, Deed.HARD),
        (Do.HARD, Standing(protected=False, level=Deed.SOFT, soft_on=LATE), EARLY, None),
        (Do.HARD, Standing(protected=False), EARLY, Deed.SOFT),
        (Do.HARD, Standing(protected=True, level=Deed.SOFT, soft_on=EARLY), EARLY, None),
        (Do.HARD, Standing(protected=True), EARLY, Deed.SOFT),
        (Do.TERMINATE, Standing(protected=False, level=Deed.HARD, soft_on=EARLY, hard_on=EARLY), EARLY, Deed.TERMINATE),
        (Do.TERMINATE, Standing(protected=True, level=Deed.HARD, soft_on=EARLY, hard_on=EARLY), EARLY, None),
        (Do.TERMINATE, Standing(protected=False, level=Deed.SOFT, soft_on=EARLY), EARLY, Deed.HARD),
    ],
)
def test_no_rung_is_skipped_and_no_protected_line_is_cut(
    do: Do, line: Standing, letter: date | None, deed: Deed | None
) -> None:
    assert rules.deed(do, line, ladder=LADDER, letter_on=letter, today=DAY) is deed


@pytest.mark.parametrize(
    ("line", "deed"),
    [
        (Standing(protected=False, strictest=Deed.HARD), Deed.HARD),
        (Standing(protected=True, strictest=Deed.HARD), Deed.SOFT),
        (Standing(protected=False, level=Deed.SOFT, strictest=Deed.SOFT), None),
        (Standing(protected=False), None),
    ],
)
def test_what_is_placed_again_is_what_had_been_reached(line: Standing, deed: Deed | None) -> None:
    assert rules.again(line) is deed
