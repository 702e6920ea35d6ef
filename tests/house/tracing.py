"""A recorder of the house's own calls, over all its threads, with the calls that each stands inside of."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.house.tree import ROOT

ROOMS = frozenset({"kernel", "oss", "bss", "adapters", "gateway"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call: module and function, and the house's calls around it in its thread, the outermost first."""

    name: str
    inside: tuple[str, ...]


@dataclass
class Recorder:
    """Every call of the house while `on`."""

    calls: list[Call] = field(default_factory=list)
    on: bool = False
    _names: dict[CodeType, str | None] = field(default_factory=dict)

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Hear of an event of the interpreter."""
        if self.on and event == "call" and (name := self._name(frame.f_code)) is not None:
            self.calls.append(Call(name, tuple(self._around(frame))[::-1]))

    def taken(self) -> list[Call]:
        """What was recorded so far, and no more of it."""
        calls, self.calls = self.calls, []
        return calls

    def _around(self, frame: FrameType) -> Iterator[str]:
        outer = frame.f_back
        while outer is not None:
            if (name := self._name(outer.f_code)) is not None:
                yield name
            outer = outer.f_back

    def _name(self, code: CodeType) -> str | None:
        if code not in self._names:
            self._names[code] = _named(code)
        return self._names[code]


def _named(code: CodeType) -> str | None:
    try:
        path = Path(code.co_filename).relative_to(ROOT)
    except ValueError:
        return None
    if path.parts[0] not in ROOMS:
        return None
    return ".".join((*path.with_suffix("").parts, code.co_qualname))


@contextmanager
def recorded() -> Iterator[Recorder]:
    """Record in this thread and in every thread that is started in the block."""
    recorder = Recorder()
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        yield recorder
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def follow(calls: Sequence[Call], hops: Sequence[str]) -> list[Call]:
    """The first call of each hop, each after the one before. Raises AssertionError naming the hop that is missing."""
    found: list[Call] = []
    rest = iter(calls)
    for hop in hops:
        step = next((call for call in rest if call.name == hop), None)
        assert step is not None, f"after {[call.name for call in found]} nobody called {hop}"
        found.append(step)
    return found
