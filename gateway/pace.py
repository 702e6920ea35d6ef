"""How fast a lane may be spoken on: slots and a token bucket, held by the lane's owner and so the same for all workers.

Bulk leaves a slot and a fifth of the rate to whoever waits in person. A lane just taken over begins with an empty
bucket: its last owner may have spent what there was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.time import Pulse
from oss.orders.lanes import Pace
from oss.orders.scratch import BULK_SPARES

BURST_S = 0.5
"""A bucket holds what comes in so many seconds: twice the longest pause between two looks at a lane."""
BULK_SHARE = 0.8
"""Of a lane's rate bulk takes this much at most."""
SOONEST_S = 0.02
"""An empty bucket is looked at again so soon at the earliest, so that what was paced goes out in handfuls."""


@dataclass(slots=True)
class _Bucket:
    per_s: float
    tokens: float
    at: float

    def fill(self, now: float) -> float:
        """What is in it now."""
        most = max(self.per_s * BURST_S, 1.0)
        self.tokens, self.at = min(most, self.tokens + (now - self.at) * self.per_s), now
        return self.tokens


class Paces:
    """The paces of one worker's lanes."""

    def __init__(self, pulse: Pulse, *, slots: int) -> None:
        self._pulse, self._slots = pulse, slots
        self._told: Mapping[str, Pace] = {}
        self._lanes: set[str] = set()
        self._buckets: dict[str, tuple[_Bucket, _Bucket]] = {}

    def told(self, paces: Mapping[str, Pace], lanes: set[str]) -> None:
        """What the elements say by now, and whose lanes are ours."""
        if paces is self._told and lanes is self._lanes:
            return
        kept, now = self._buckets, self._pulse.seconds()
        self._told, self._lanes, self._buckets = paces, lanes, {}
        for lane in lanes & paces.keys():
            per_s = paces[lane].per_s
            if per_s is None:
                continue
            if lane in kept and kept[lane][0].per_s == per_s:
                self._buckets[lane] = kept[lane]
            else:
                self._buckets[lane] = (_Bucket(per_s, 0.0, now), _Bucket(per_s * BULK_SHARE, 0.0, now))

    def room(self, lane: str, flying: int) -> tuple[int, int]:
        """How many commands may go out on a lane now, and how many of these bulk leaves to others."""
        pace = self._told.get(lane)
        slots = (pace.slots if pace is not None and pace.slots else self._slots) - flying
        buckets = self._buckets.get(lane)
        if buckets is None:
            return slots, BULK_SPARES
        now = self._pulse.seconds()
        whole, bulk = (int(bucket.fill(now)) for bucket in buckets)
        free = min(slots, whole)
        return free, max(free - min(slots - BULK_SPARES, bulk), 0)

    def spend(self, lane: str, *, bulk: bool) -> None:
        """A command goes out."""
        buckets = self._buckets.get(lane)
        if buckets is not None:
            buckets[0].tokens -= 1
            buckets[1].tokens -= bulk

    def empty_s(self, lanes: set[str]) -> float | None:
        """In how many seconds one of these lanes, on which more waits, has a token again; None if none is paced."""
        empty = [b for lane in lanes for b in self._buckets.get(lane, ()) if b.tokens < 1.0]
        return min((max((1.0 - b.tokens) / b.per_s, SOONEST_S) for b in empty), default=None)
