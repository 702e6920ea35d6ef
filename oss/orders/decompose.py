"""From what a service must be and what the elements last confirmed to the steps that make up the difference. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from kernel.errors import NotFound
from oss.orders.model import Verb
from oss.orders.plan import NOBODY, Plan, Step
from oss.port import Confirm, State, satisfies
from oss.specs.compose import Outside, Target

Place = tuple[str, str]
"""(element, key)"""
Shown = Mapping[Place, State | None]
"""What each place last confirmed; None where a command failed and nobody vouches for what is there."""
ABSENT: State = {"present": False}


@dataclass(frozen=True, slots=True)
class Reach:
    """How an element is reached: the lane that owns its session, the pinned dialect, the command's deadline."""

    lane: str
    dialect: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Leftover:
    """A place that shows something of the service, and that it is to stand on no more."""

    element: str
    key: str
    intent: str


@dataclass(frozen=True, slots=True)
class _Draft:
    """A step before it has its number: it stands behind those of the names it requires, and finds `before`.

    `of` is the component that it is of; a leftover's removal is of none.
    """

    name: str
    of: str
    target: Target
    requires: tuple[str, ...]
    before: State | None


def decompose(
    verb: Verb,
    targets: Sequence[Target],
    *,
    shown: Shown,
    reach: Mapping[str, Reach],
    protected: bool,
    leftovers: Sequence[Leftover] = (),
    outside: tuple[Sequence[Outside], Mapping[str, Sequence[str]]] = ((), {}),
) -> Plan:
    """The plan of a verb: all that differs, in the order of the specification, terminations the other way round.

    A leftover goes when what replaces it is made; a verb that replaces nothing takes it away first of all. `outside`
    are the tasks that no element answers, and what comes after what; where nothing differs there are none.
    """
    wanted = [t for t in targets if _differs(verb, t, shown)]
    requires = _reversed(wanted) if verb is Verb.TERMINATE else {t.name: t.requires for t in wanted}
    drafts = [_Draft(t.name, t.name, t, requires[t.name], shown.get((t.element, t.key))) for t in wanted]
    if verb is Verb.TERMINATE:
        drafts.reverse()
    if leftovers:
        drafts = _replacing(drafts, leftovers, shown) if verb is Verb.MODIFY else _clearing(drafts, leftovers, shown)
    if outside[0] and drafts:
        return _woven(drafts, *outside, reach=reach, protected=protected)
    seq = {draft.name: nth for nth, draft in enumerate(drafts)}
    return Plan(
        tuple(_step(d, seq[d.name], tuple(seq[r] for r in d.requires if r in seq), reach, protected) for d in drafts)
    )


def _woven(
    drafts: Sequence[_Draft],
    outside: Sequence[Outside],
    after: Mapping[str, Sequence[str]],
    *,
    reach: Mapping[str, Reach],
    protected: bool,
) -> Plan:
    """Elements' steps and others in one order; what is no step of this plan hands its requirements on."""
    made = {d.name: d for d in drafts} | {o.name: o for o in outside}
    first = {d.of: d.name for d in reversed(drafts) if d.of} | {o.name: o.name for o in outside}
    requires = {name: _before(name, made[name], after, first, made.keys()) for name in made}
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
            steps.append(_step(each, number, needs, reach, protected))
    return Plan(tuple(steps))


def _before(
    name: str,
    each: _Draft | Outside,
    after: Mapping[str, Sequence[str]],
    first: Mapping[str, str],
    made: Collection[str],
) -> set[str]:
    """What goes before a step: what the specification says of its component, where it begins, and its own draft."""
    own = {other for other in each.requires if other in made} if isinstance(each, _Draft) else set[str]()
    of = each.of if isinstance(each, _Draft) else name
    if first.get(of) != name:
        return own
    return own | {first[other] for other in _nearest(of, after, first.keys())}


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
        final=each.final,
    )


def _differs(verb: Verb, target: Target, shown: Shown) -> bool:
    place = (target.element, target.key)
    if place not in shown:
        return verb in (Verb.ADD, Verb.MODIFY) and bool(target.state.get("present", True))
    there = shown[place]
    return there is None or not satisfies(target.state, there)


def _reversed(targets: Sequence[Target]) -> dict[str, tuple[str, ...]]:
    return {t.name: tuple(u.name for u in targets if t.name in u.requires) for t in targets}


def _replacing(drafts: Sequence[_Draft], leftovers: Sequence[Leftover], shown: Shown) -> list[_Draft]:
    """Made before broken; what only one key may show is taken over at the end."""
    removals = [_removal(each, shown) for each in leftovers]
    halves = {draft.name: half for draft in drafts if (half := _half(draft, leftovers, shown)) is not None}
    known_as = {name: half.name for name, half in halves.items()}
    made = [halves.get(draft.name, draft) for draft in drafts]
    made = [replace(draft, requires=tuple(known_as.get(r, r) for r in draft.requires)) for draft in made]
    gone = tuple(each.name for each in removals)
    completed = [
        replace(draft, requires=(known_as[draft.name], *gone), before=halves[draft.name].target.state)
        for draft in drafts
        if draft.name in halves
    ]
    before = tuple(draft.name for draft in made)
    return [*made, *(replace(each, requires=before) for each in removals), *completed]


def _half(draft: _Draft, leftovers: Sequence[Leftover], shown: Shown) -> _Draft | None:
    """What of a step can be made while the old place still holds what only one may show; None when all of it can."""
    target = draft.target
    rivals = [shown.get((o.element, o.key)) for o in leftovers if _same_kind(target, o)]
    held = [name for name in target.exclusive if _held(name, target, rivals)]
    if not held:
        return None
    state = {name: value for name, value in target.state.items() if name not in held}
    return replace(draft, name=f"new {draft.name}", target=replace(target, state=state))


def _clearing(drafts: Sequence[_Draft], leftovers: Sequence[Leftover], shown: Shown) -> list[_Draft]:
    removals = [_removal(each, shown) for each in leftovers]
    first = tuple(each.name for each in removals)
    return [*removals, *(replace(draft, requires=(*draft.requires, *first)) for draft in drafts)]


def _same_kind(target: Target, leftover: Leftover) -> bool:
    return (target.element, target.intent) == (leftover.element, leftover.intent) and target.key != leftover.key


def _held(field: str, target: Target, rivals: Sequence[State | None]) -> bool:
    return any(rival is None or rival.get(field) == target.state[field] for rival in rivals)


def _removal(leftover: Leftover, shown: Shown) -> _Draft:
    name = f"old {leftover.intent} {leftover.key}"
    target = Target(
        name=name,
        element=leftover.element,
        key=leftover.key,
        intent=leftover.intent,
        state=dict(ABSENT),
        enforcing=True,
        confirm=Confirm.READ,
        requires=(),
    )
    return _Draft(name, "", target, (), shown.get((leftover.element, leftover.key)))


def _step(
    draft: _Draft,
    seq: int,
    requires: tuple[int, ...],
    reach: Mapping[str, Reach],
    protected: bool,
) -> Step:
    target = draft.target
    try:
        how = reach[target.element]
    except KeyError:
        raise NotFound(
            f"unknown element {target.element!r}", field="element", fix="trunkline element apply FILE"
        ) from None
    return Step(
        seq=seq,
        name=draft.name,
        element=target.element,
        lane=how.lane,
        key=target.key,
        intent=target.intent,
        state=target.state,
        before=draft.before,
        requires=requires,
        enforcing=target.enforcing,
        confirm=target.confirm,
        dialect=how.dialect,
        timeout_s=how.timeout_s,
        protected=protected,
        final=target.final,
    )
