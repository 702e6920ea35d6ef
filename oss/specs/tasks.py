"""What an order waits for that no element answers: an event from outside, a person, an instant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from kernel.errors import Invalid
from oss.specs.parts import Frozen, Grammar, Length, Name

TASKS = 16
"""Such tasks of one specification at most: a plan has 31 steps in all."""
FIELDS = 20
"""Fields of one form at most: what fits a telephone's screen."""
VALUE_LENGTH = 200
"""Characters of one value at most: a word, a number, a sentence."""
VERBS = ("add", "modify", "throttle", "restrict", "lift", "terminate")
"""The orders whose plans may hold such tasks (oss.orders.model.Verb says what each is)."""


class TaskKind(StrEnum):
    """What ends a task: an element's answer (command), or something that no element answers."""

    COMMAND = "command"
    WAIT = "wait"
    MANUAL = "manual"
    TIMER = "timer"


class OnTimeout(StrEnum):
    """What becomes of a task whose deadline passes: as any failure, skipped, or held for a person."""

    FAIL = "fail"
    SKIP = "skip"
    HOLD = "hold"


class FormField(Frozen):
    """One value that a person fills in, and the grammar it must match as a whole."""

    name: Name
    grammar: Grammar = r"[^\r\n]+"
    required: bool = True
    hint: Annotated[str, Field(max_length=VALUE_LENGTH)] = ""


class TaskSpec(Frozen):
    """One task that no element answers, in the plans of some verbs.

    It comes after what it `requires`, and what stands in `before` comes after it: names of components and of other
    tasks, in the order in which things happen (a termination's is not turned round). `within` is its deadline,
    counted from when it began, on business time. Past a `point_of_no_return` an order goes only forward.
    """

    name: Name
    kind: TaskKind
    verbs: Annotated[tuple[str, ...], Field(min_length=1)] = ("add",)
    requires: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    enforcing: bool = True
    point_of_no_return: bool = False
    event: Name | None = None
    correlation: Annotated[str, Field(min_length=1, max_length=VALUE_LENGTH)] | None = None
    assigned: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    second_person: bool = False
    form: Annotated[tuple[FormField, ...], Field(max_length=FIELDS)] = ()
    after: Length | None = None
    at: Annotated[str, Field(min_length=1, max_length=VALUE_LENGTH)] | None = None
    within: Length | None = None
    on_timeout: OnTimeout = OnTimeout.HOLD

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.kind not in _OWN:
            raise ValueError(f"a {self.kind} is a component's; a task here is one of {', '.join(_OWN)}")
        for name in sorted(self.model_fields_set & _ALL - _OWN[self.kind]):
            raise ValueError(f"{name} is not a {self.kind} task's; it may have {', '.join(sorted(_OWN[self.kind]))}")
        if self.kind is TaskKind.WAIT and (self.event is None or self.correlation is None):
            raise ValueError("a wait task needs event and correlation")
        if self.kind is TaskKind.MANUAL and self.assigned is None:
            raise ValueError("a manual task needs assigned: a person or a queue of people")
        if self.kind is TaskKind.TIMER and (self.after is None) is (self.at is None):
            raise ValueError("a timer task needs either after or at")
        if len({field.name for field in self.form}) < len(self.form):
            raise ValueError("a field of the form stands twice")
        return self


_OWN: Mapping[TaskKind, frozenset[str]] = {
    TaskKind.WAIT: frozenset({"event", "correlation", "within", "on_timeout"}),
    TaskKind.MANUAL: frozenset({"assigned", "second_person", "form", "within", "on_timeout"}),
    TaskKind.TIMER: frozenset({"after", "at"}),
}
_ALL = frozenset().union(*_OWN.values())


def filled_in(form: tuple[FormField, ...], values: Mapping[str, str]) -> dict[str, str]:
    """A filled-in form. Raises Invalid, which names the field and what it must look like."""
    known = {field.name: field for field in form}
    for name, value in values.items():
        if name not in known:
            raise Invalid("is no field of this form", field=name, fix=f"it has {', '.join(known) or 'no fields'}")
        if len(value) > VALUE_LENGTH or not value.isprintable():
            raise Invalid(f"has 1 to {VALUE_LENGTH} printable characters", field=name, fix="say it shorter")
        if not re.fullmatch(known[name].grammar, value):
            raise Invalid(f"{value!r} does not fit", field=name, fix=f"it must match {known[name].grammar}")
    for field in form:
        if field.required and field.name not in values:
            raise Invalid("is missing", field=field.name, fix=field.hint or f"it must match {field.grammar}")
    return dict(values)
