"""A fact reaches each handler once, whatever fails or dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway import delivery as post
from gateway import health
from gateway.delivery import Delivery
from kernel.database import Database, Unavailable
from kernel.errors import Invalid
from kernel.events import DISPATCH_ATTEMPTS
from kernel.time import VirtualClock
from kernel.work import PLATFORM, SystemWork, Work
from tests.rooms.gateway.moving.waiting import moving, until, until_asked
from tests.rooms.kernel.bell import BELL, ONE, Rang, failing, ring


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause before a handler runs again."""
    monkeypatch.setattr(post, "FIRST_BACKOFF_S", 0.0)


def echo(work: Work, event: Rang) -> None:
    """A handler that leaves a mark, twice if it acts twice."""
    work.connection.execute(sa.insert(BELL).values(n=1000 + event.n * 10 + count(work, event), word="echo"))


def count(work: Work, event: Rang) -> int:
    low = 1000 + event.n * 10
    query = sa.select(sa.func.count()).select_from(BELL).where(BELL.c.n.between(low, low + 9))
    return work.connection.execute(query).scalar_one()


def deaf(work: Work, event: Rang) -> None:
    """A handler that never manages."""
    ring(500 + event.n)(work)
    raise Invalid("cannot hear", field="ear")


def heard_by(tower: Database, **handlers: Callable[[Work, Any], None]) -> dict[str, Callable[[Work, Any], None]]:
    tower.subscriptions["Rang"] = tuple(handlers)
    return handlers


def do(tower: Database, fn: Callable[[Work], Any]) -> asyncio.Future[Any]:
    return asyncio.wrap_future(tower.submit(fn, tenant=ONE, actor=PLATFORM))


async def seen(tower: Database, query: str) -> list[Any]:
    return await asyncio.wrap_future(
        tower.read_system(lambda work: [tuple(row) for row in work.connection.execute(sa.text(query))])
    )


async def bells(tower: Database) -> list[int]:
    return [n for (n,) in await seen(tower, "SELECT n FROM bell ORDER BY n")]


async def idle(tower: Database, *posts: Delivery) -> None:
    async def rest() -> bool:
        return all(each.idle() for each in posts) and not await seen(
            tower, f"SELECT 1 FROM outbox WHERE attempts < {DISPATCH_ATTEMPTS}"
        )

    await until_asked(rest)


async def test_a_fact_is_handed_on_at_once(tower: Database) -> None:
    told: list[bool] = []
    one = Delivery(tower, heard_by(tower, echo=echo))
    one.after = lambda: told.append(True)
    async with moving(one):
        await do(tower, ring(1))
        await idle(tower, one)
    assert await bells(tower) == [1, 1010]
    assert told
    assert tower.on_posted == []


async def test_a_fact_of_a_rolled_back_work_is_never_handed_on(tower: Database) -> None:
    one = Delivery(tower, heard_by(tower, echo=echo))
    async with moving(one):
        with pytest.raises(Invalid):
            await do(tower, failing(1, Invalid("no")))
        await do(tower, ring(2))
        await idle(tower, one)
    assert await bells(tower) == [2, 1020]
    assert await seen(tower, "SELECT count(*) FROM event") == [(1,)]


@pytest.mark.parametrize("kind", ["tower", pytest.param("far_tower", marks=pytest.mark.real)])
async def test_two_posts_hand_it_on_once(request: pytest.FixtureRequest, kind: str) -> None:
    tower: Database = request.getfixturevalue(kind)
    handlers = heard_by(tower, echo=echo)
    one, two = Delivery(tower, handlers), Delivery(tower, handlers)
    async with moving(one, two):
        await asyncio.gather(*(do(tower, ring(n)) for n in range(20)))
        await idle(tower, one, two)
    assert await bells(tower) == [*range(20), *(1000 + n * 10 for n in range(20))]


async def test_a_debt_told_twice_is_paid_once(tower: Database) -> None:
    one = Delivery(tower, heard_by(tower, echo=echo))
    await do(tower, ring(1))
    owed = await asyncio.wrap_future(tower.read_system(post._owed))
    await one._deliver(owed)
    await one._deliver(owed)
    assert await bells(tower) == [1, 1010]


async def test_what_a_crash_left_between_commit_and_hand_over_is_made_good_by_the_sweep(tower: Database) -> None:
    handlers = heard_by(tower, echo=echo)
    await do(tower, ring(1))
    one = Delivery(tower, handlers)
    assert await asyncio.wrap_future(tower.read_system(post.owed)) == 1
    async with moving(one):
        await until_asked(lambda: seen(tower, "SELECT 1 FROM bell WHERE n = 1010"))
    assert await seen(tower, "SELECT * FROM outbox") == []


async def test_the_sweep_once_waited_for_a_lull(tower: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "SWEEP_S", 0.02)
    one = Delivery(tower, heard_by(tower, echo=echo))
    async with moving(one):
        await until(lambda: tower.on_posted)
        ears, tower.on_posted[:] = tower.on_posted[:], []
        await do(tower, ring(1))  # another process's: nobody here is told
        tower.on_posted[:] = ears
        for n in range(2, 100):
            await do(tower, ring(n))
            if (1010,) in await seen(tower, "SELECT n FROM bell"):
                break
        else:
            pytest.fail("starved by our own facts")
        await idle(tower, one)


