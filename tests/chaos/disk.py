"""The disk full, again and again: no file of the database may grow, until it may.

    python -m tests.chaos.disk --times 10 [--seed N]

The limit on file sizes (RLIMIT_FSIZE) is lowered for the living worker to what its log has already, plus a little; a
write beyond it fails as on a full disk. The worker must come through without being started again.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tests.chaos import stage as stages
from tests.chaos.stage import Stage, running

FREE_S = 0.8, 2.0
FULL_S = 0.3, 1.5
MORE_BYTES = 65_536
"""How much may still be written before it is full, at most."""


def full(stage: Stage, child: int) -> None:
    """Let the worker run into the end of the disk, and make room again."""
    files = Path(stage.url.removeprefix("sqlite:///"))
    grown = max(path.stat().st_size for path in files.parent.glob(f"{files.name}*"))
    kept = resource.prlimit(child, resource.RLIMIT_FSIZE)
    resource.prlimit(child, resource.RLIMIT_FSIZE, (grown + stage.dice.randrange(MORE_BYTES), kept[1]))
    time.sleep(stage.dice.uniform(*FULL_S))
    resource.prlimit(child, resource.RLIMIT_FSIZE, kept)


def run(*, times: int, lines: int, seed: int) -> dict[str, Any]:
    """The whole of it."""
    with stages.staged("sqlite", lines=lines, seed=seed) as stage:
        child = stage.worker()
        for nth in range(times):
            time.sleep(stage.dice.uniform(*FREE_S))
            if not running(child):
                stage.wrong.append(f"the worker died by itself before the disk was full for the {nth}th time")
                child = stage.worker()
                continue
            full(stage, child)
        time.sleep(FREE_S[1])
        stage.kill(child, what="the worker")
        return {"chaos": "disk", "times": times, "seed": seed, **stage.judged()}


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=400)
    given = parser.parse_args(arguments)
    return stages.told(run(times=given.times, lines=given.lines, seed=given.seed))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
