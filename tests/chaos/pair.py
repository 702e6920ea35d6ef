"""Two workers on PostgreSQL at the shipped lease: killed, stopped for longer than a lease, and heard late.

    python -m tests.chaos.pair --kills 30 --stops 10 [--db postgres|postgresql://...] [--seed N]

A killed worker's lanes must be with the other within TAKEOVER_S, a stopped one's too; woken again it must find that it
lost them. The network holds some commands back past the takeover. `takeover_s` is the longest that lanes were nobody's.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.chaos import stage as stages
from tests.chaos.engine import FAR
from tests.chaos.stage import Stage, running

TAKEOVER_S = 12.0
"""What is promised after a crash."""
SLACK_S = 1.0
"""What a loaded machine of two cores may add to it before the doctor is called."""
STOP_S = 20.0
"""Twice a lease."""
SETTLE_S = 1.0, 4.0
"""Between two blows."""
_LANES = (
    "SELECT count(*) FROM lane l LEFT JOIN worker w ON w.name = l.owner AND w.lost_at IS NULL AND w.until >"
    " extract(epoch FROM clock_timestamp()) * 1000000 WHERE w.name IS NULL OR w.label = %s"
)
"""Lanes that nobody else leases."""


@dataclass
class Pair:
    """Two workers at a time, each with a label that is never used again."""

    stage: Stage
    children: dict[str, int]
    born: int = 0
    longest_s: float = 0.0

    def bear(self) -> None:
        """Another one."""
        self.born += 1
        label = f"chaos-{self.born}"
        self.children[label] = self.stage.worker(label=label, alone=False)

    def taken_over(self, label: str, *, since: float) -> None:
        """Wait until the other has all of its lanes."""
        url = self.stage.url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url, autocommit=True) as connection:
            while True:
                row = connection.execute(_LANES, (label,)).fetchone()
                taken_s = time.monotonic() - since
                if row is not None and row[0] == 0:
                    break
                if taken_s > 3 * TAKEOVER_S:
                    self.stage.wrong.append(f"{label}: {row} lanes were never taken over")
                    break
                time.sleep(0.05)
        self.longest_s = max(self.longest_s, taken_s)
        if taken_s > TAKEOVER_S + SLACK_S:
            self.stage.wrong.append(f"{label}: taken over after {taken_s:.1f} s")

    def settle(self) -> None:
        """Let both work for a while."""
        time.sleep(self.stage.dice.uniform(*SETTLE_S))
        for label, child in list(self.children.items()):
            if not running(child):
                self.stage.wrong.append(f"{label} died by itself")
                del self.children[label]
                self.bear()

    def kill(self) -> None:
        """kill -9 of one; its heir is the other, and the next is born when that is proven."""
        label = self.stage.dice.choice(sorted(self.children))
        at = time.monotonic()
        self.stage.kill(self.children.pop(label), what=label)
        self.taken_over(label, since=at)
        self.bear()

    def stop(self) -> None:
        """SIGSTOP of one, for twice a lease."""
        label = self.stage.dice.choice(sorted(self.children))
        at = time.monotonic()
        os.kill(self.children[label], signal.SIGSTOP)
        self.taken_over(label, since=at)
        time.sleep(max(STOP_S - (time.monotonic() - at), 0.0))
        os.kill(self.children[label], signal.SIGCONT)

    def end(self) -> None:
        """Both are killed; what is left is for the last worker."""
        for label, child in self.children.items():
            self.stage.kill(child, what=label)


def run(db: str, *, kills: int, stops: int, lines: int, seed: int) -> dict[str, Any]:
    """The whole of it."""
    with stages.staged(db, lines=lines, seed=seed, world=FAR) as stage:
        pair = Pair(stage, {})
        pair.bear()
        pair.bear()
        blows = [pair.kill] * kills + [pair.stop] * stops
        stage.dice.shuffle(blows)
        pair.settle()
        for blow in blows:
            blow()
            pair.settle()
        pair.end()
        figures = {"kills": kills, "stops": stops, "seed": seed, "takeover_s": round(pair.longest_s, 1)}
        return {"chaos": "pair", **figures, **stage.judged()}


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--stops", type=int, default=10)
    parser.add_argument("--db", default="postgres")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=400)
    given = parser.parse_args(arguments)
    figures = run(given.db, kills=given.kills, stops=given.stops, lines=given.lines, seed=given.seed)
    return stages.told(figures)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
