"""A PostgreSQL cluster of the harness's own, on a free port: it may be stopped and crashed without hurting anybody."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOME = Path("/usr/lib/postgresql")
START_S = 60
"""A cluster that was crashed replays its log first."""


def programs() -> Path | None:
    """Where PostgreSQL's own programs are; None where it is not installed."""
    found = sorted(HOME.glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).parent if path else None


@dataclass
class Cluster:
    """One cluster."""

    programs: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        """Its maintenance database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.data.parent} -c shared_buffers=64MB"
        self._control("start", "-w", "-t", str(START_S), "-l", str(self.data.parent / "log"), "-o", options)

    def stop(self, mode: str) -> None:
        """`fast` rolls back what is open and says good-bye; `immediate` is a crash."""
        self._control("stop", "-m", mode, "-w")

    def _control(self, *words: str) -> None:
        as_postgres([str(self.programs / "pg_ctl"), "-D", str(self.data), "-s", *words])


def as_postgres(words: list[str]) -> None:
    """Run a program as the postgres user, whom PostgreSQL insists on when we are root."""
    if os.geteuid() == 0:
        words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]
    subprocess.run(words, check=True, cwd="/", stdout=subprocess.DEVNULL)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster for the length of a block."""
    found = programs()
    if found is None:
        raise SystemExit("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="trunkline-cluster-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data = Path(folder) / "data"
        as_postgres(
            [str(found / "initdb"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D", str(data)]
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        made = Cluster(found, data, port)
        made.start()
        try:
            yield made
        finally:
            made.stop("immediate")
