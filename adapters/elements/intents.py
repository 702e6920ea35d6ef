"""What every dialect says about an intent, whatever its protocol: key, fields, cuts, and whether it may be repeated."""

from __future__ import annotations

import re
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from adapters.elements.grammar import Grammar, Pattern, Secret, Text, Unsayable, Words, check, compiled
from kernel.errors import Refused
from oss.port import Command, State, Value


class Quality(Words):
    """What an operator may count on: each is one sentence; `real_element` is the test against real equipment."""

    implicit_reads: str = Field(min_length=1)
    undo: str = Field(min_length=1)
    audit: str = Field(min_length=1)
    real_element: str = Field(min_length=1)


class Vendor(Words):
    """What every dialect says about itself; `masks` are patterns whose groups no transcript shows."""

    dialect: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    vendor: str = Field(min_length=1)
    quality: Quality | None = None
    masks: tuple[Pattern, ...] = ()

    @cached_property
    def mask_patterns(self) -> tuple[re.Pattern[str], ...]:
        """The masks, ready to use."""
        return tuple(compiled(pattern) for pattern in self.masks)


class Intent(Words):
    """One kind of key on an element.

    `fields` are in the order in which they are said; `cuts` names the values that take a line down, which a protected
    line never gets; `read_first` costs one exchange and buys the smallest difference and the word "already".
    """

    says_secrets: ClassVar[bool] = False

    repeats: Literal["repeatable", "once"] = "repeatable"
    key: Text
    fields: dict[str, Grammar]
    cuts: dict[str, tuple[Value, ...]] = Field(default_factory=dict)
    read_first: bool = True

    @model_validator(mode="after")
    def _cuts_are_values_of_fields(self) -> Intent:
        for name, values in self.cuts.items():
            if name not in self.fields:
                raise ValueError(f"cuts: {name} is no field of this intent")
            for value in values:
                if fault := self.fields[name].fault(value):
                    raise ValueError(f"cuts: {name}: {fault}")
        return self

    @model_validator(mode="after")
    def _secrets_can_be_said(self) -> Intent:
        if self.secrets and not self.says_secrets:
            raise ValueError(f"fields: {', '.join(self.secrets)}: a secret can be said on a command line only")
        return self

    @cached_property
    def secrets(self) -> dict[str, Secret]:
        """The fields whose value is a secret's reference."""
        return {name: grammar for name, grammar in self.fields.items() if isinstance(grammar, Secret)}

    def admit_key(self, key: str) -> None:
        """Let a key through only if it may be said; else Unsayable."""
        check("key", key, self.key)

    def admit(self, command: Command) -> None:
        """Let a command through only if every word of it may be said; else Unsayable or Refused, before a byte left."""
        self.admit_key(command.key)
        if not isinstance(command.state.get("present", True), bool):
            raise Unsayable("must be true or false", field="present")
        if not command.state.get("present", True):
            return
        for name, value in command.state.items():
            if name != "present":
                self._admit_field(name, value, protected=command.protected)

    def _admit_field(self, name: str, value: Value, *, protected: bool) -> None:
        if name not in self.fields:
            raise Unsayable("is no field of this intent", field=name, fix=f"give one of {', '.join(self.fields)}")
        check(name, value, self.fields[name])
        if protected and value in self.cuts.get(name, ()):
            raise Refused(f"{value!r} would cut a protected line", field=name, fix="terminate the line instead")

    def differing(self, wanted: State, shown: State) -> dict[str, Value]:
        """Wanted values that are not shown: cuts first (no line stands open for a moment), then as declared."""
        differing = {
            name: wanted[name]
            for name in self.fields
            if name in wanted and (name not in shown or wanted[name] != shown[name])
        }
        cuts = {name: value for name, value in differing.items() if value in self.cuts.get(name, ())}
        return cuts | differing
