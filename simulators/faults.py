"""Faults at the wire: which command is broken, how, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from simulators import keys

ELEMENTS = ("hlr", "olt", "mqtt", "bank", "portability")
FAULTS_LIMIT = 1_000  # a test's worth of planned faults; each command looks at all of them
DEFAULT_DELAY_MS = 1_000  # long enough to be seen, shorter than any client's timeout
DELAY_LIMIT_MS = 600_000  # ten minutes: past every timeout a client may have


class Kind(StrEnum):
    """How a command is broken."""

    REFUSE = "refuse"  # the element's own error words, nothing done
    DROP = "drop"  # nothing done, no answer
    LIE = "lie"  # nothing done, answered as if it were
    LOSE = "lose"  # done, no answer
    SLOW = "slow"  # done, answered late


class Act(StrEnum):
    """What a command is for."""

    CHANGE = "change"
    READ = "read"
    SETUP = "setup"


class FaultError(ValueError):
    """A fault that cannot be planned; the text names the field and the fix."""


@dataclass
class Fault:
    """One planned fault, how many commands it met and how many it struck; `count` None means without end."""

    id: str
    element: str
    kind: Kind
    match: str | None = None
    count: int | None = None
    delay_ms: int = DEFAULT_DELAY_MS
    chance: float = 1.0
    hits: int = 0
    met: int = 0

    def meets(self, text: str, *, act: Act, read_word: str) -> bool:
        """Whether this command is one the fault is meant for; reads are broken only when named by their word."""
        if self.count is not None and self.hits >= self.count:
            return False
        if self.match is not None and self.match not in text:
            return False
        if self.kind in (Kind.DROP, Kind.SLOW):
            return True
        if act is Act.READ:
            return self.match is not None and read_word in self.match
        return self.match is not None or act is Act.CHANGE


@dataclass
class Verdict:
    """What happens to one command: at most one kind besides a delay."""

    kind: Kind | None = None
    delay_s: float = 0.0
    ids: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether the command takes effect."""
        return self.kind in (None, Kind.LOSE)

    @property
    def answered(self) -> bool:
        """Whether the sender hears anything."""
        return self.kind not in (Kind.DROP, Kind.LOSE)

    @property
    def word(self) -> str | None:
        """The kind for the log, if any fault struck."""
        return self.kind.value if self.kind else (Kind.SLOW.value if self.delay_s else None)


class Plan:
    """All faults of one run; the same seed and the same commands give the same verdicts."""

    def __init__(self, run: keys.Keys) -> None:
        self._keys = run
        self._faults: list[Fault] = []
        self._made = 0

    def add(
        self,
        element: str,
        kind: str,
        *,
        match: str | None = None,
        count: int | None = None,
        delay_ms: int = DEFAULT_DELAY_MS,
        chance: float = 1.0,
    ) -> Fault:
        """Plan one more fault, or raise FaultError."""
        if element not in ELEMENTS:
            raise FaultError(f"element {element!r}: use one of {', '.join(ELEMENTS)}")
        if kind not in set(Kind):
            raise FaultError(f"kind {kind!r}: use one of {', '.join(Kind)}")
        if count is not None and count < 1:
            raise FaultError(f"count {count}: use 1 or more, or leave it out for every command")
        if not 0 <= delay_ms <= DELAY_LIMIT_MS:
            raise FaultError(f"delay_ms {delay_ms}: use 0 to {DELAY_LIMIT_MS}")
        if not 0 < chance <= 1:
            raise FaultError(f"chance {chance}: use more than 0 and at most 1")
        if len(self._faults) >= FAULTS_LIMIT:
            raise FaultError(f"at most {FAULTS_LIMIT} faults: clear them first")
        self._made += 1
        fault = Fault(f"flt_{self._made}", element, Kind(kind), match or None, count, delay_ms, chance)
        self._faults.append(fault)
        return fault

    def parse(self, words: str) -> Fault:
        """Plan a fault written as ELEMENT:KIND[:MATCH[:COUNT]]; the match may itself contain colons."""
        element, _, rest = words.partition(":")
        kind, _, rest = rest.partition(":")
        match, colon, tail = rest.rpartition(":")
        if colon and tail.isdecimal():
            return self.add(element, kind, match=match, count=int(tail))
        return self.add(element, kind, match=rest)

    def clear(self) -> None:
        """Forget every fault."""
        self._faults.clear()

    def all(self) -> list[Fault]:
        """Every planned fault, spent ones too."""
        return list(self._faults)

    def judge(self, element: str, text: str, *, act: Act, read_word: str) -> Verdict:
        """Strike with the first fault that meets the command, and add the delay of every slow one."""
        verdict = Verdict()
        for fault in self._faults:
            if fault.element != element or not fault.meets(text, act=act, read_word=read_word):
                continue
            if fault.kind is not Kind.SLOW and verdict.kind is not None:
                continue
            fault.met += 1
            if self._keys.chance(f"{fault.id} {fault.met}") >= fault.chance:
                continue
            fault.hits += 1
            verdict.ids.append(fault.id)
            if fault.kind is Kind.SLOW:
                verdict.delay_s += fault.delay_ms / 1_000
            else:
                verdict.kind = fault.kind
        return verdict
