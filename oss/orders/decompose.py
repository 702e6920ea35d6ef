"""From what a service must be and what the elements last confirmed to the steps that make up the difference. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel.errors import NotFound
from oss.orders.model import Verb
from oss.orders.plan import Plan, Step
from oss.port import State, satisfies
from oss.specs.compose import Target

Place = tuple[str, str]
"""(element, key)"""
Shown = Mapping[Place, State | None]
"""What each place last confirmed; None where a command failed and nobody vouches for what is there."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How an element is reached: the lane that owns its session, the pinned dialect, the command's deadline."""

    lane: str
    dialect: str
    timeout_s: float


def decompose(
    verb: Verb, targets: Sequence[Target], *, shown: Shown, reach: Mapping[str, Reach], protected: bool
) -> Plan:
    """The plan of a verb: all that differs, in the order of the specification, terminations the other way round."""
    wanted = [t for t in targets if _differs(verb, t, shown)]
    requires = _reversed(wanted) if verb is Verb.TERMINATE else {t.name: t.requires for t in wanted}
    ordered = list(reversed(wanted)) if verb is Verb.TERMINATE else wanted
    seq = {t.name: i for i, t in enumerate(ordered)}
    return Plan(
        tuple(
            _step(t, seq[t.name], tuple(seq[r] for r in requires[t.name] if r in seq), shown, reach, protected)
            for t in ordered
        )
    )


def _differs(verb: Verb, target: Target, shown: Shown) -> bool:
    place = (target.element, target.key)
    if place not in shown:
        return verb in (Verb.ADD, Verb.MODIFY) and bool(target.state.get("present", True))
    there = shown[place]
    return there is None or not satisfies(target.state, there)


def _reversed(targets: Sequence[Target]) -> dict[str, tuple[str, ...]]:
    return {t.name: tuple(u.name for u in targets if t.name in u.requires) for t in targets}


def _step(
    target: Target,
    seq: int,
    requires: tuple[int, ...],
    shown: Shown,
    reach: Mapping[str, Reach],
    protected: bool,
) -> Step:
    try:
        how = reach[target.element]
    except KeyError:
        raise NotFound(
            f"unknown element {target.element!r}", field="element", fix="trunkline element apply FILE"
        ) from None
    return Step(
        seq=seq,
        name=target.name,
        element=target.element,
        lane=how.lane,
        key=target.key,
        intent=target.intent,
        state=target.state,
        before=shown.get((target.element, target.key)),
        requires=requires,
        enforcing=target.enforcing,
        confirm=target.confirm,
        dialect=how.dialect,
        timeout_s=how.timeout_s,
        protected=protected,
    )
