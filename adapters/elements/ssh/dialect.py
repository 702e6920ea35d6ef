"""A vendor's command line as data: the lines that make, change, remove and show a key, and how their answers read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import Field, PrivateAttr, model_validator

from adapters.elements.grammar import Boolean, Pattern, Words, compiled
from adapters.elements.intents import Intent, Vendor
from adapters.elements.ssh.script import (
    Frame,
    Line,
    Quote,
    Script,
    check_quoting,
    check_template,
    filled,
    script,
    spoken,
)
from oss.port import State, Value, satisfies

Revealed = Mapping[str, Mapping[str, str]]
"""The parts of the secrets that a command's fields refer to, by field."""


class Complaint(Words):
    """An answer that is no success: `refused` is final, `busy` may be tried again, `absent` means no such key."""

    pattern: Pattern
    means: Literal["refused", "busy", "absent"] = "refused"


class Dialogue(Words):
    """How a conversation is held.

    `shell`: one kept session whose `prompt` separates the answers; `command` is started in place of the login shell.
    `exec`: each line is a command of its own for the element's shell, and a status other than 0 is a no.
    """

    mode: Literal["shell", "exec"] = "shell"
    command: Line = ""
    prompt: Pattern = ""
    newline: str = "\n"
    setup: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _a_shell_has_a_prompt(self) -> Dialogue:
        if self.mode == "shell" and not self.prompt:
            raise ValueError("prompt: a shell needs one")
        if self.mode == "exec" and (self.prompt or self.command or self.setup):
            raise ValueError("mode: exec has no prompt, command or setup")
        return self


class Probe(Words):
    """How the element says who it is: the first group of each pattern."""

    line: Line
    description: Pattern
    incarnation: Pattern | None = None


class Show(Words):
    """How one key is shown: the first group of each field's pattern, searched line by line.

    `otherwise` is what a field is when its pattern fits nowhere though another one does; `words` are the element's
    words for our values, for a field that it prints in words of its own (white space counts as one blank). A secret's
    pattern has a group for each of its parts instead.
    """

    line: Line
    fields: dict[str, Pattern]
    otherwise: dict[str, Value] = Field(default_factory=dict)
    words: dict[str, dict[str, str]] = Field(default_factory=dict)


class Listing(Words):
    """How all keys are shown: one row each, with a named group `key` and one per field that it shows.

    When it does not show all of them, each key that it lists is read by itself.
    """

    line: Line
    row: Pattern


Lines = tuple[Line, ...]


