"""What a service is made of: its wanted values, the resources it reserves, and the components the network carries."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StrictStr

from kernel.errors import Invalid
from oss.port import Confirm
from oss.specs.parts import Frozen, Grammar, Name
from oss.specs.tasks import TASKS, TaskSpec

COMPONENTS = 64
"""Components of one service at most: the engine keeps what is done in one 64-bit word."""
Wanted = StrictBool | StrictInt | StrictStr
"""A wanted field of a component: a literal, or text with `{names}` to be filled in."""


class ResourceNeed(Frozen):
    """One resource that a service reserves, and the alias its components call it by."""

    pool: Name
    alias: Name = Field(alias="as")


class Component(Frozen):
    """One resource-facing service: a key on the element that carries a resource, and the state it must show.

    `soft`, `hard` and `throttled` overwrite fields of `state`; the strictest restriction speaks last. `enforcing` ones
    must be confirmed before an order completes. `exclusive` fields may be shown by one key of the element only: what
    replaces another key is made without them and takes them over once the old one is gone.
    Past a `point_of_no_return` an order goes only forward.
    """

    name: Name
    on: Name
    intent: Name
    key: str
    requires: tuple[str, ...] = ()
    enforcing: bool = True
    confirm: Confirm = Confirm.READ
    exclusive: tuple[Name, ...] = ()
    point_of_no_return: bool = False
    state: dict[str, Wanted]
    soft: dict[str, Wanted] = Field(default_factory=dict)
    hard: dict[str, Wanted] = Field(default_factory=dict)
    throttled: dict[str, Wanted] = Field(default_factory=dict)


class Specification(Frozen):
    """A customer-facing service specification: what may be wanted of it and how the network shows it.

    `tasks` are what its orders wait for beside: events, people, instants.
    """

    name: Name
    characteristics: dict[Name, Grammar] = Field(default_factory=dict)
    throttle: Grammar | None = None
    resources: tuple[ResourceNeed, ...] = ()
    components: Annotated[tuple[Component, ...], Field(min_length=1, max_length=COMPONENTS)]
    tasks: Annotated[tuple[TaskSpec, ...], Field(max_length=TASKS)] = ()

    @cached_property
    def ordered(self) -> tuple[Component, ...]:
        """The components so that each stands behind all it requires, otherwise as written."""
        waiting, placed = list(self.components), dict[str, Component]()
        while waiting:
            ready = next((c for c in waiting if placed.keys() >= set(c.requires)), None)
            if ready is None:
                raise Invalid(f"{self.name}: the components require one another in a circle", field="requires")
            waiting.remove(ready)
            placed[ready.name] = ready
        return tuple(placed.values())

    def check_profile(self, profile: dict[str, str]) -> dict[str, str]:
        """The wanted values, each in its grammar and none missing. Raises Invalid, which names the characteristic."""
        for name in sorted(profile.keys() ^ self.characteristics.keys()):
            what = "is missing" if name in self.characteristics else f"is no characteristic of {self.name}"
            raise Invalid(what, field=name, fix=f"give exactly {', '.join(sorted(self.characteristics)) or 'none'}")
        for name, value in profile.items():
            if not re.fullmatch(self.characteristics[name], value):
                fix = f"it must match {self.characteristics[name]}"
                raise Invalid(f"{value!r} cannot be said of {self.name}", field=name, fix=fix)
        return dict(profile)

    def check_throttle(self, rate: str | None) -> str | None:
        """The throttle, None for none. Raises Invalid when the service knows none or not this one."""
        if rate is None:
            return None
        if self.throttle is None:
            raise Invalid(f"{self.name} cannot be throttled", field="throttle", fix="give its specification a throttle")
        if not re.fullmatch(self.throttle, rate):
            raise Invalid(f"{rate!r} is no throttle of {self.name}", field="throttle", fix=f"match {self.throttle}")
        return rate
