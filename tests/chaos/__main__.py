"""Every kind of chaos, one after the other; each prints a line of JSON, and the exit code is 1 on any violation.

    python -m tests.chaos [--kills 1000] [--seed N] [--only kill9,pair,outage,disk]

About six minutes of kills and ten of two workers on two cores; PostgreSQL must answer on 5432 and be installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from tests.chaos import disk, kill9, outage, pair
from tests.chaos import stage as stages
from tests.chaos.engine import QUICK


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="kill9,pair,outage,disk")
    given = parser.parse_args(arguments)
    lines, seed = max(given.kills, 200), given.seed
    kinds: dict[str, Callable[[], dict[str, Any]]] = {
        "kill9": lambda: kill9.run("sqlite", kills=given.kills, lines=lines, seed=seed, world=QUICK),
        "pair": lambda: pair.run("postgres", kills=30, stops=10, lines=1_000, seed=seed),
        "outage": lambda: outage.run(outages=10, lines=400, seed=seed),
        "disk": lambda: disk.run(times=10, lines=400, seed=seed),
    }
    codes = [stages.told(kinds[name]()) for name in given.only.split(",")]
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
