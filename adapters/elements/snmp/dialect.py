"""A vendor's MIB as data: which column carries which field, and how its values are written and read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from adapters.elements.grammar import Unsayable, Words
from adapters.elements.intents import Intent, Vendor
from oss.port import State, Value

Oid = Annotated[str, Field(pattern=r"^[0-2](\.(0|[1-9][0-9]{0,9})){2,127}$")]

Syntax = Literal["INTEGER", "OCTET STRING", "Unsigned32"]

INDEX = r"(0|[1-9][0-9]{0,9})(\.(0|[1-9][0-9]{0,9})){0,31}"
"""What may stand at the end of an OID."""

ABSENT: State = {"present": False}


@dataclass(frozen=True, slots=True)
class Cell:
    """One instance of a column with a value for it."""

    oid: str
    syntax: Syntax
    value: int | str

    def __str__(self) -> str:
        shown = f'"{self.value}"' if isinstance(self.value, str) else str(self.value)
        return f"{self.oid}={self.syntax}: {shown}"


class Column(Words):
    """A writable column; `numbers` name the integers that stand for words."""

    oid: Oid
    syntax: Syntax
    numbers: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _numbers_are_for_integers(self) -> Column:
        if self.numbers and self.syntax == "OCTET STRING":
            raise ValueError("numbers: an OCTET STRING carries text, not numbers")
        return self

    def encode(self, value: Value) -> int | str:
        """The value as the column carries it."""
        if self.syntax == "OCTET STRING":
            return str(value)
        return self.numbers[str(value)] if self.numbers else int(str(value))

    def decode(self, value: int | str) -> Value:
        """The value as the port knows it; the raw one when it has no name, so that a comparison shows it."""
        names = {number: name for name, number in self.numbers.items()}
        return names.get(value, value) if isinstance(value, int) else value


class Follower(Words):
    """A read-only column that comes to show what was set (ifOperStatus after ifAdminStatus)."""

    oid: Oid
    numbers: dict[str, int] = Field(min_length=1)


class SnmpIntent(Intent):
    """One kind of row; `absent` is what a row shows that is not in use."""

    columns: dict[str, Column]
    absent: dict[str, Value] = Field(min_length=1)
    follows: dict[str, Follower] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _columns_carry_all_fields(self) -> SnmpIntent:
        for where in (self.columns, self.absent, self.follows):
            for name in where:
                if name not in self.fields:
                    raise ValueError(f"{name} is no field of this intent")
        if missing := [name for name in self.fields if name not in self.columns]:
            raise ValueError(f"columns: {', '.join(missing)}: no column carries it")
        for name, value in self.absent.items():
            if fault := self.fields[name].fault(value):
                raise ValueError(f"absent: {name}: {fault}")
        return self

    def admit_key(self, key: str) -> None:
        """Let a key through only if it may be said; else Unsayable."""
        super().admit_key(key)
        if re.fullmatch(INDEX, key, re.ASCII) is None:
            raise Unsayable("cannot stand at the end of an OID", field="key")

    def cells(self, key: str, wanted: State, shown: State | None) -> list[Cell]:
        """The cells of the one SET that brings a row from what is shown (None = never set) to what is wanted."""
        target = wanted if wanted.get("present", True) else self.absent
        known: State = {} if shown is None else shown if shown.get("present", True) else self.absent
        return [
            Cell(f"{self.columns[name].oid}.{key}", self.columns[name].syntax, self.columns[name].encode(value))
            for name, value in self.differing(target, known).items()
        ]

    def oids(self, key: str) -> list[str]:
        """The instances of one row, in the order of the fields."""
        return [f"{self.columns[name].oid}.{key}" for name in self.fields]

    def field_at(self, oid: str) -> str | None:
        """The field whose column an instance belongs to."""
        return next((name for name, column in self.columns.items() if oid.startswith(column.oid + ".")), None)

    def state(self, values: Mapping[str, int | str | None]) -> State:
        """The state that raw column values (by field, None where there is no instance) show."""
        shown = {name: self.columns[name].decode(raw) for name, raw in values.items() if raw is not None}
        if not shown or all(shown.get(name) == value for name, value in self.absent.items()):
            return ABSENT
        return {"present": True, **shown}


class Probe(Words):
    """Scalars that say who the element is."""

    description: Oid


class SnmpDialect(Vendor):
    """A vendor's MIB."""

    protocol: Literal["snmp"]
    probe: Probe
    intents: dict[str, SnmpIntent] = Field(min_length=1)
