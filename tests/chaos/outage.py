"""The database stopped, politely or by a crash, under a worker that must come through without being started again.

    python -m tests.chaos.outage --outages 10 [--seed N]

Every third outage is longer than SILENT_S, so that the worker falls silent meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from oss.orders.lanes import SILENT_S
from tests.chaos import stage as stages
from tests.chaos.cluster import cluster
from tests.chaos.stage import running

UP_S = 1.5, 4.0
DOWN_S = 0.2, 2.0
SILENT_TOO_S = SILENT_S + 1.0


def run(*, outages: int, lines: int, seed: int) -> dict[str, Any]:
    """The whole of it."""
    with cluster() as server, stages.staged(server.url, lines=lines, seed=seed, whole=True) as stage:
        child, dice = stage.worker(), stage.dice
        for nth in range(outages):
            time.sleep(dice.uniform(*UP_S))
            if not running(child):
                stage.wrong.append(f"the worker died by itself before outage {nth}")
                child = stage.worker()
            server.stop(dice.choice(("fast", "immediate")))
            time.sleep(SILENT_TOO_S if nth % 3 == 2 else dice.uniform(*DOWN_S))
            server.start()
        time.sleep(UP_S[1])
        stage.kill(child, what="the worker")
        return {"chaos": "outage", "outages": outages, "seed": seed, **stage.judged()}


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outages", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=400)
    given = parser.parse_args(arguments)
    return stages.told(run(outages=given.outages, lines=given.lines, seed=given.seed))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
