"""What is asked outside the house: once each, a few at a time, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from gateway import errands as runner
from gateway.errands import AT_ONCE, BROKEN, Errands, Kind
from kernel.database import Database, Unavailable
from kernel.ids import TenantId
from kernel.work import PLATFORM, SystemWork, Work
from tests.rooms.gateway.moving.waiting import moving, until
from tests.rooms.kernel.bell import BELL, ONE


def find(work: SystemWork, limit: int) -> Sequence[int]:
    query = sa.select(BELL.c.n).where(BELL.c.word == "wanted").order_by(BELL.c.n).limit(limit)
    return list(work.connection.scalars(query))


def claim(work: SystemWork, limit: int) -> Sequence[int]:
    found = find(work, limit)
    work.connection.execute(sa.update(BELL).where(BELL.c.n.in_(found)).values(word="sent"))
    return found


def wanted(work: SystemWork) -> bool:
    return bool(find(work, 1))


def settle(work: Work, errand: int, answer: str) -> None:
    work.connection.execute(sa.update(BELL).where(BELL.c.n == errand).values(word=answer))


def key(errand: int) -> tuple[TenantId, int]:
    return ONE, errand


class Outside:
    """Whoever is asked: counts, and may be made to wait or fail."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing: set[int] = set()

    async def ask(self, errand: int) -> str:
        """An answer."""
        self.asked.append(errand)
        await self.gate.wait()
        if errand in self.failing:
            raise ValueError("a fault of ours")
        return "done"


def kind(ask: Callable[[Any], Awaitable[Any]], *, claimed: bool = False, **changes: Any) -> Kind:
    parts: dict[str, Any] = {"name": "letter", "find": claim if claimed else find, "key": key, "settle": settle}
    return Kind(**{**parts, "ask": ask, "wanted": wanted if claimed else None, **changes})


async def want(tower: Database, *numbers: int) -> None:
    rows = [{"n": n, "word": "wanted"} for n in numbers]
    await asyncio.wrap_future(
        tower.submit(lambda work: work.connection.execute(sa.insert(BELL), rows) and None, tenant=ONE, actor=PLATFORM)
    )


async def words(tower: Database) -> dict[int, str]:
    query = sa.select(BELL.c.n, BELL.c.word).order_by(BELL.c.n)
    return await asyncio.wrap_future(
        tower.read_system(lambda work: {row.n: row.word for row in work.connection.execute(query)})
    )


async def rest(errands: Errands) -> None:
    await until(errands.idle)


@pytest.mark.parametrize("claimed", [False, True])
async def test_what_is_wanted_is_asked_and_settled_once(tower: Database, claimed: bool) -> None:
    outside = Outside()
    await want(tower, *range(50))
    errands = Errands(tower, [kind(outside.ask, claimed=claimed)], poll_s=0.01)
    async with moving(errands):
        await until(lambda: len(outside.asked) >= 50 and errands.idle())
        await want(tower, 50)
        errands.wake()
        await until(lambda: len(outside.asked) >= 51 and errands.idle())
    assert sorted(outside.asked) == list(range(51))
    assert set((await words(tower)).values()) == {"done"}


async def test_the_poll_finds_what_nobody_woke_it_for(tower: Database) -> None:
    outside = Outside()
    errands = Errands(tower, [kind(outside.ask)], poll_s=0.01)
    async with moving(errands):
        await want(tower, 1)
        await until(lambda: outside.asked == [1] and errands.idle())
    assert await words(tower) == {1: "done"}


@pytest.mark.parametrize("claimed", [False, True])
async def test_no_more_than_the_limit_is_under_way_at_once(tower: Database, claimed: bool) -> None:
    outside = Outside()
    outside.gate.clear()
    await want(tower, *range(AT_ONCE + 5))
    errands = Errands(tower, [kind(outside.ask, claimed=claimed)], poll_s=1)
    assert await errands.look() == AT_ONCE
    assert await errands.look() == 0
    await until(lambda: len(outside.asked) == AT_ONCE)
    assert sum(word == "sent" for word in (await words(tower)).values()) == (AT_ONCE if claimed else 0)
    outside.gate.set()
    await rest(errands)
    assert await errands.look() == 5
    await rest(errands)
    assert sorted(outside.asked) == list(range(AT_ONCE + 5))


