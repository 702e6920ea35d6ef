"""The simulators' child: asked where it listens, ended with the block, and missed when it does not come."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gateway import simulated
from kernel.errors import Unreachable


def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let `python -m simulators` be this script."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


@pytest.mark.parametrize("script", ["exit 3", "echo 'Traceback: no such option'", "echo '[]'; read line", "echo"])
async def test_a_child_that_does_not_start_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    child(tmp_path, monkeypatch, script)
    with pytest.raises(Unreachable, match="did not start") as missing:
        async with simulated.simulators("--ports", "2"):
            pytest.fail("it did")
    assert missing.value.fix == "python -m simulators --ports 2"


async def test_a_child_that_says_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "START_S", 0.05)
    child(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; read line")
    with pytest.raises(Unreachable):
        async with simulated.simulators():
            pytest.fail("it did")


async def test_a_child_ends_with_the_block_even_if_it_would_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "END_S", 0.05)
    child(tmp_path, monkeypatch, """echo "{\\"pid\\": $$}"; while true; do read line || sleep 0.01; done""")
    async with simulated.simulators() as running:
        pid = running.facts["pid"]
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_hand_that_reaches_nobody_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child(tmp_path, monkeypatch, """echo '{"control": {"url": "http://127.0.0.1:9"}}'; read line""")
    async with simulated.simulators() as running:
        with pytest.raises(Unreachable, match=r"GET http://127\.0\.0\.1:9/state"):
            await running.control("GET", "/state")
