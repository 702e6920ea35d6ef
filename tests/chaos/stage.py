"""What every kind of chaos shares: children forked from one warm process, elements that outlive them, and the end."""

from __future__ import annotations

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import place
from gateway import migrate
from tests.chaos import elements, engine, verdict
from tests.chaos.engine import QUICK, World

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


def running(child: int) -> bool:
    """Whether a child lives still; one that does not is not waited for again."""
    return os.waitpid(child, os.WNOHANG) == (0, 0)


@dataclass
class Stage:
    """A prepared database, the elements, and what went wrong so far."""

    url: str
    folder: Path
    dice: random.Random
    world: World
    network: int = 0
    wrong: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    @property
    def socket(self) -> Path:
        """Where the elements listen."""
        return self.folder / "elements.sock"

    def worker(self, *, label: str = "chaos", alone: bool = True, before: Callable[[], object] | None = None) -> int:
        """A child that works and places orders until it is killed."""
        seed = self.dice.randrange(2**31)

        def live() -> None:
            if before is not None:
                before()
            engine.Engine(self.url, self.socket, world=self.world, label=label, alone=alone).live(seed)

        return forked(live)

    def kill(self, child: int, *, what: str) -> None:
        """kill -9; a child that was dead already is a violation."""
        os.kill(child, signal.SIGKILL)
        if finished(child) != -signal.SIGKILL:
            self.wrong.append(f"{what} died by itself")

    def judged(self) -> dict[str, Any]:
        """Let a last worker finish everything; the figures and every violation."""
        found = self.wrong + self._drained()
        os.kill(self.network, signal.SIGKILL)
        os.waitpid(self.network, 0)
        self.network = 0
        lines = (self.folder / "heard.jsonl").read_text(encoding="utf-8").splitlines()
        figures = verdict.judge(self.url, [json.loads(line) for line in lines])
        found += figures.pop("violations")
        if self.url.startswith("sqlite"):
            found += _integrity(self.url)
        return {**figures, "seconds": round(time.monotonic() - self.begun, 1), "violations": found}

    def _drained(self) -> list[str]:
        told = self.folder / "doctor.json"

        def last() -> None:
            found = asyncio.run(engine.Engine(self.url, self.socket, world=self.world).drain())
            told.write_text(json.dumps(found), encoding="utf-8")

        if finished(forked(last)) != 0:
            return ["the last worker failed"]
        return list(json.loads(told.read_text(encoding="utf-8")))


@contextmanager
def staged(db: str, *, lines: int, seed: int, world: World = QUICK, whole: bool = False) -> Iterator[Stage]:
    """A stage on a database of its own; `db` is sqlite, postgres, or the address of a server's database.

    With `whole` that database is used itself, and left behind: its server is the harness's own.
    """
    with (
        _whole(db) if whole else place.fresh_url(POSTGRES if db == "postgres" else db) as url,
        tempfile.TemporaryDirectory(prefix="trunkline-chaos-") as folder,
    ):
        stage = Stage(url, Path(folder), random.Random(seed), world)  # noqa: S311  (repeatable dice, no secret)
        if finished(forked(lambda: engine.prepare(url, lines, world))) != 0:
            raise SystemExit("the lines could not be prepared")
        log = stage.folder / "heard.jsonl"
        stage.network = forked(lambda: elements.run(stage.socket, log, seed, world.late_s))
        try:
            yield stage
        finally:
            if stage.network:
                os.kill(stage.network, signal.SIGKILL)
                os.waitpid(stage.network, 0)


@contextmanager
def _whole(url: str) -> Iterator[str]:
    migrate.upgrade(url)
    yield url


def _integrity(url: str) -> list[str]:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        said = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return [] if said == "ok" else [f"integrity_check: {said}"]


def told(figures: dict[str, Any]) -> int:
    """Print the violations and the figures; the exit code."""
    for said in figures["violations"]:
        sys.stderr.write(f"violation: {said}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
    return 1 if figures["violations"] else 0
