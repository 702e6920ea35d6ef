"""What falls due is done row by row; one that fails stops neither the others nor the clock without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway import due, runtime
from gateway.due import TRIES, Ticker, Timer
from kernel.database import Database, Unavailable
from kernel.errors import Conflict, Invalid
from kernel.ids import TenantId
from kernel.tables import from_micros, to_micros
from kernel.time import SystemClock, VirtualClock
from kernel.work import PLATFORM, SystemWork, Work
from tests.conftest import START
from tests.rooms.kernel.bell import BELL, ONE

HOUR = timedelta(hours=1)


def find(work: SystemWork, now: datetime, limit: int) -> Sequence[tuple[TenantId, Any]]:
    query = sa.select(BELL.c.n).where(sa.cast(BELL.c.word, sa.BigInteger) <= to_micros(now)).order_by(BELL.c.n)
    return [(ONE, n) for n in work.connection.scalars(query.limit(limit))]


def next_due(work: SystemWork) -> datetime | None:
    first = work.connection.execute(sa.select(sa.func.min(sa.cast(BELL.c.word, sa.BigInteger)))).scalar_one()
    return None if first is None else from_micros(first)


class Street:
    """Rows that fall due, and what was done about them."""

    def __init__(self, tower: Database) -> None:
        self.tower = tower
        self.done: list[tuple[int, datetime]] = []
        self.failing: set[int] = set()
        self.again: dict[int, datetime] = {}

    def timer(self, **changes: Any) -> Timer:
        """The timer of these rows."""
        return Timer(**{"name": "street", "due": find, "next_due": next_due, "do": self.do, **changes})

    def do(self, work: Work, n: int) -> None:
        """Delete a row, or move it on."""
        if n in self.failing:
            raise Invalid(f"{n} cannot be done", field="row")
        self.done.append((n, work.now))
        row = BELL.c.n == n
        if n in self.again:
            work.connection.execute(sa.update(BELL).where(row).values(word=str(to_micros(self.again.pop(n)))))
        else:
            work.connection.execute(sa.delete(BELL).where(row))

    async def falls(self, **rows: datetime) -> None:
        """Rows by number (`n7=...`) and the instant at which they fall due."""
        values = [{"n": int(name[1:]), "word": str(to_micros(at))} for name, at in rows.items()]

        def fn(work: Work) -> None:
            work.connection.execute(sa.insert(BELL), values)

        await asyncio.wrap_future(self.tower.submit(fn, tenant=ONE, actor=PLATFORM))

    def did(self) -> list[int]:
        """The rows done, in order."""
        return [n for n, _ in self.done]


@pytest.fixture
def street(tower: Database) -> Street:
    return Street(tower)


async def test_only_what_is_due_is_done(tower: Database, street: Street, clock: VirtualClock) -> None:
    await street.falls(n1=START, n2=START - HOUR, n3=START + HOUR)
    ticker = Ticker(tower, [street.timer()])
    assert await ticker.tick() == 2
    assert await ticker.tick() == 0
    assert street.did() == [1, 2]
    assert await ticker.next_due() == START + HOUR
    clock.move_to(START + HOUR)
    assert await ticker.tick() == 1
    assert await ticker.next_due() is None


async def test_a_failing_row_rests_after_its_tries_and_the_others_go_on(tower: Database, street: Street) -> None:
    await street.falls(n1=START, n2=START)
    street.failing = {1}
    ticker = Ticker(tower, [street.timer()])
    assert [await ticker.tick() for _ in range(TRIES + 2)] == [1] + [0] * (TRIES + 1)
    assert street.did() == [2]
    assert ticker.failures == {("street", 1): (TRIES, "Invalid: row: 1 cannot be done")}


async def test_rows_that_rest_once_filled_the_batch(
    tower: Database, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "BATCH", 2)
    await street.falls(n1=START, n2=START, n3=START)
    street.failing = {1, 2}
    ticker = Ticker(tower, [street.timer()])
    assert sum([await ticker.tick() for _ in range(TRIES + 1)]) == 1
    assert street.did() == [3]


async def test_a_row_that_is_done_at_last_has_no_failures(tower: Database, street: Street) -> None:
    await street.falls(n1=START)
    street.failing = {1}
    ticker = Ticker(tower, [street.timer()])
    assert await ticker.tick() == 0
    street.failing = set()
    assert await ticker.tick() == 1
    assert ticker.failures == {}


async def test_a_noun_that_cannot_say_what_is_due_leaves_the_others(tower: Database, street: Street) -> None:
    def broken(work: SystemWork, now: datetime, limit: int) -> Sequence[tuple[TenantId, Any]]:
        raise KeyError("a bug of this noun")

    await street.falls(n1=START)
    ticker = Ticker(tower, [street.timer(name="bug", due=broken), street.timer()])
    assert await ticker.tick() == 1
    assert ticker.failures == {("bug", 0): (1, "KeyError: 'a bug of this noun'")}


async def test_a_database_that_rests_is_no_fault_of_the_row(
    tower: Database, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    await street.falls(n1=START)
    ticker = Ticker(tower, [street.timer()])
    with monkeypatch.context() as resting:
        resting.setattr(tower, "submit", _resting)
        assert [await ticker.tick() for _ in range(TRIES + 2)] == [0] * (TRIES + 2)
    assert await ticker.tick() == 1
    assert ticker.failures == {}


def _resting(*_: object, **__: object) -> Any:
    raise Unavailable("resting")


# ---- the virtual clock's hand


class Still:
    """A part that is always at rest."""

    def __init__(self) -> None:
        self.looks = 0

    def idle(self) -> bool:
        """Yes."""
        return True

    async def look(self) -> int:
        """Nothing found."""
        self.looks += 1
        return 0


class House(runtime.Runtime):
    """A runtime whose other parts are at rest, over one timer."""

    def __init__(self, tower: Database, clock: Any, timer: Timer) -> None:
        self.gateway = type("Gateway", (), {"clock": clock, "database": tower})()
        self.worker = self.delivery = self.errands = self.intake = Still()  # type: ignore[assignment]
        self.ticker = Ticker(tower, [timer])
        self._broken = None


@pytest.fixture
def house(tower: Database, street: Street, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(runtime, "_at_rest", lambda work: True)
    return House(tower, clock, street.timer())


async def test_the_clock_stops_at_each_due_row_in_order(house: House, street: Street) -> None:
    await street.falls(n3=START + HOUR, n1=START + 3 * HOUR, n2=START + 2 * HOUR, n9=START + 9 * HOUR, n0=START - HOUR)
    street.again = {3: START + 2 * HOUR + timedelta(minutes=30)}
    await house.advance(START + 4 * HOUR)
    hours = [(n, (at - START) / HOUR) for n, at in street.done]
    assert hours == [(0, 0.0), (3, 1.0), (2, 2.0), (3, 2.5), (1, 3.0)]
    assert house.gateway.clock.now() == START + 4 * HOUR


async def test_the_clock_does_not_run_past_what_cannot_be_done(house: House, street: Street) -> None:
    await street.falls(n1=START + HOUR, n2=START + 2 * HOUR)
    street.failing = {1}
    with pytest.raises(Conflict, match="street: Invalid: row: 1 cannot be done"):
        await house.advance(START + 4 * HOUR)
    assert house.gateway.clock.now() == START + HOUR
    street.failing = set()
    await house.advance(START + 4 * HOUR)
    assert street.did() == [1, 2]


async def test_a_row_that_comes_back_for_ever_once_held_the_clock_for_ever(
    house: House, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ROUNDS", 3)
    monkeypatch.setattr(runtime, "LOOK_S", 0)
    await street.falls(n1=START + HOUR)
    stays: Callable[[Work, Any], None] = lambda work, n: street.done.append((n, work.now))  # noqa: E731
    house.ticker = Ticker(house.gateway.database, [street.timer(do=stays)])
    with pytest.raises(Conflict, match="it stays due"):
        await house.advance(START + 2 * HOUR)
    assert len(street.done) == 4


async def test_only_a_virtual_clock_is_moved(house: House) -> None:
    house.gateway.clock = SystemClock()
    with pytest.raises(Conflict, match="only a virtual clock"):
        await house.advance(START + HOUR)


async def test_a_house_that_never_rests_says_so(house: House) -> None:
    house.worker.idle = lambda: False  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="not at rest"):
        await house.settled(within_s=0.01)


async def test_a_part_that_ended_is_named_and_not_waited_for(house: House) -> None:
    house._broken = ValueError("a bug of ours")
    with pytest.raises(Conflict, match="a bug of ours"):
        await house.settled()
