"""A catalogue file as offerings, pure; every complaint names the file, the line and the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from bss.catalog.model import Currency, Offering, Value
from oss.specs import source
from oss.specs.source import Document

OFFERINGS = 10_000
"""Offerings of one file: more than any seller has on sale."""


class Catalogue(Value):
    """A file of offerings; its currency is that of every price which names none."""

    currency: Currency | None = None
    offerings: tuple[Offering, ...] = Field(min_length=1, max_length=OFFERINGS)

    @model_validator(mode="before")
    @classmethod
    def _spread_currency(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("offerings"), list):
            return raw
        return {**raw, "offerings": [_priced(offering, raw.get("currency")) for offering in raw["offerings"]]}

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        codes = [offering.code for offering in self.offerings]
        doubled = sorted({code for code in codes if codes.count(code) > 1})
        if doubled:
            raise ValueError(f"two offerings are called {', '.join(doubled)}: rename one")
        return self


def read(path_or_text: Path | str, *, name: str = "text") -> tuple[Catalogue, Document]:
    """A catalogue and the places of its parts. Raises Invalid with file, line, place and what is wrong there."""
    document = source.read(path_or_text, name=name)
    return source.checked(Catalogue, document), document


def _priced(offering: Any, currency: Any) -> Any:
    if not isinstance(offering, dict) or not isinstance(offering.get("prices"), list):
        return offering
    prices = [{"currency": currency, **price} if isinstance(price, dict) else price for price in offering["prices"]]
    return {**offering, "prices": prices}


def cycle(requires: Mapping[str, Sequence[str]]) -> list[str] | None:
    """A chain of offerings of which each requires the next, the last the first; None when there is none."""
    done: set[str] = set()
    for start in sorted(requires):
        found = _follow(start, requires, done)
        if found:
            return found
    return None


def _follow(start: str, requires: Mapping[str, Sequence[str]], done: set[str]) -> list[str] | None:
    trail, ahead = [start], [iter(requires[start])]
    while ahead:
        following = next(ahead[-1], None)
        if following is None:
            ahead.pop()
            done.add(trail.pop())
        elif following in trail:
            return [*trail[trail.index(following) :], following]
        elif following not in done:
            trail.append(following)
            ahead.append(iter(requires.get(following, ())))
    return None
