"""What devices report is booked, and what is no report is counted and dropped; neither stops the rest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bss.usage import service as usage
from gateway import intake as ears
from gateway.intake import Intake
from kernel.database import Database, Unavailable
from kernel.errors import Unreachable
from oss.inventory import elements
from oss.inventory import service as inventory
from tests.rooms.kernel.bell import ONE

GOOD: dict[str, object] = {"id": "r1", "meter": "messages", "quantity": 3, "at": "2026-06-01T08:00:00+00:00"}


class Broker:
    """An element whose devices report."""

    def __init__(self) -> None:
        self.report: Any = None

    async def subscribe_usage(self, report: Any) -> None:
        """Keep whom to tell."""
        self.report = report


class Meadow:
    """An intake over elements by name; one that is an error cannot be opened."""

    def __init__(self, tower: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.booked: list[tuple[str, int]] = []
        self.owned: Any = lambda value: (ONE,)
        self.elements: dict[str, Any] = {"broker": Broker()}
        named = [SimpleNamespace(name="broker")]
        self.named = named
        monkeypatch.setattr(elements, "all", lambda work: named)
        monkeypatch.setattr(inventory, "resolve", lambda work, kind, value, at: self.owned(value))
        monkeypatch.setattr(usage, "ingest", self._ingest)
        self.intake = Intake(tower, SimpleNamespace(element=self._element))  # type: ignore[arg-type]

    async def _element(self, name: str) -> Any:
        found = self.elements[name]
        if isinstance(found, Exception):
            raise found
        return found

    def _ingest(self, work: Any, events: Any) -> None:
        self.booked += [(event.value, event.quantity) for event in events]

    async def told(self, *reports: Any, device: str = "meter-1") -> None:
        """Reports, and a rest until each is booked or dropped."""
        await self.intake.listen()
        for report in reports:
            self.elements["broker"].report(device, report)
        assert not self.intake.idle()
        await self.intake.finish()
        assert self.intake.idle()


@pytest.fixture
def meadow(tower: Database, monkeypatch: pytest.MonkeyPatch) -> Meadow:
    monkeypatch.setattr(ears, "REST_S", 0.0)
    return Meadow(tower, monkeypatch)


async def test_a_report_is_booked_for_its_owner(meadow: Meadow) -> None:
    await meadow.told(GOOD, {**GOOD, "id": "r2", "quantity": 0, "more": "is not read"})
    assert sorted(meadow.booked) == [("meter-1", 0), ("meter-1", 3)]
    assert meadow.intake.dropped == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"id": ""},
        {"id": "x" * 201},
        {"id": "a\x00b"},
        {"meter": 7},
        {"meter": "\ud800"},
        {"quantity": "3"},
        {"quantity": 1.5},
        {"quantity": True},
        {"quantity": -1},
        {"quantity": 10**400},
        {"at": 1748764800},
        {"at": "yesterday"},
        {"at": "2026-06-01T08:00:00"},
    ],
    ids=str,
)
async def test_what_is_no_report_is_counted_and_dropped(meadow: Meadow, wrong: dict[str, object]) -> None:
    await meadow.told({**GOOD, **wrong}, {}, GOOD)
    assert (meadow.intake.dropped, meadow.booked) == (2, [("meter-1", 3)])


async def test_a_device_of_nobody_and_a_fault_of_ours_are_counted_too(meadow: Meadow) -> None:
    meadow.owned = lambda value: None
    await meadow.told(GOOD)
    meadow.owned = lambda value: 1 // 0
    await meadow.told(GOOD)
    meadow.owned = lambda value: (ONE,)
    await meadow.told(GOOD, device="meter\x00")
    assert (meadow.intake.dropped, meadow.booked) == (3, [])


async def test_a_report_is_kept_while_the_database_rests(meadow: Meadow) -> None:
    answers = iter([False] * (ears.TRIES - 1))

    def rests(value: str) -> Any:
        if next(answers, True):
            return (ONE,)
        raise Unavailable("resting")

    meadow.owned = rests
    await meadow.told(GOOD)
    assert (meadow.intake.dropped, meadow.booked) == (0, [("meter-1", 3)])
    answers = iter([False] * ears.TRIES)
    await meadow.told(GOOD)
    assert meadow.intake.dropped == 1


async def test_a_flood_is_dropped_and_not_kept(meadow: Meadow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ears, "WAITING", 3)
    await meadow.told(*[GOOD] * 10)
    assert (meadow.intake.dropped, len(meadow.booked)) == (7, 3)


@pytest.mark.parametrize("error", [Unreachable("no route"), KeyError("a bug")])
async def test_an_element_that_cannot_be_heard_leaves_the_others(meadow: Meadow, error: Exception) -> None:
    meadow.named[:0] = [SimpleNamespace(name="broken"), SimpleNamespace(name="deaf")]
    meadow.elements |= {"broken": error, "deaf": object()}
    await meadow.told(GOOD)
    assert meadow.booked == [("meter-1", 3)]
