"""The pace of a lane: slots and a bucket, of which bulk leaves something to whoever waits in person."""

from __future__ import annotations

from gateway.pace import Paces
from kernel.time import FakePulse
from oss.orders.lanes import Pace


def paced(pulse: FakePulse, *, per_s: int | None = 100, slots: int | None = None) -> Paces:
    found = Paces(pulse, slots=8)
    found.told({"olt": Pace(slots, per_s)}, {"olt", "hlr"})
    return found


def test_a_lane_that_says_nothing_has_the_slots_of_the_settings_and_bulk_leaves_one() -> None:
    assert paced(FakePulse()).room("hlr", 3) == (5, 1)


def test_an_element_that_says_so_has_fewer_slots() -> None:
    assert paced(FakePulse(), per_s=None, slots=4).room("olt", 1) == (3, 1)


def test_a_bucket_begins_empty_fills_with_time_and_holds_half_a_second() -> None:
    pulse = FakePulse()
    paces = paced(pulse, slots=1000)
    assert paces.room("olt", 0) == (0, 0)
    assert paces.empty_s({"olt", "hlr"}) == 0.02
    pulse.beat(0.1)
    assert paces.room("olt", 0) == (10, 2)
    pulse.beat(60)
    assert paces.room("olt", 0) == (50, 10)
    assert paces.empty_s({"olt"}) is None


def test_bulk_spends_four_fifths_and_the_rest_is_there_for_others() -> None:
    pulse = FakePulse()
    paces = paced(pulse, slots=1000)
    pulse.beat(1)
    assert paces.room("olt", 0) == (50, 10)
    for _ in range(40):
        paces.spend("olt", bulk=True)
    assert paces.room("olt", 40) == (10, 10)
    for _ in range(10):
        paces.spend("olt", bulk=False)
    assert paces.room("olt", 50) == (0, 0)
    pulse.beat(0.1)
    assert paces.room("olt", 0) == (10, 2)


def test_a_lane_that_was_away_begins_empty_again_and_another_keeps_what_it_has() -> None:
    pulse = FakePulse()
    paces = paced(pulse)
    pulse.beat(1)
    told = {"olt": Pace(None, 100)}
    paces.told(told, {"olt"})
    assert paces.room("olt", 0)[0] == 8
    paces.told(told, set())
    paces.told(told, {"olt"})
    assert paces.room("olt", 0)[0] == 0
