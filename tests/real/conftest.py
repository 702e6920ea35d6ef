"""Real elements on this machine: started once for all tests, stopped after them, skipped or failed when missing."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SETUP = Path(__file__).with_name("setup.sh")
REQUIRED = os.environ.get("TRUNKLINE_REQUIRE_REAL") == "1"
START_S, STOP_S = 90, 60
"""For a loaded machine; an idle one takes two seconds and one."""


def missing(reason: str) -> None:
    """Skip the test, or fail it where real elements are required."""
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True)
class Place:
    """Where the elements run, and the secrets that their set-up made."""

    told: dict[str, Any]

    @property
    def host(self) -> str:
        """The elements' address."""
        return str(self.told["host"])

    def secret(self, name: str) -> str:
        """A file of the set-up's secrets."""
        return str(self.told["secrets"][name])

    def public(self, name: str) -> str:
        """An OpenSSH public key without its comment."""
        return " ".join(self.secret(f"{name}.pub").split()[:2])

    def needs(self, element: str) -> None:
        """Go on only with this element."""
        if element in self.told["missing"]:
            missing(f"{element}: {self.told['missing'][element]}")

    def within(self, *command: str, side: str = "", text: str | None = None) -> str:
        """Run a command in the elements' namespace (or beside it) and give back what it wrote."""
        space = self.told["namespace"] + side
        ran = subprocess.run(
            ["ip", "netns", "exec", space, *command], input=text, capture_output=True, text=True, timeout=20, check=True
        )
        return ran.stdout

    def link(self, name: str) -> dict[str, Any]:
        """What the kernel says about an interface."""
        found: list[dict[str, Any]] = json.loads(self.within("ip", "-j", "link", "show", name))
        return found[0]


def setup(verb: str, directory: Path, *, seconds: int) -> subprocess.CompletedProcess[str]:
    """Run the set-up script."""
    return subprocess.run([str(SETUP), verb, str(directory)], capture_output=True, text=True, timeout=seconds)


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """All real elements of this machine."""
    directory = Path(tempfile.mkdtemp(prefix="trunkline-real-"))  # pytest's own is closed to the elements' users
    ran = setup("up", directory, seconds=START_S)
    if ran.returncode == 3:
        missing(ran.stderr.strip())
    assert ran.returncode == 0, ran.stderr
    try:
        yield Place(json.loads((directory / "elements.json").read_text(encoding="utf-8")))
    finally:
        ended = setup("down", directory, seconds=STOP_S)
        assert ended.returncode == 0, ended.stderr
