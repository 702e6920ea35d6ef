"""From templates to lines: one command's words in the order in which they are said, quoted where a shell reads."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator

from adapters.elements.grammar import Words
from adapters.elements.transcript import MASK
from oss.port import Value

HOSTILE = ("a $(b)", "a'b", 'a"b', "a b'\"$(c);`d`|e&f>g*h\\")
"""Values that a shell would take apart, were they not quoted."""

MARK = "w0rd7f3a"
"""Stands for a word that needs no quoting, and in no template."""

Quote = Callable[[str], str]


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("a command is one line")
    return text


Line = Annotated[str, AfterValidator(_one_line)]


class Frame(Words):
    """The mode in which an intent's lines are said: how it is entered, left, made to take effect and forgotten.

    An element with `rollback` keeps changes to itself until `commit`; without it each line takes effect at once.
    """

    enter: tuple[Line, ...] = ()
    commit: tuple[Line, ...] = ()
    rollback: tuple[Line, ...] = ()
    leave: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """One command's lines, by their part in it."""

    enter: tuple[str, ...]
    body: tuple[str, ...]
    commit: tuple[str, ...]
    rollback: tuple[str, ...]
    leave: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """What is said when nothing goes wrong."""
        return [*self.enter, *self.body, *self.commit, *self.leave]


def script(frame: Frame, body: Sequence[str], *, key: str, quote: Quote) -> Script:
    """A body in its frame; nothing at all when there is nothing to say."""

    def filled(lines: Sequence[str]) -> tuple[str, ...]:
        return tuple(line.format(key=quote(key)) for line in lines) if body else ()

    return Script(filled(frame.enter), tuple(body), filled(frame.commit), filled(frame.rollback), filled(frame.leave))


def spoken(value: Value) -> str:
    """A value as a line carries it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def filled(line: str, *, key: str, value: Value, parts: Mapping[str, str], quote: Quote) -> str:
    """A template with its words; a part of a secret that was not revealed shows as a mask."""
    names = {name for _, name, _, _ in Formatter().parse(line) if name} - {"key", "value"}
    secrets = {name: quote(parts[name]) if name in parts else MASK for name in names}
    return line.format(key=quote(key), value=quote(spoken(value)), **secrets)


def check_template(where: str, line: str, words: set[str]) -> None:
    """Raise ValueError when a template is malformed or says a word that nobody fills in."""
    try:
        parts = list(Formatter().parse(line))
    except ValueError as error:
        raise ValueError(f"{where}: {line!r}: {error}") from error
    for _, name, spec, conversion in parts:
        if name is not None and (name not in words or spec or conversion):
            raise ValueError(f"{where}: {line!r}: only {{{'}, {'.join(sorted(words))}}} may stand in it")


def check_quoting(where: str, line: str, words: set[str]) -> None:
    """Raise ValueError when a template for a shell puts a word where quoting does not hold it together."""
    safe = shlex_tokens(line.format(**dict.fromkeys(words, MARK)))
    for value in HOSTILE:
        said = shlex_tokens(line.format(**dict.fromkeys(words, shlex.quote(value))))
        if said is None or safe is None or said != [token.replace(MARK, value) for token in safe]:
            raise ValueError(f"{where}: {line!r}: its words must stand outside quotes, they are quoted when it is said")


def shlex_tokens(line: str) -> list[str] | None:
    """What a shell takes a line for; None when it has no end."""
    try:
        return shlex.split(line)
    except ValueError:
        return None
