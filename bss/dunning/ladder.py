"""The ladder as data and its rules, pure: what a rung does to one line, given what was done before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bss.dunning.model import Deed, Do
from kernel.errors import TrunklineError
from kernel.money import Money
from oss.specs.source import Place

DAYS_LIMIT = 730
"""A debt is not reminded of for longer than two years; then it is written off or sold."""
RUNGS_LIMIT = 30
"""More letters than that help nobody."""

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
_Days = Annotated[int, Field(ge=0, le=DAYS_LIMIT, strict=True)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rung(_Value):
    """One step: what is done so many days after the case opened, and the letter that goes with it."""

    after_days: _Days
    do: Do
    template: _Name


class Ladder(_Value):
    """Rungs in order, the least debt worth following by currency, and the intervals that the law asks."""

    name: _Name
    minimum: dict[str, str] = Field(min_length=1)
    notice_days: _Days
    soft_days: _Days
    rungs: tuple[Rung, ...] = Field(min_length=1, max_length=RUNGS_LIMIT)
    cured: _Name | None = None

    def faults(self) -> Iterator[tuple[Place, str]]:
        """What makes it no ladder, each with the place in its file: rungs out of order, amounts, unfair intervals."""
        for currency, text in self.minimum.items():
            if (wrong := _wrong_amount(currency, text)) is not None:
                yield ("minimum", currency), wrong
        for number, rung in enumerate(self.rungs):
            if number and rung.after_days <= self.rungs[number - 1].after_days:
                yield ("rungs", number, "after_days"), "must rise from rung to rung"
            elif (unfair := self._unfair(rung)) is not None:
                yield ("rungs", number, "do"), unfair

    def _unfair(self, rung: Rung) -> str | None:
        """A soft bar follows a letter, a hard restriction a soft bar, the end a hard one, each at its interval."""
        if rung.do is Do.REMIND:
            return None
        before, days, name = {
            Do.SOFT: (Do.REMIND, self.notice_days, "notice_days"),
            Do.HARD: (Do.SOFT, self.soft_days, "soft_days"),
            Do.TERMINATE: (Do.HARD, 1, "a day"),
        }[rung.do]
        first = min((each.after_days for each in self.rungs if each.do is before), default=None)
        if first is None or first >= rung.after_days:
            return f"{rung.do} needs a rung before it that does {before}"
        if rung.after_days - first < days:
            return f"{rung.do} comes sooner than {name} ({days}) after {before}"
        return None

    def least(self, currency: str) -> Money | None:
        """The debt from which the ladder is climbed; None when it says nothing of the currency."""
        text = self.minimum.get(currency)
        return None if text is None else Money.of(text, currency)

    def day_of(self, rung: int, *, climbed: date) -> date | None:
        """The local day on which a rung (from 0) is due, counted from the day the one before was climbed."""
        if rung >= len(self.rungs):
            return None
        before = self.rungs[rung - 1].after_days if rung else 0
        return climbed + timedelta(days=self.rungs[rung].after_days - before)


def _wrong_amount(currency: str, text: str) -> str | None:
    try:
        least = Money.of(text, currency)
    except TrunklineError as error:
        return str(error)
    return None if least.minor > 0 else "more than zero"


@dataclass(frozen=True, slots=True)
class Standing:
    """What was done about one line so far, by local day; `level` is what is in force now."""

    protected: bool
    level: Deed | None = None
    soft_on: date | None = None
    hard_on: date | None = None
    strictest: Deed | None = None


def deed(do: Do, line: Standing, *, ladder: Ladder, letter_on: date | None, today: date) -> Deed | None:
    """What a rung does to a line: never past a soft bar on a protected one, never a rung skipped, None when nothing."""
    if do is Do.REMIND:
        return None
    if do is Do.TERMINATE and not line.protected and line.hard_on is not None:
        return Deed.TERMINATE
    ripe = line.soft_on is not None and (today - line.soft_on).days >= ladder.soft_days
    if do is not Do.SOFT and not line.protected and ripe:
        return None if line.level is Deed.HARD else Deed.HARD
    noticed = letter_on is not None and (today - letter_on).days >= ladder.notice_days
    return Deed.SOFT if line.level is None and noticed else None


def again(line: Standing) -> Deed | None:
    """What is placed again when a cured debt is back: the strictest it had reached, a protected line's a soft bar."""
    if line.level is not None or line.strictest not in (Deed.SOFT, Deed.HARD):
        return None
    return Deed.SOFT if line.protected else line.strictest
