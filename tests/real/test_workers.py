"""`trunkline worker` as processes over one PostgreSQL: shared lanes, a list, a drain, an order from elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import migrate
from kernel.database import Database
from kernel.time import SystemClock
from oss.orders import leases, views
from tests.conftest import postgres_url
from tests.rooms.oss.orders.town import Town

pytestmark = [pytest.mark.real, pytest.mark.slow]

ALL = {"hlr", "olt", "broker"}
LONG_S = 30.0
"""What a loaded machine may take to start two processes."""
DRAINED_S = 1.0
"""Promised after a drain."""


def environment(url: str, folder: Path) -> dict[str, str]:
    """The settings of a process of ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    return inherited | {"TRUNKLINE_DATABASE_URL": url, "TRUNKLINE_SECRET_KEY_FILE": str(folder / "secret.key")}


@contextmanager
def worker(settings: dict[str, str], label: str) -> Iterator[subprocess.Popen[bytes]]:
    """One worker's process."""
    command = [sys.executable, "-m", "gateway.cli.main", "worker"]
    with subprocess.Popen(
        command, env={**settings, "TRUNKLINE_WORKER_LABEL": label}, stderr=subprocess.DEVNULL
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def trunkline(settings: dict[str, str], *words: str) -> Any:
    """A command's answer."""
    command = [sys.executable, "-m", "gateway.cli.main", *words, "-o", "json"]
    return json.loads(subprocess.run(command, env=settings, check=True, capture_output=True).stdout)


def until(seen: Callable[[], bool], *, within_s: float = LONG_S) -> float:
    """Look until it is so; the seconds it took."""
    begun = time.monotonic()
    while not seen():
        assert time.monotonic() - begun < within_s
        time.sleep(0.02)
    return time.monotonic() - begun


@pytest.fixture
def town() -> Iterator[Town]:
    """Three elements in memory, on a migrated PostgreSQL."""
    with postgres_url() as url:
        migrate.upgrade(url)
        database = Database(url, clock=SystemClock())
        yield Town(database).build()
        database.close()


def held(town: Town) -> dict[str, set[str]]:
    """Lanes by the label of their worker."""
    found = town.database.read_system(leases.seen).result()
    return {each.label: set(each.lanes) for each in found if each.state == "working"}


def test_two_processes_share_the_lanes_and_a_drained_one_hands_them_over_within_a_second(
    town: Town, tmp_path: Path
) -> None:
    settings = environment(town.database.url.replace("+psycopg", ""), tmp_path)
    with worker(settings, "north") as north, worker(settings, "south") as south:
        until(lambda: sorted(len(lanes) for lanes in held(town).values()) == [1, 2])
        assert set.union(*held(town).values()) == ALL
        listed = trunkline(settings, "worker", "list")
        assert {(w["label"], w["state"], w["in_flight"]) for w in listed} == {
            ("north", "working", 0),
            ("south", "working", 0),
        }
        town.line()
        until(lambda: not town.database.read_system(views.busy).result())
        name = next(w["id"] for w in listed if w["label"] == "north")
        assert trunkline(settings, "worker", "drain", name) == {"id": name, "state": "draining"}
        assert north.wait(LONG_S) == 0
        assert until(lambda: held(town) == {"south": ALL}) < DRAINED_S
        south.send_signal(signal.SIGTERM)
        assert south.wait(LONG_S) == 0
    assert held(town) == {}


def test_an_order_placed_by_another_process_is_taken_up_without_waiting_for_a_sweep(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = environment(town.database.url.replace("+psycopg", ""), tmp_path)
    heard: list[set[str]] = []
    listener = Database(town.database.url, clock=SystemClock())
    listener.on_hints.append(heard.append)
    listener.bell.listen(listener.on_hints)
    with worker(settings, "north"):
        until(lambda: held(town) == {"north": ALL})
        heard.clear()
        town.line()
        until(lambda: {"lane:hlr"} in heard, within_s=5.0)
        until(lambda: not town.database.read_system(views.busy).result())
        rung = {hint for hints in heard for hint in hints if hint.startswith("lane:")}
        assert rung == {"lane:hlr"}, "a worker rings for no lane of its own"
    listener.close()
