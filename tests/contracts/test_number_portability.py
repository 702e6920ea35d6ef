"""One suite for every clearing house: the shipped memory and the HTTP adapter against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from adapters.portability.http import HttpPortability
from adapters.portability.memory import MemoryPortability, Trouble
from bss.porting.port import Direction, NumberPortability, Standing, Wanted, Word
from gateway.simulated import Simulators, simulators
from kernel.errors import Refused, Unanswered, Unreachable
from kernel.secrets import Secret

WANTED = Wanted(
    "493012345678", "telco-b", Direction.IN, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC)
)
KINDS = {Trouble.REFUSE: "refuse", Trouble.DROP: "drop", Trouble.LOSE: "lose"}


@dataclass
class Bench:
    """A clearing house, and the hand that breaks it."""

    house: NumberPortability
    fail: Callable[[Trouble], Awaitable[None]]
    says: Callable[[Word, str | None], Awaitable[None]]
    states: Callable[[], Awaitable[list[str]]]


@pytest.fixture(params=["memory", pytest.param("http", marks=pytest.mark.slow)])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Every implementation."""
    if request.param == "memory":
        yield memory()
        return
    async with simulators("--broker", "embedded", "--meters", "0", "--ports", "1") as found:
        made = over_http(found)
        yield made
        await made.house.close()


def memory() -> Bench:
    house = MemoryPortability()

    async def fail(trouble: Trouble) -> None:
        house.fail(trouble)

    async def says(word: Word, reason: str | None) -> None:
        house.says["telco-b"] = word
        if reason is not None:
            house.refusals["telco-b"] = reason

    async def states() -> list[str]:
        return list(house.states().values())

    return Bench(house, fail, says, states)


def over_http(sim: Simulators) -> Bench:
    where = sim.facts["portability"]
    house = HttpPortability(where["url"], api_key=Secret(where["api_key"]), total_s=2.0)

    async def fail(trouble: Trouble) -> None:
        await sim.control("POST", "/faults", {"element": "portability", "kind": KINDS[trouble], "count": 1})

    async def says(word: Word, reason: str | None) -> None:
        await sim.clearing("telco-b", {"word": str(word), "reason": reason})

    async def states() -> list[str]:
        shown = await sim.control("GET", "/state/portability")
        return [each["state"] for each in shown.values()]

    return Bench(house, fail, says, states)


async def test_a_port_is_asked_for_confirmed_and_completed_once(bench: Bench) -> None:
    first = await bench.house.request(WANTED, idempotency_key="k1")
    assert await bench.house.request(WANTED, idempotency_key="k1") == first
    assert await bench.house.status(first) == Standing(Word.CONFIRMED)
    await bench.house.complete(first, idempotency_key="k1.complete")
    await bench.house.complete(first, idempotency_key="k1.complete")
    assert await bench.states() == ["completed"]
    with pytest.raises(Refused, match="completed"):
        await bench.house.withdraw(first, idempotency_key="k1.withdraw")


async def test_the_other_operator_is_late_and_then_refuses(bench: Bench) -> None:
    reference = await bench.house.request(WANTED, idempotency_key="k1")
    await bench.says(Word.PENDING, None)
    assert await bench.house.status(reference) == Standing(Word.PENDING)
    await bench.says(Word.REFUSED, "contract still runs")
    assert await bench.house.status(reference) == Standing(Word.REFUSED, "contract still runs")
    await bench.house.withdraw(reference, idempotency_key="k1.withdraw")
    assert await bench.states() == ["withdrawn"]


async def test_a_refused_request_leaves_nothing(bench: Bench) -> None:
    await bench.fail(Trouble.REFUSE)
    with pytest.raises(Refused):
        await bench.house.request(WANTED, idempotency_key="k1")
    assert await bench.house.lookup("k1") is None


async def test_a_lost_request_never_arrived(bench: Bench) -> None:
    await bench.fail(Trouble.DROP)
    with pytest.raises(Unanswered):
        await bench.house.request(WANTED, idempotency_key="k1")
    assert await bench.house.lookup("k1") is None


async def test_a_request_whose_answer_was_lost_is_found_by_its_key(bench: Bench) -> None:
    await bench.fail(Trouble.LOSE)
    with pytest.raises(Unanswered):
        await bench.house.request(WANTED, idempotency_key="k1")
    found = await bench.house.lookup("k1")
    assert found is not None
    assert await bench.house.status(found) == Standing(Word.CONFIRMED)
    assert await bench.states() == ["open"]


async def test_an_unknown_port_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused, match="unknown port"):
        await bench.house.status("np_unknown")
    with pytest.raises(Refused):
        await bench.house.status("../ports")


async def test_nobody_listens() -> None:
    house = HttpPortability("http://127.0.0.1:9", api_key=Secret("k"))
    with pytest.raises(Unreachable):
        await house.request(WANTED, idempotency_key="k1")
    await house.close()
