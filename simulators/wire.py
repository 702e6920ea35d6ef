"""What stands between an element and its socket: the log of every command, and the faults that break them."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from simulators import faults

LOG_LIMIT = 100_000  # the newest commands kept in memory, about 30 MB; effects go on being counted past it
PAGE_LIMIT = 10_000  # entries in one answer of the control API, a few MB of JSON
TEXT_LIMIT = 2_000  # characters of one command kept in the log


@dataclass(frozen=True)
class Entry:
    """One command as it arrived; `effect` says that it changed the element's state."""

    n: int
    at: float
    text: str
    key: str | None
    command: str | None
    effect: bool
    fault: str | None


class Wire:
    """One element's log and its way to the run's faults."""

    def __init__(self, element: str, plan: faults.Plan, *, read_word: str) -> None:
        self.element = element
        self.effects = 0
        self._plan = plan
        self._read_word = read_word
        self._made = 0
        self._entries: deque[Entry] = deque(maxlen=LOG_LIMIT)

    def judge(self, text: str, *, act: faults.Act) -> faults.Verdict:
        """What the planned faults do to this command."""
        return self._plan.judge(self.element, text, act=act, read_word=self._read_word)

    def record(
        self,
        text: str,
        *,
        key: str | None = None,
        command: str | None = None,
        effect: bool = False,
        fault: str | None = None,
    ) -> None:
        """Log one arrival, before it is answered; the same command arriving twice is two entries."""
        self._made += 1
        self.effects += effect
        self._entries.append(Entry(self._made, time.time(), text[:TEXT_LIMIT], key, command, effect, fault))

    def after(self, n: int) -> dict[str, Any]:
        """The page of entries that follow number n; `next` continues it."""
        first = self._made - len(self._entries)
        start = max(0, n - first)
        page = [asdict(entry) for entry in islice(self._entries, start, start + PAGE_LIMIT)]
        return {"next": page[-1]["n"] if page else n, "effects": self.effects, "entries": page}
