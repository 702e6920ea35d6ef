"""From what a service is meant to be to what each element must show: pure, the same for do, undo and audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from kernel.errors import Invalid
from oss.port import Confirm, Level, Value
from oss.specs import templates
from oss.specs.check import ALIAS, edges
from oss.specs.model import Component, Specification, Wanted
from oss.specs.tasks import TaskKind, TaskSpec


@dataclass(frozen=True, slots=True)
class Intent:
    """What a service is meant to be: its values, the strictest restriction, the throttle, and whether it is at all.

    `values` and `elements` are the pieces of the stock that are to replace those it stands on, by the same names.
    """

    profile: Mapping[str, str] = field(default_factory=dict)
    level: Level = Level.NONE
    throttle: str | None = None
    present: bool = True
    values: Mapping[str, str] = field(default_factory=dict)
    elements: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As stored beside a service and in an order."""
        document = {
            "profile": dict(self.profile),
            "level": self.level.value,
            "throttle": self.throttle,
            "present": self.present,
        }
        if self.values or self.elements:
            document |= {"values": dict(self.values), "elements": dict(self.elements)}
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Intent:
        """From its stored form."""
        return cls(
            profile=dict(document["profile"]),
            level=Level(document["level"]),
            throttle=document["throttle"],
            present=document["present"],
            values=document.get("values", {}),
            elements=document.get("elements", {}),
        )


@dataclass(slots=True)
class Target:
    """One component as it must be shown: the key on the element, the state, how it is confirmed, what goes first."""

    name: str
    element: str
    key: str
    intent: str
    state: dict[str, Value]
    enforcing: bool
    confirm: Confirm
    requires: tuple[str, ...]
    exclusive: tuple[str, ...] = ()
    final: bool = False


def compose(
    spec: Specification, intent: Intent, values: Mapping[str, str], elements: Mapping[str, str]
) -> list[Target]:
    """The targets of a service, each behind all it requires.

    `values` are the reserved identities (`{"imsi": ...}`), `elements` the element that carries each alias. Raises
    Invalid, naming what is missing.
    """
    known, elements = {**values, **intent.values, **intent.profile}, {**elements, **intent.elements}
    if intent.throttle is not None:
        known["throttle"] = intent.throttle
    return [_target(component, intent, known, elements) for component in spec.ordered]


def _target(component: Component, intent: Intent, values: Mapping[str, str], elements: Mapping[str, str]) -> Target:
    if component.on not in elements:
        raise Invalid(f"no element carries it for {component.name}", field=component.on, fix="stock it on an element")
    wanted = _wanted(component, intent)
    return Target(
        name=component.name,
        element=elements[component.on],
        key=str(templates.filled(component.key, values)),
        intent=component.intent,
        state={name: templates.filled(value, values) for name, value in wanted.items()},
        enforcing=component.enforcing,
        confirm=component.confirm,
        requires=component.requires,
        exclusive=component.exclusive,
        final=component.point_of_no_return,
    )


def _wanted(component: Component, intent: Intent) -> dict[str, Wanted]:
    """Layers over the plain state: the throttle, then the restriction, so that the restriction wins."""
    if not intent.present:
        return {"present": False}
    wanted: dict[str, Wanted] = {"present": True, **component.state}
    if intent.throttle is not None:
        wanted |= component.throttled
    if intent.level is Level.SOFT:
        wanted |= component.soft
    elif intent.level is Level.HARD:
        wanted |= component.hard
    return wanted


# ---- what no element answers


@dataclass(frozen=True, slots=True)
class Outside:
    """One task that no element answers: whom or what it waits for, flat, as a step of a plan carries it."""

    name: str
    kind: TaskKind
    key: str
    details: dict[str, Value]
    enforcing: bool
    final: bool = False


def outside(
    spec: Specification, verb: str, profile: Mapping[str, str], values: Mapping[str, str]
) -> tuple[list[Outside], dict[str, tuple[str, ...]]]:
    """The tasks of a verb that no element answers, and what each component and task comes after.

    Raises Invalid, naming the value that a correlation needs and nobody gives.
    """
    mine = [task for task in spec.tasks if verb in task.verbs]
    if not mine:
        return [], {}
    known = {**values, **profile}
    return [_outside(task, known) for task in mine], edges(spec, mine, reverse=verb == "terminate")


def _outside(task: TaskSpec, known: Mapping[str, str]) -> Outside:
    told = task.model_dump(mode="json", include=_TOLD, exclude_none=True)
    details: dict[str, Value] = {"present": True, "kind": str(task.kind), **told}
    key = known.get(ALIAS, task.name)
    if task.correlation is not None:
        key = str(templates.filled(task.correlation, known))
    if task.at is not None:
        details["at"] = str(templates.filled(task.at, known))
    if task.form:
        details["form"] = to_json([field.model_dump(mode="json") for field in task.form]).decode()
    return Outside(task.name, task.kind, key, details, task.enforcing, task.point_of_no_return)


_TOLD = {"event", "assigned", "second_person", "after", "within", "on_timeout"}
