"""`trunkline serve` as a process: it listens, works, and ends when told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rooms.gateway.conftest import Said

pytestmark = pytest.mark.slow

END_S = 20
"""The longest it takes to end on a loaded machine."""


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its URL, as it logs it."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")},
        "TRUNKLINE_DATABASE_URL": f"sqlite:///{folder}/house.db",
        "TRUNKLINE_SECRET_KEY_FILE": str(folder / "secret.key"),
    }
    command = [sys.executable, "-m", "gateway.cli.main", "serve", "--port", "0", *words]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = json.loads(process.stderr.readline())
        try:
            yield process, told["url"]
        finally:
            process.kill()


@pytest.mark.parametrize("words", [(), pytest.param(("--no-worker",), marks=pytest.mark.slow)])
def test_it_answers_and_ends_when_told(folder: Path, words: tuple[str, ...]) -> None:
    with serving(folder, *words) as (process, url):
        with urllib.request.urlopen(f"{url}/ready", timeout=5) as answer:  # noqa: S310  (our own process)
            assert json.load(answer)["status"] == "pass"
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_S) == 0


def test_a_port_that_is_taken_is_named(trunkline: Callable[..., Said]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = trunkline("serve", "--port", port)
    assert (said.code, said.out) == (5, "")
    assert f"cannot listen on 127.0.0.1:{port}" in said.err
