"""How the demo speaks: titled steps, the words on the wire, and expectations whose failure is a surprise."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TextIO

from kernel.errors import TrunklineError

WIRE_WIDTH = 150
"""A longer line of a protocol is cut in print; the transcript keeps it whole."""


class Surprise(TrunklineError):
    """Something is not as the story says; the demo ends with exit code 1 and names the step."""

    code = "surprise"


@dataclass(slots=True)
class Telling:
    """A teller of steps; every `expect` is counted, the first that fails ends the story."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    step_name: str = "the beginning"
    number: int = 0
    expected: int = 0

    def step(self, title: str) -> None:
        """Begin a step."""
        self.number += 1
        self.step_name = f"step {self.number}, {title}"
        self._print(f"\n{self.number:2d}. {title}")

    def say(self, line: str) -> None:
        """One line of the story."""
        self._print(f"    {line}")

    def wire(self, element: str, lines: Iterable[str]) -> None:
        """What was said to an element and what it answered."""
        for line in lines:
            shown = line if len(line) <= WIRE_WIDTH else f"{line[: WIRE_WIDTH - 3]}..."
            self._print(f"      {element:9s}{shown}")

    def expect(self, what: str, actual: Any, wanted: Any) -> None:
        """Say what is so. Raises Surprise, naming the step, when it is not."""
        self.expected += 1
        if actual != wanted:
            raise Surprise(f"{self.step_name}: {what} is {actual!r}, expected {wanted!r}")
        self.say(f"ok  {what}: {_shown(actual)}")

    def _print(self, line: str) -> None:
        print(line, file=self.out, flush=True)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_shown(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_shown(each) for each in value)
    return str(value)
