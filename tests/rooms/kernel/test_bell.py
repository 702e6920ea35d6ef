"""The bell between processes: what one committed the others hear, and nobody is rung for what is looked after here."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator

import pytest

from kernel.bell import EVERYTHING, OUTBOX, Bell, _payload
from tests.conftest import postgres_url

HEARD_S = 10.0


@pytest.fixture
def pair() -> Iterator[tuple[Bell, queue.Queue[set[str]]]]:
    """A bell, and what another process hears of it."""
    with postgres_url() as url:
        bell, other = Bell(url), Bell(url)
        heard: queue.Queue[set[str]] = queue.Queue()
        other.listen([heard.put])
        while True:  # until LISTEN has taken hold, nothing is heard
            bell.ring({"worker:first"})
            with contextlib.suppress(queue.Empty):
                heard.get(timeout=0.2)
                break
        yield bell, heard
        bell.close()
        other.close()


@pytest.mark.real
def test_another_process_hears_what_nobody_here_looks_after(pair: tuple[Bell, queue.Queue[set[str]]]) -> None:
    bell, heard = pair
    bell.at_home = lambda hint: hint == "lane:mine"
    bell.ring({"lane:mine"})
    bell.ring({"lane:mine", "lane:theirs"}, left=True)
    told = heard.get(timeout=HEARD_S)
    while told == {"worker:first"}:
        told = heard.get(timeout=HEARD_S)
    assert told == {"lane:theirs", OUTBOX}


@pytest.mark.real
def test_what_was_rung_last_is_still_sent_at_the_end(pair: tuple[Bell, queue.Queue[set[str]]]) -> None:
    bell, heard = pair
    bell.ring({"lane:last"})
    bell.close()
    while "lane:last" not in heard.get(timeout=HEARD_S):
        continue


def test_where_no_other_process_can_be_nothing_is_rung() -> None:
    bell = Bell(None)
    bell.ring({"lane:any"}, left=True)
    bell.listen([])
    assert bell._threads == []
    bell.close()


def test_more_names_than_a_notification_holds_stand_for_everything() -> None:
    assert _payload({"lane:b", "lane:a"}) == '["lane:a", "lane:b"]'
    assert _payload({f"lane:{n}" for n in range(1_000)}) == f'["{EVERYTHING}"]'