async def test_the_handlers_of_a_fact_run_in_the_tables_order_after_a_crash_too(tower: Database) -> None:
    order: list[str] = []
    handlers = heard_by(
        tower,
        zebra=lambda work, event: order.append(f"zebra {event.n}"),
        ape=lambda work, event: order.append(f"ape {event.n}"),
    )
    await do(tower, ring(1))
    one = Delivery(tower, handlers)
    async with moving(one):
        await idle(tower, one)
    assert order == ["zebra 1", "ape 1"]


async def test_a_failing_handler_is_tried_to_the_limit_and_stays_with_its_error(
    tower: Database, clock: VirtualClock
) -> None:
    one = Delivery(tower, heard_by(tower, deaf=deaf, echo=echo))
    async with moving(one):
        await do(tower, ring(1))
        await idle(tower, one)
        await do(tower, ring(2))
        await idle(tower, one)
    assert await bells(tower) == [1, 2, 1010, 1020]
    left = await seen(tower, "SELECT handler, attempts, error FROM outbox ORDER BY event_id")
    assert left == [("deaf", 8, "Invalid: ear: cannot hear")] * 2
    assert await asyncio.wrap_future(tower.read_system(post.owed)) == 0
    stuck = next(check for check in health.checks(None) if check.name == "I11")
    found = await asyncio.wrap_future(tower.read_system(stuck.violations))
    assert [line.partition(": ")[2] for line in found] == ["deaf failed 8 times: Invalid: ear: cannot hear"] * 2
    again = Delivery(tower, heard_by(tower, deaf=deaf))
    async with moving(again):
        await do(tower, lambda work: None)
    assert [row[1] for row in await seen(tower, "SELECT handler, attempts FROM outbox")] == [8, 8]


async def test_a_debt_nobody_pays_is_stuck_after_five_minutes(tower: Database, clock: VirtualClock) -> None:
    heard_by(tower, echo=echo)
    await do(tower, ring(1))
    stuck = next(check for check in health.checks(None) if check.name == "I11")

    async def found() -> list[str]:
        return await asyncio.wrap_future(tower.read_system(stuck.violations))

    clock.move_to(clock.now() + health.STUCK)
    assert await found() == []
    clock.move_to(clock.now() + timedelta(seconds=1))
    assert [line.partition(": ")[2] for line in await found()] == ["echo failed 0 times: never tried"]
    assert await asyncio.wrap_future(tower.read_system(stuck.examined)) == 1


async def test_a_handler_that_recovers_acts_once(tower: Database) -> None:
    tries: list[int] = []

    def late(work: Work, event: Rang) -> None:
        echo(work, event)
        tries.append(event.n)
        if len(tries) < 3:
            raise ValueError("not yet")

    one = Delivery(tower, heard_by(tower, late=late))
    async with moving(one):
        await do(tower, ring(1))
        await idle(tower, one)
    assert (await bells(tower), tries) == ([1, 1010], [1, 1, 1])


async def test_a_handler_that_is_no_more_leaves_its_debt_named(tower: Database) -> None:
    heard_by(tower, gone=echo)
    one = Delivery(tower, {})
    async with moving(one):
        await do(tower, ring(1))
        await idle(tower, one)
    assert await seen(tower, "SELECT handler, attempts, error FROM outbox") == [("gone", 8, "KeyError: 'gone'")]


async def test_a_database_that_rests_is_no_fault_of_the_handler(
    tower: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "SWEEP_S", 0.01)
    one = Delivery(tower, heard_by(tower, echo=echo))
    submit, read, refusals = tower.submit, tower.read_system, iter([True] * 20)

    def resting(through: Callable[..., Any]) -> Callable[..., Any]:
        def fn(*args: Any, **kwargs: Any) -> Any:
            if next(refusals, False):
                raise Unavailable("resting")
            return through(*args, **kwargs)

        return fn

    await do(tower, ring(1))
    monkeypatch.setattr(tower, "submit", resting(submit))
    monkeypatch.setattr(tower, "read_system", resting(read))
    async with moving(one):
        await until(lambda: next(refusals, None) is None)
        await until_asked(lambda: seen(tower, "SELECT 1 FROM bell WHERE n = 1010"))
    assert await seen(tower, "SELECT * FROM outbox") == []


def test_counting_what_is_owed_leaves_out_what_was_given_up(tower: Database) -> None:
    heard_by(tower, one=echo, two=echo)

    def given_up(work: SystemWork) -> None:
        work.connection.execute(sa.text(f"UPDATE outbox SET attempts = {DISPATCH_ATTEMPTS} WHERE handler = 'one'"))

    tower.run(ring(1), tenant=ONE, actor=PLATFORM)
    assert tower.read_system(post.owed).result(10) == 2
    tower.run_system(given_up)
    assert tower.read_system(post.owed).result(10) == 1
