"""What a parameter may look like before it reaches a wire: one grammar per field, checked before the first byte."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from kernel.errors import Invalid, Refused
from oss.port import Value

TEXT_LIMIT = 256
"""Longest text parameter: no vendor line of ours carries more, and an unbounded one is an attack."""

ALWAYS_REFUSED = frozenset("?\t\r\n\x00\u2028\u2029")
"""End a line, complete a word or ask for help on some vendor's command line, whatever the grammar says."""

TRUE_WORDS = frozenset({"true", "yes", "on", "1", "enabled"})
FALSE_WORDS = frozenset({"false", "no", "off", "0", "disabled"})


class Unsayable(Refused, Invalid):
    """A value that the dialect has no words for: refused by us, before a byte left."""


def compiled(pattern: str, flags: re.RegexFlag = re.ASCII) -> re.Pattern[str]:
    """A pattern of a dialect, or ValueError that says what is wrong with it."""
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


def _compiles(pattern: str) -> str:
    compiled(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class Words(BaseModel):
    """A part of a dialect: immutable, and a key that nobody reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Words):
    """A text that matches `pattern` from end to end (ASCII classes)."""

    kind: Literal["text"]
    pattern: Pattern
    longest: int = Field(default=TEXT_LIMIT, ge=1, le=TEXT_LIMIT)

    def fault(self, value: Value) -> str:
        """Why the value does not fit; empty when it does."""
        if not isinstance(value, str):
            return f"must be text, not {type(value).__name__}"
        if len(value) > self.longest:
            return f"is {len(value)} characters long, at most {self.longest} are allowed"
        if re.fullmatch(self.pattern, value, re.ASCII) is None:
            return f"{value!r} does not match {self.pattern}"
        return ""

    def parse(self, text: str) -> Value:
        """The value that an element printed."""
        return text


class Choice(Words):
    """One of a few words."""

    kind: Literal["choice"]
    values: tuple[str, ...] = Field(min_length=1)

    def fault(self, value: Value) -> str:
        """Why the value does not fit; empty when it does."""
        return "" if value in self.values else f"{value!r} is none of {', '.join(self.values)}"

    def parse(self, text: str) -> Value:
        """The value that an element printed."""
        return text


class Integer(Words):
    """A whole number from `least` to `most`."""

    kind: Literal["integer"]
    least: int
    most: int

    @model_validator(mode="after")
    def _ordered(self) -> Integer:
        if self.least > self.most:
            raise ValueError(f"least {self.least} is above most {self.most}")
        return self

    def fault(self, value: Value) -> str:
        """Why the value does not fit; empty when it does."""
        if isinstance(value, bool) or not isinstance(value, int):
            return f"must be a whole number, not {type(value).__name__}"
        return "" if self.least <= value <= self.most else f"{value} is not from {self.least} to {self.most}"

    def parse(self, text: str) -> Value:
        """The value that an element printed; the text itself when it is no number, so that a comparison shows it."""
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


class Boolean(Words):
    """Yes or no."""

    kind: Literal["boolean"]

    def fault(self, value: Value) -> str:
        """Why the value does not fit; empty when it does."""
        return "" if isinstance(value, bool) else f"must be true or false, not {type(value).__name__}"

    def parse(self, text: str) -> Value:
        """The value that an element printed; the text itself when it is neither yes nor no."""
        word = text.lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else text


class Secret(Words):
    """A reference to a secret: `pattern` is the reference's grammar; only words to the element carry the secret.

    `parts` is what the stored secret must look like from end to end, a named group for each word of a line; `at` is
    where the secret of a key stands when no command names it, so that a bare read can tell whether the key is the right
    one.
    """

    kind: Literal["secret"]
    pattern: Pattern
    parts: Pattern
    at: str = ""
    longest: int = Field(default=TEXT_LIMIT, ge=1, le=TEXT_LIMIT)

    @model_validator(mode="after")
    def _has_parts(self) -> Secret:
        if not self.names or len(self.names) != compiled(self.parts).groups:
            raise ValueError("parts: needs named groups, and no others")
        if "{" in self.at.replace("{key}", ""):
            raise ValueError("at: only {key} may stand in it")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The words that a line may use."""
        return tuple(compiled(self.parts).groupindex)

    def fault(self, value: Value) -> str:
        """Why the value does not fit; empty when it does."""
        if not isinstance(value, str):
            return f"must be a secret's reference, not {type(value).__name__}"
        if len(value) > self.longest or re.fullmatch(self.pattern, value, re.ASCII) is None:
            return f"is no reference that matches {self.pattern}"
        return ""

    def parse(self, text: str) -> Value:
        """The value that an element printed."""
        return text


AnyGrammar = Text | Choice | Integer | Boolean | Secret
Grammar = Annotated[AnyGrammar, Field(discriminator="kind")]


def forbidden(text: str) -> str:
    """The first character that no parameter may carry, by name; empty when there is none."""
    for character in text:
        if character in ALWAYS_REFUSED or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            return f"carries {unicodedata.name(character, f'U+{ord(character):04X}')}"
    return ""


def check(name: str, value: Value, grammar: AnyGrammar) -> None:
    """Let a value through only if its field's grammar has it; else Unsayable, which names the field."""
    fault = (forbidden(value) if isinstance(value, str) else "") or grammar.fault(value)
    if fault:
        raise Unsayable(fault, field=name, fix=_fix(grammar))


def _fix(grammar: AnyGrammar) -> str:
    match grammar:
        case Text():
            return f"give text that matches {grammar.pattern}"
        case Secret():
            return f"give a secret's reference that matches {grammar.pattern}"
        case Choice():
            return f"give one of {', '.join(grammar.values)}"
        case Integer():
            return f"give a whole number from {grammar.least} to {grammar.most}"
        case _:
            return "give true or false"
