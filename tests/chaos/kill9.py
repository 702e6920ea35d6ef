"""kill -9 of one worker, at random points and at every named boundary of its loop.

    python -m tests.chaos.kill9 --kills 1000 [--db sqlite|postgres|postgresql://...] [--seed N] [--lines N]

Meanwhile orders are placed, and the elements log every command they hear. Afterwards nobody is killed until all is
quiet; then every order must have ended as decided, the elements must show what is wanted, no idempotency key may have
changed a state twice, no older generation may have been applied after a newer, each resend must have been preceded by
a read-back, and the doctor must find nothing. The last line is JSON; the exit code is 1 on any violation.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from typing import Any

from tests.chaos import stage as stages
from tests.chaos.boundaries import BOUNDARIES, dies_at
from tests.chaos.engine import World
from tests.chaos.stage import Stage, finished

SOONEST_S, LATEST_S = 0.02, 0.6
"""A worker's life: from before it has opened its database to the middle of a busy one."""
LONGEST_S = 15.0
"""A worker that has not come to its boundary by then never does."""


def at_random(stage: Stage, kills: int) -> None:
    """Start a worker and kill it, so many times."""
    for nth in range(kills):
        child = stage.worker()
        time.sleep(stage.dice.uniform(SOONEST_S, LATEST_S))
        stage.kill(child, what=f"worker {nth}")


def at_boundaries(stage: Stage) -> None:
    """A worker that kills itself at each boundary, at the first, second or third time it comes there."""
    for name in BOUNDARIES:
        nth = stage.dice.randrange(1, 4) if name not in ONCE else 1
        child = stage.worker(before=lambda name=name, nth=nth: dies_at(name, nth))  # type: ignore[misc]
        until = time.monotonic() + LONGEST_S
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
                    stage.wrong.append(f"{name}: the worker died by itself")
                break
            time.sleep(0.01)
        else:
            os.kill(child, signal.SIGKILL)
            finished(child)
            stage.wrong.append(f"{name}: never come to in {LONGEST_S:g} s")


ONCE = frozenset({"lanes are taken over"})
"""Boundaries that a worker passes once in its life."""


def run(db: str, *, kills: int, lines: int, seed: int, world: World) -> dict[str, Any]:
    """The whole of it: what was done, and the violations."""
    with stages.staged(db, lines=lines, seed=seed, world=world) as stage:
        at_boundaries(stage)
        at_random(stage, kills)
        return {"chaos": "kill9", "kills": kills, "boundaries": len(BOUNDARIES), "seed": seed, **stage.judged()}


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--db", default="sqlite", help="sqlite, postgres, or the address of a server's database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--horizon", type=float, default=World.horizon_s, help="seconds after a deadline")
    given = parser.parse_args(arguments)
    world = World(horizon_s=given.horizon)
    return stages.told(run(given.db, kills=given.kills, lines=given.lines, seed=given.seed, world=world))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