async def test_a_claimed_kind_is_not_claimed_while_nothing_is_wanted(tower: Database) -> None:
    outside = Outside()
    claims: list[int] = []

    def counted(work: SystemWork, limit: int) -> Sequence[int]:
        claims.append(limit)
        return claim(work, limit)

    errands = Errands(tower, [kind(outside.ask, claimed=True, find=counted)], poll_s=1)
    assert await errands.look() == 0
    assert claims == []
    await want(tower, 1)
    assert await errands.look() == 1
    await rest(errands)
    assert (claims, await words(tower)) == ([AT_ONCE], {1: "done"})


async def test_an_errand_settled_while_the_look_was_on_its_way_once_was_asked_again(
    tower: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = Outside()
    outside.gate.clear()
    await want(tower, 1)
    errands = Errands(tower, [kind(outside.ask)], poll_s=1)
    assert await errands.look() == 1
    found = errands._found

    async def late(*args: Any) -> Sequence[Any]:
        stale = await found(*args)
        outside.gate.set()
        await rest(errands)
        return stale

    monkeypatch.setattr(errands, "_found", late)
    assert await errands.look() == 0
    assert outside.asked == [1]


async def test_two_looks_at_once_take_an_errand_up_once(tower: Database) -> None:
    outside = Outside()
    await want(tower, 1, 2)
    errands = Errands(tower, [kind(outside.ask)], poll_s=1)
    assert sum(await asyncio.gather(errands.look(), errands.look())) == 2
    await rest(errands)
    assert sorted(outside.asked) == [1, 2]


async def test_a_broken_errand_rests_after_its_tries_and_the_others_go_on(tower: Database) -> None:
    outside = Outside()
    outside.failing = set(range(AT_ONCE))
    await want(tower, *range(AT_ONCE + 2))
    errands = Errands(tower, [kind(outside.ask)], poll_s=0.01)
    async with moving(errands):
        await until(lambda: {AT_ONCE, AT_ONCE + 1} <= set(outside.asked) and errands.idle())
    assert [outside.asked.count(n) for n in range(AT_ONCE + 2)] == [BROKEN] * AT_ONCE + [1, 1]
    assert [n for n, word in (await words(tower)).items() if word == "done"] == [AT_ONCE, AT_ONCE + 1]


async def test_a_success_forgives_the_failures_before_it(tower: Database) -> None:
    outside = Outside()
    outside.failing = {1}
    errands = Errands(tower, [kind(outside.ask)], poll_s=1)
    await want(tower, 1)
    for _ in range(BROKEN - 1):
        assert await errands.look() == 1
        await rest(errands)
    outside.failing = set()
    assert await errands.look() == 1
    await rest(errands)
    assert errands._broken == {}


async def test_an_answer_the_database_did_not_take_is_no_fault_of_the_errand(
    tower: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "REST_S", 0.0)
    outside, submit, refusals = Outside(), tower.submit, iter([True] * (BROKEN + 3))
    await want(tower, 1)

    def resting(*args: Any, **kwargs: Any) -> Any:
        if next(refusals, False):
            raise Unavailable("resting")
        return submit(*args, **kwargs)

    monkeypatch.setattr(tower, "submit", resting)
    errands = Errands(tower, [kind(outside.ask)], poll_s=0.01)
    async with moving(errands):
        await until(lambda: len(outside.asked) == BROKEN + 4 and errands.idle())
    assert await words(tower) == {1: "done"}


async def test_a_kind_that_cannot_be_looked_for_ends_neither_the_runner_nor_the_other_kinds(tower: Database) -> None:
    def broken(work: SystemWork, limit: int) -> Sequence[int]:
        raise KeyError("a bug of this kind")

    outside = Outside()
    await want(tower, 1)
    errands = Errands(tower, [kind(outside.ask, name="bug", find=broken), kind(outside.ask)], poll_s=0.01)
    async with moving(errands):
        await until(lambda: outside.asked == [1] and errands.idle())
    with pytest.raises(KeyError):
        await errands.look()
    assert await words(tower) == {1: "done"}


async def test_stopping_waits_for_what_is_under_way(tower: Database) -> None:
    outside = Outside()
    outside.gate.clear()
    await want(tower, 1)
    errands = Errands(tower, [kind(outside.ask)], poll_s=0.01)
    async with moving(errands):
        await until(lambda: outside.asked == [1])
        errands.stop()
        outside.gate.set()
    assert errands.idle()
    assert await words(tower) == {1: "done"}
