"""kill -9 at random points of a worker, while orders are placed and the elements log every command they hear.

    python -m tests.chaos.kill9 --kills 200 [--db sqlite|postgresql://...] [--seed N] [--lines 400]

Afterwards nobody is killed until all is quiet; then every order must have ended as decided, the elements must show
what is wanted, no idempotency key may have changed a state twice, each resend must have been preceded by a read-back,
and the doctor must find nothing. The last line is JSON; the exit code is 1 on any violation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import place
from tests.chaos import elements, engine, verdict

SOONEST_S, LATEST_S = 0.02, 0.9
"""A worker's life: from before it has opened its database to the middle of a busy one."""
POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"


def forked(fn: Callable[[], object]) -> int:
    """Run a function in a child forked from this warm process, which has no thread and no open database."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        fn()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def finished(child: int) -> int:
    """Wait for a child; its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(url: str, socket: Path, *, kills: int, dice: random.Random) -> Counter[str]:
    """Start a worker and kill it, so many times; how many died before they were killed."""
    seen: Counter[str] = Counter()
    for nth in range(kills):
        seed = dice.randrange(2**31)
        child = forked(lambda seed=seed: engine.Engine(url, socket).live(seed))  # type: ignore[misc]
        time.sleep(dice.uniform(SOONEST_S, LATEST_S))
        os.kill(child, signal.SIGKILL)
        if finished(child) != -signal.SIGKILL:
            seen["died by themselves"] += 1
            sys.stderr.write(f"worker {nth} died by itself\n")
    return seen


def drained(url: str, socket: Path, told: Path) -> list[str]:
    """Let a last worker finish everything; what the doctor finds."""

    def last() -> None:
        told.write_text(json.dumps(asyncio.run(engine.Engine(url, socket).drain())), encoding="utf-8")

    if finished(forked(last)) != 0:
        return ["the last worker failed"]
    return list(json.loads(told.read_text(encoding="utf-8")))


def run(url: str, folder: Path, *, kills: int, lines: int, seed: int) -> dict[str, Any]:
    """The whole of it: what was done, and the violations."""
    socket, log, dice = folder / "elements.sock", folder / "heard.jsonl", random.Random(seed)  # noqa: S311
    if finished(forked(lambda: engine.prepare(url, lines))) != 0:
        raise SystemExit("the lines could not be prepared")
    network = forked(lambda: elements.run(socket, log, seed))
    try:
        begun = time.monotonic()
        seen = killed(url, socket, kills=kills, dice=dice)
        killing_s = time.monotonic() - begun
        found = drained(url, socket, folder / "doctor.json")
    finally:
        os.kill(network, signal.SIGKILL)
        os.waitpid(network, 0)
    heard = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    figures = verdict.judge(url, heard)
    found += figures.pop("violations")
    if url.startswith("sqlite"):
        found += _integrity(url)
    found += [f"{count} {what}" for what, count in seen.items()]
    seconds = {"killing_s": round(killing_s, 1), "seconds": round(time.monotonic() - begun, 1)}
    return {"kills": kills, "seed": seed, **seconds, **figures, "violations": found}


def _integrity(url: str) -> list[str]:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        said = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return [] if said == "ok" else [f"integrity_check: {said}"]


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--db", default="sqlite", help="sqlite, postgres, or the address of a server's database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=400)
    given = parser.parse_args(arguments)
    db = POSTGRES if given.db == "postgres" else given.db
    with place.fresh_url(db) as url, tempfile.TemporaryDirectory(prefix="trunkline-chaos-") as folder:
        figures = run(url, Path(folder), kills=given.kills, lines=given.lines, seed=given.seed)
    for said in figures["violations"]:
        sys.stderr.write(f"violation: {said}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if figures["violations"] else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