class SshIntent(Intent):
    """One kind of key on a command line; `fresh` is what a key shows right after `create`.

    Keys that cannot be made (ports) have an empty `create`, and `absent` says what one shows that serves nobody.
    `clear` takes a value away, which is only ever needed to take back a change.
    """

    says_secrets: ClassVar[bool] = True

    frame: Frame = Frame()
    create: Lines
    change: dict[str, Lines | dict[str, Lines]]
    clear: dict[str, Lines] = Field(default_factory=dict)
    remove: Lines
    read: Show
    audit: Listing | None = None
    fresh: dict[str, Value] = Field(default_factory=dict)
    absent: dict[str, Value] = Field(default_factory=dict)
    empty: str = ""
    _quote: Quote = PrivateAttr(default=str)

    @model_validator(mode="after")
    def _lines_say_known_words(self) -> SshIntent:
        for where, lines, words in self.templates():
            for line in lines:
                check_template(where, line, words)
        for name in (*self.change, *self.clear, *self.read.fields, *self.fresh, *self.absent, *self.read.otherwise):
            if name not in self.fields:
                raise ValueError(f"{name} is no field of this intent")
        if missing := [name for name in self.fields if name not in self.change or name not in self.read.fields]:
            raise ValueError(f"{', '.join(missing)}: no line changes it or no pattern reads it back")
        if not self.create and not self.absent:
            raise ValueError("create: keys that cannot be made need absent")
        return self

    @model_validator(mode="after")
    def _each_value_has_its_lines(self) -> SshIntent:
        for name, lines in self.change.items():
            for value in lines if isinstance(lines, dict) else ():
                field = self.fields[name]
                if field.fault(field.parse(value) if isinstance(field, Boolean) else value):
                    raise ValueError(f"change: {name}: {value!r} is no value of this field")
        return self

    @model_validator(mode="after")
    def _patterns_have_their_groups(self) -> SshIntent:
        for name, pattern in self.read.fields.items():
            if compiled(pattern).groups < 1:
                raise ValueError(f"read: {name}: the pattern has no group to take the value from")
        for name, secret in self.secrets.items():
            if set(compiled(self.read.fields[name]).groupindex) != set(secret.names):
                raise ValueError(f"read: {name}: needs the named groups {', '.join(secret.names)}")
        shown = set(compiled(self.audit.row).groupindex) if self.audit else {"key"}
        if "key" not in shown or not shown - {"key"} <= set(self.fields) - set(self.secrets):
            raise ValueError("audit: row: needs the named groups key and one per field that it shows")
        return self

    def templates(self) -> Iterator[tuple[str, Sequence[str], set[str]]]:
        """Every line, where it stands, and the words that may stand in it."""
        frame = self.frame
        yield "create", self.create, {"key"}
        yield "remove", self.remove, {"key"}
        yield "read", (self.read.line,), {"key"}
        yield "frame", (*frame.enter, *frame.commit, *frame.rollback, *frame.leave), {"key"}
        for name, lines in self.clear.items():
            yield f"clear: {name}", lines, {"key"}
        for name, change in self.change.items():
            secret = self.secrets.get(name)
            words = {"key", *(secret.names if secret else ("value",))}
            for each in change.values() if isinstance(change, dict) else (change,):
                yield f"change: {name}", each, words

    def quote_for_a_shell(self) -> None:
        """Quote every word from now on. Raises ValueError for a template in which quoting would not hold."""
        for where, lines, words in self.templates():
            for line in lines:
                check_quoting(where, line, words)
        self._quote = shlex.quote

    def script(self, key: str, wanted: State, shown: State | None, *, revealed: Revealed | None = None) -> Script:
        """The lines that bring a key from what is shown (None = never set) to what is wanted."""
        body = self._body(key, wanted, shown, revealed or {})
        return script(self.frame, body, key=key, quote=self._quote)

    def lines(self, key: str, wanted: State, shown: State | None) -> list[str]:
        """The same as it may be shown to a person."""
        return self.script(key, wanted, shown).lines

    def asking(self, key: str) -> str:
        """The line that shows a key."""
        return self.read.line.format(key=self._quote(key))

    def parse(self, answer: str) -> dict[str, Value]:
        """The state that a `read` answer shows, but for secrets; empty when none of its patterns fits."""
        fits = {name: pattern.search(answer) for name, pattern in self._read_patterns.items()}
        found: dict[str, Value] = {
            name: self._value(name, match.group(1))
            for name, match in fits.items()
            if match and name not in self.secrets
        }
        if not any(fits.values()):
            return {}
        shown = {"present": True, **self.read.otherwise, **found}
        return {"present": False} if self._serves_nobody(shown) else shown

    def parts(self, answer: str) -> dict[str, dict[str, str] | None]:
        """The secrets that a `read` answer shows, by field; None where it shows none."""
        fits = {name: self._read_patterns[name].search(answer) for name in self.secrets}
        return {name: match.groupdict() if match else None for name, match in fits.items()}

    def rows(self, answer: str) -> dict[str, dict[str, Value]]:
        """The keys and (as far as it shows them) states of an `audit` answer."""
        rows: dict[str, dict[str, Value]] = {}
        if self.audit is None:
            return rows
        for match in compiled(self.audit.row, re.ASCII | re.MULTILINE).finditer(answer):
            values = {name: self._value(name, text) for name, text in match.groupdict().items() if name != "key"}
            shown = {"present": True, **values}
            rows[match.group("key")] = {"present": False} if self._serves_nobody(shown) else shown
        return rows

    @cached_property
    def lists_whole(self) -> bool:
        """Whether a row of the list shows every field."""
        return self.audit is not None and set(compiled(self.audit.row).groupindex) == {"key", *self.fields}

    def _body(self, key: str, wanted: State, shown: State | None, revealed: Revealed) -> list[str]:
        there = shown is not None and bool(shown.get("present", True))
        quote, key_only = self._quote, {"key": self._quote(key)}
        if not wanted.get("present", True):
            return [line.format(**key_only) for line in self.remove] if there or shown is None else []
        body = [] if there else [line.format(**key_only) for line in self.create]
        known = (shown or {}) if there else self.fresh if self.create or shown is None else self.absent
        body += [
            filled(line, key=key, value=value, parts=revealed.get(name, {}), quote=quote)
            for name, value in self.differing(wanted, known).items()
            for line in self._changing(name, value)
        ]
        return body

    def _changing(self, name: str, value: Value) -> Lines:
        if value is None:
            return self.clear.get(name, ())
        lines = self.change[name]
        return lines.get(spoken(value), ()) if isinstance(lines, dict) else lines

    def _serves_nobody(self, shown: State) -> bool:
        return bool(self.absent) and satisfies({"present": True, **self.absent}, shown)

    def _value(self, name: str, text: str | None) -> Value:
        text = text or ""
        if self.empty and text == self.empty:
            return None
        words = self.read.words.get(name)
        text = words.get(" ".join(text.split()), text) if words else text
        return self.fields[name].parse(text)

    @cached_property
    def _read_patterns(self) -> Mapping[str, re.Pattern[str]]:
        return {name: compiled(pattern, re.ASCII | re.MULTILINE) for name, pattern in self.read.fields.items()}


STATUS = "exit status"
"""How a command's status other than 0 ends its answer."""

FAILED = Complaint(pattern=rf"(?:^.*\n)?^{STATUS} ")


class SshDialect(Vendor):
    """A vendor's command line."""

    protocol: Literal["ssh"]
    session: Dialogue
    complaints: tuple[Complaint, ...]
    probe: Probe
    intents: dict[str, SshIntent] = Field(min_length=1)

    @model_validator(mode="after")
    def _words_are_quoted_for_a_shell(self) -> SshDialect:
        for name, intent in self.intents.items() if self.session.mode == "exec" else ():
            try:
                intent.quote_for_a_shell()
            except ValueError as error:
                raise ValueError(f"intents: {name}: {error}") from error
        return self

    def complaint(self, answer: str) -> tuple[Complaint, str] | None:
        """The first complaint that an answer carries, with its own words."""
        last = (FAILED,) if self.session.mode == "exec" else ()
        for complaint in (*self.complaints, *last):
            if match := compiled(complaint.pattern, re.ASCII | re.MULTILINE).search(answer):
                return complaint, _line_around(answer, match.start())
        return None


def _line_around(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[start : end if end >= 0 else len(text)].strip()
