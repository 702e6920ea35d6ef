"""The set-up script may be said twice, survives an interruption, and leaves the machine as it was."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.conftest import START_S, STOP_S, missing, setup

pytestmark = pytest.mark.real


def left(directory: Path, number: str) -> list[str]:
    """What of one set-up is on this machine: namespaces and links by its number, processes and mounts by its directory.

    Other set-ups may run beside it."""
    spaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.splitlines()
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
    commands = [path.read_bytes().decode(errors="replace") for path in processes()]
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    found = [line for line in (*spaces, *links) if number[-9:].lstrip("0") in line]
    return found + [line for line in (*commands, *mounts) if str(directory) in line and "setup.sh" not in line]


def processes() -> Iterator[Path]:
    """The command lines of all processes that are still there when they are read."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if path.exists():
            yield path


@pytest.fixture
def directory() -> Iterator[Path]:
    where = Path(tempfile.mkdtemp(prefix="trunkline-real-"))
    yield where
    setup("down", where, seconds=STOP_S)


def test_up_twice_and_down_twice_leave_the_machine_as_it_was(directory: Path) -> None:
    if os.geteuid():
        missing("needs root")
    for _ in range(2):
        assert setup("up", directory, seconds=START_S).returncode == 0
    told = json.loads((directory / "elements.json").read_text(encoding="utf-8"))
    (directory / "elements.json").unlink()  # as if the first start had been interrupted just before its end
    assert setup("up", directory, seconds=START_S).returncode == 0
    again = json.loads((directory / "elements.json").read_text(encoding="utf-8"))
    assert again["secrets"] != told["secrets"]
    number = told["namespace"].removeprefix("tl")
    assert len(left(directory, number)) > 5
    for _ in range(2):
        assert setup("down", directory, seconds=STOP_S).returncode == 0
    assert not directory.exists()
    assert left(directory, number) == []


def test_a_directory_with_files_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    for verb in ("up", "down"):
        assert setup(verb, tmp_path, seconds=START_S).returncode == 2
    assert (tmp_path / "precious").exists()
