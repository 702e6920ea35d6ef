"""A short form of each kind of chaos, and the judge itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.chaos import verdict
from tests.chaos.boundaries import BOUNDARIES
from tests.chaos.cluster import programs
from tests.conftest import postgres_url
from tests.house.tree import ROOT


def chaos(kind: str, *words: str) -> dict[str, Any]:
    """The figures of one kind, run in a process of its own: what forks must have no threads."""
    command = [sys.executable, "-m", f"tests.chaos.{kind}", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-2000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, figures["violations"]) == (0, [])
    return figures


@pytest.mark.slow
def test_kills_at_random_and_at_every_named_boundary_lose_nothing() -> None:
    figures = chaos("kill9", "--kills", "10", "--lines", "200")
    assert figures["boundaries"] == len(BOUNDARIES) == 22
    assert figures["orders"] > 0


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(300)
def test_two_workers_killed_and_stopped_hand_their_lanes_over_within_twelve_seconds() -> None:
    with postgres_url() as url:
        figures = chaos("pair", "--db", url, "--kills", "1", "--stops", "1", "--lines", "100")
    assert 0 < figures["takeover_s"] <= 13


@pytest.mark.slow
@pytest.mark.real
def test_a_worker_comes_through_a_database_that_is_stopped() -> None:
    if programs() is None:
        pytest.skip("PostgreSQL's own programs are not installed")
    assert chaos("outage", "--outages", "3", "--lines", "100")["orders"] > 0


@pytest.mark.slow
def test_a_worker_comes_through_a_full_disk() -> None:
    assert chaos("disk", "--times", "3", "--lines", "100")["orders"] > 0


def said(what: str, at: float, *, key: str = "k", generation: int = 1, changed: bool = False) -> dict[str, Any]:
    """One line of the elements' log."""
    place = {"element": "olt", "intent": "port", "key": "1", "what": what, "said_at": at, "by": "chaos"}
    more = {"idempotency": key, "generation": generation, "changed": changed, "state": {"present": True}}
    return place | more if what == "apply" else place


def test_a_command_later_than_its_horizon_was_once_taken_for_one_said_again_without_a_read_back() -> None:
    heard = [said("read", 2.0), said("apply", 1.0, changed=True), said("apply", 3.0)]
    assert verdict._resends(heard)[1] == ["k was sent again without a read-back"]
    assert verdict._resends(sorted(heard, key=lambda h: h["said_at"])) == (1, [])
    assert verdict._late(heard) == 1


def test_an_unread_resend_and_a_generation_out_of_order_are_found() -> None:
    heard = [said("apply", 1.0, changed=True, generation=2), said("apply", 2.0, changed=True, generation=1)]
    assert verdict._resends(heard) == (1, ["k was sent again without a read-back"])
    (told,) = verdict._backwards(heard)
    assert told == "('olt', 'port', '1'): generation 1 was applied after 2 by chaos"
