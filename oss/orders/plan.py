"""A plan: numbered steps with what they require. Readiness is a pure function of plan and mask of what is done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from kernel.errors import Exhausted
from oss.port import Command, Confirm, State

STEPS = 31
"""Steps in a plan at most: each has a bit for doing and one for undoing in a 63-bit mask."""
CACHED = 16_384
"""Plans kept parsed: as many orders as are under way on a busy worker (about 6 kB each); a finished one is let go."""
PARTLY = 1 << 31
"""The bit of the mask that no step has: somebody decided to go on without an enforcing step."""
UNDO = 32
"""The undo of step n is task n + 32."""
NOBODY = ""
"""The lane of a task that no element answers; nobody ever leases it, so nothing of it is sent."""


@dataclass(slots=True)
class Step:
    """One task to be: which key on which element must reach which state, and after which other steps."""

    seq: int
    name: str
    element: str
    lane: str
    key: str
    intent: str
    state: State
    before: State | None
    requires: tuple[int, ...]
    enforcing: bool
    confirm: Confirm
    dialect: str
    timeout_s: float
    protected: bool
    final: bool = False

    @property
    def needs(self) -> int:
        """What it requires, as a mask."""
        mask = 0
        for seq in self.requires:
            mask |= 1 << seq
        return mask


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of an order."""

    steps: tuple[Step, ...]
    needed: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """What each step requires, as a mask: every answer of the order asks for it."""

    def __post_init__(self) -> None:
        if len(self.steps) > STEPS:
            raise Exhausted(f"{len(self.steps)} steps in one plan", field="plan", fix=f"at most {STEPS}")
        object.__setattr__(self, "needed", tuple(step.needs for step in self.steps))

    @property
    def whole(self) -> int:
        """The mask that means every enforcing step is done."""
        return sum(1 << step.seq for step in self.steps if step.enforcing)

    def born(self, before: int, after: int) -> list[Step]:
        """The steps that became ready when the mask went from `before` to `after`."""
        older, newer = ~before, ~after
        pairs = zip(self.steps, self.needed, strict=True)
        return [step for step, needs in pairs if needs & older and not needs & newer]

    def unborn(self, seqs: Collection[int], done: int) -> list[Step]:
        """The steps that have no task yet and whose requirements are all done."""
        return [s for s in self.steps if s.seq not in seqs and _met(s, done)]

    def first(self) -> list[Step]:
        """The steps that require nothing."""
        return [s for s in self.steps if not s.requires]

    def dumps(self) -> str:
        """As stored."""
        text = compact([_plain(s) for s in self.steps])
        _remember(text, self)
        return text

    @classmethod
    def loads(cls, text: str) -> Plan:
        """From the stored form; every answer of an order asks for it again."""
        found = _parsed.get(text)
        return _remember(text, cls(tuple(_step(row) for row in from_json(text)))) if found is None else found


def compact(value: object) -> str:
    """JSON without blanks; pydantic's writer takes a third of the time of the standard one."""
    return to_json(value).decode()


_parsed: dict[str, Plan] = {}


def _remember(text: str, plan: Plan) -> Plan:
    """A plan is asked for at every answer of its order, and mostly by the process that made it."""
    while len(_parsed) >= CACHED:
        _parsed.pop(next(iter(_parsed), ""), None)
    _parsed[text] = plan
    return plan


def forget(text: str) -> None:
    """The order of that plan has ended: nobody asks for it any more."""
    _parsed.pop(text, None)


def _met(step: Step, mask: int) -> bool:
    return not step.needs & ~mask


def _plain(step: Step) -> list[Any]:
    return [
        step.seq,
        step.name,
        step.element,
        step.lane,
        step.key,
        step.intent,
        dict(step.state),
        None if step.before is None else dict(step.before),
        list(step.requires),
        int(step.enforcing),
        str(step.confirm),
        step.dialect,
        step.timeout_s,
        int(step.protected),
        int(step.final),
    ]


def _step(row: list[Any]) -> Step:
    (
        seq,
        name,
        element,
        lane,
        key,
        intent,
        state,
        before,
        requires,
        enforcing,
        confirm,
        dialect,
        timeout_s,
        guarded,
        final,
    ) = row
    return Step(
        seq=seq,
        name=name,
        element=element,
        lane=lane,
        key=key,
        intent=intent,
        state=state,
        before=before,
        requires=tuple(requires),
        enforcing=bool(enforcing),
        confirm=Confirm(confirm),
        dialect=dialect,
        timeout_s=timeout_s,
        protected=bool(guarded),
        final=bool(final),
    )


Words = list[Any]
"""A command as stored: name, element, intent, state, before, confirm, dialect, timeout_s, protected."""


def words(step: Step) -> Words:
    """The command of a step."""
    return _words(step, step.state, step.before)


def undo_words(step: Step, target: State) -> Words:
    """The command that takes a step back: from what it set to a target."""
    return _words(step, target, step.state)


def _words(step: Step, state: State, before: State | None) -> Words:
    return [
        step.name,
        step.element,
        step.intent,
        dict(state),
        None if before is None else dict(before),
        str(step.confirm),
        step.dialect,
        step.timeout_s,
        int(step.protected),
    ]


@lru_cache(maxsize=CACHED)
def words_of(text: str) -> Words:
    """A stored command's words, shared: a command names no key, so that thousands of tasks say the same."""
    said: Words = from_json(text)
    return said


def text_of(said: Words) -> str:
    """A command as its task row stores it."""
    return compact(said)


def command(said: Words, *, order: str, seq: int, key: str, generation: int) -> Command:
    """The stored command as the port takes it; its idempotency key is the same for every resend."""
    _, element, intent, state, before, confirm, dialect, timeout_s, protected = said
    return Command(
        element=element,
        key=key,
        intent=intent,
        state=state,
        generation=generation,
        idempotency_key=f"{order}.{seq}",
        before=before,
        confirm=Confirm(confirm),
        protected=bool(protected),
        dialect=dialect,
        timeout_s=timeout_s,
    )
