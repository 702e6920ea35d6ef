"""The words exchanged with an element, secrets masked, with an end."""

from __future__ import annotations

import re
from collections.abc import Sequence

TRANSCRIPT_LIMIT = 64 * 1024
"""Characters kept of one exchange: evidence for a person, who reads no more; it is stored for 90 days."""

MASK = "***"

ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # a title or a link, up to its end
    r"|[\x1b\x9b]\[?[0-9;:?<=>!]*[ -/]*[@-~]?"  # colours, cursors, anything else that a terminal would obey
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but line ends and tabs: what a person reads must not command the person's terminal."""

SHORTEST_SECRET = 4
"""Characters; masking something shorter would blacken ordinary words and hide nothing."""


class Transcript:
    """What was said (`> `) and heard (`< `), in order; `masks` are patterns whose groups never show."""

    def __init__(self, masks: Sequence[re.Pattern[str]] = ()) -> None:
        self._masks = tuple(masks)
        self._lines: list[str] = []
        self._room = TRANSCRIPT_LIMIT

    def said(self, text: str) -> None:
        """Note what left for the element."""
        self._note("> ", text)

    def heard(self, text: str) -> None:
        """Note what came from the element."""
        self._note("< ", text)

    def text(self) -> str:
        """All of it, one line each."""
        return "\n".join(self._lines)

    def hide(self, secret: str) -> None:
        """Mask a text that turns out to be secret, before and after, in whatever case the element repeats it."""
        if len(secret) >= SHORTEST_SECRET:
            self._masks = (*self._masks, re.compile(re.escape(secret), re.IGNORECASE))
            self._lines = [self.masked(line) for line in self._lines]

    def masked(self, text: str) -> str:
        """A text of this exchange without its secrets."""
        return mask(plain(text), self._masks)

    def _note(self, mark: str, text: str) -> None:
        for line in plain(text).splitlines():
            if self._room <= 0:
                return
            shown = (mark + self.masked(line))[: self._room]
            self._room -= len(shown) + 1
            self._lines.append(shown if self._room > 0 else shown + " [cut]")


def plain(text: str) -> str:
    """An element's text without what a terminal would obey; line ends are one character."""
    return CONTROLS.sub("", ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def mask(text: str, masks: Sequence[re.Pattern[str]]) -> str:
    """The text with each group of each pattern (or the whole match, when it has none) replaced."""
    for pattern in masks:
        text = pattern.sub(_masked, text)
    return text


def _masked(match: re.Match[str]) -> str:
    whole, start = match.group(0), match.start()
    if not match.re.groups:
        return MASK
    for group in range(match.re.groups, 0, -1):
        if match.group(group) is not None:
            whole = whole[: match.start(group) - start] + MASK + whole[match.end(group) - start :]
    return whole
