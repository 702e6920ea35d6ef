"""The house never holds a card number: what looks like one is refused on the way in, and found by the doctor."""

from __future__ import annotations

import re

from kernel.errors import Invalid

_RUN = re.compile(r"(?<![0-9])[0-9](?:[ .\-]?[0-9]){11,}(?![0-9])")
"""Twelve digits or more, single spaces, dots or dashes between them allowed."""
_LENGTHS = range(12, 20)
_HEX_WORD = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{20,}(?![0-9A-Za-z])")
"""A random hexadecimal word, as gateways make their tokens: a run of digits inside one is chance, not a card."""


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    doubled = (sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def found(text: str) -> str | None:
    """The digits of the first card number in a text, None when there is none."""
    random_words = [word.span() for word in _HEX_WORD.finditer(text) if not word[0].isdigit()]
    for run in _RUN.finditer(text):
        digits = re.sub(r"[^0-9]", "", run[0])
        by_chance = any(start <= run.start() and run.end() <= end for start, end in random_words)
        if len(digits) in _LENGTHS and luhn(digits) and not by_chance:
            return digits
    return None


def refuse(text: str | None, *, field: str) -> None:
    """Invalid when a text holds a card number; the error does not repeat it."""
    if text is not None and found(text) is not None:
        raise Invalid(
            "this looks like a card number, which is never stored here",
            field=field,
            fix="give the token that the payment gateway made of the card",
        )
