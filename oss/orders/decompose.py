"""From what a service must be and what the elements last confirmed to the steps that make up the difference. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kernel.errors import NotFound
from oss.orders.model import Verb
from oss.orders.plan import NOBODY, Plan, Step
from oss.port import Confirm, State, satisfies
from oss.specs.compose import Outside, Target

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
    verb: Verb,
    targets: Sequence[Target],
    *,
    shown: Shown,
    reach: Mapping[str, Reach],
    protected: bool,
    outside: tuple[Sequence[Outside], Mapping[str, Sequence[str]]] = ((), {}),
) -> Plan:
    """The plan of a verb: all that differs, in the order of the specification, terminations the other way round.

    `outside` are the tasks that no element answers, and what comes after what; where nothing differs there are none.
    """
    wanted = [t for t in targets if _differs(verb, t, shown)]
    if outside[0] and wanted:
        return _woven(wanted, *outside, shown=shown, reach=reach, protected=protected)
    requires = _reversed(wanted) if verb is Verb.TERMINATE else {t.name: t.requires for t in wanted}
    ordered = list(reversed(wanted)) if verb is Verb.TERMINATE else wanted
    seq = {t.name: i for i, t in enumerate(ordered)}
    return Plan(
        tuple(
            _step(t, seq[t.name], tuple(seq[r] for r in requires[t.name] if r in seq), shown, reach, protected)
            for t in ordered
        )
    )


def _woven(
    wanted: Sequence[Target],
    outside: Sequence[Outside],
    after: Mapping[str, Sequence[str]],
    *,
    shown: Shown,
    reach: Mapping[str, Reach],
    protected: bool,
) -> Plan:
    """Elements' steps and others in one order; what is no step of this plan hands its requirements on."""
    made = {t.name: t for t in wanted} | {o.name: o for o in outside}
    requires = {name: _nearest(name, after, made.keys()) for name in made}
    seq: dict[str, int] = {}
    while len(seq) < len(made):
        ready = next(name for name in made if name not in seq and requires[name] <= seq.keys())
        seq[ready] = len(seq)
    steps = []
    for name, number in seq.items():
        each, needs = made[name], tuple(sorted(seq[other] for other in requires[name]))
        if isinstance(each, Outside):
            steps.append(_waiting(each, number, needs))
        else:
            steps.append(_step(each, number, needs, shown, reach, protected))
    return Plan(tuple(steps))


def _nearest(name: str, after: Mapping[str, Sequence[str]], made: Collection[str]) -> set[str]:
    found: set[str] = set()
    for other in after.get(name, ()):
        found |= {other} if other in made else _nearest(other, after, made)
    return found


def _waiting(each: Outside, seq: int, requires: tuple[int, ...]) -> Step:
    return Step(
        seq=seq,
        name=each.name,
        element="",
        lane=NOBODY,
        key=each.key,
        intent=str(each.kind),
        state=each.details,
        before=None,
        requires=requires,
        enforcing=each.enforcing,
        confirm=Confirm.REPLY,
        dialect="",
        timeout_s=0.0,
        protected=False,
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
