"""The worker's own rules: nothing is said without a lease, nothing landed or sent is lost when a turn fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gateway import lease
from gateway import worker as workers
from gateway.worker import Worker
from kernel.database import Database, Unavailable
from kernel.errors import Conflict
from kernel.time import FakePulse
from oss.inventory import elements
from oss.orders import lanes, leases, retries
from oss.orders import run as engine
from oss.orders.settle import Answer, Policy, Word
from oss.port import Command
from tests.rooms.gateway.moving.waiting import moving, until

Task = tuple[int, int, int]


class Wire:
    """A network that answers at once, unless held."""

    def __init__(self) -> None:
        self.said: list[Task] = []
        self.closed = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def speak(self, sent: engine.Sent) -> Answer:
        """Done."""
        self.said.append(sent.task)
        await self.gate.wait()
        return Answer(sent.task, sent.attempt, Word.DONE)

    async def silence(self) -> None:
        """End every session."""
        self.closed += 1

    def break_off(self) -> None:
        """Nobody needs to be broken off here."""


class Engine:
    """Turns by script: what is ready is sent, what is answered is landed; an answer may be one that spoils a turn."""

    def __init__(self) -> None:
        self.ready: list[engine.Sent] = []
        self.landed: list[Answer] = []
        self.parked: list[Task] = []
        self.spoilt: dict[int, list[Exception]] = {}
        self.holds = 0
        self.released = 0
        self.mine = {"olt"}

    def turn(self, work: object, answers: Sequence[Answer], *, room: dict[str, int], **_: Any) -> engine.Turned:
        """Land and send."""
        for answer in answers:
            errors = self.spoilt.get(answer.task[1], [])
            if errors:
                raise errors.pop(0) if isinstance(errors[0], Unavailable) else errors[0]
        self.landed += answers
        sent, self.ready = (self.ready, []) if room else ([], self.ready)
        return engine.Turned(sent, set())

    def park(self, work: object, answer: Answer, *, error: str) -> None:
        """Keep it for a person."""
        self.parked.append(answer.task)

    def hold(self, work: object, name: str, **_: Any) -> set[str]:
        """Every lane of ours."""
        self.holds += 1
        return set(self.mine)

    def release(self, work: object, name: str) -> None:
        """All back."""
        self.released += 1


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(leases, "standing", lambda work, name: leases.Standing(False, lanes.RENEW_S))
    monkeypatch.setattr(lanes, "paces", lambda work: {})
    monkeypatch.setattr(retries, "current", lambda work: Policy())
    monkeypatch.setattr(elements, "wary", lambda work: {})
    monkeypatch.setattr(leases, "drain", lambda work, name: None)
    monkeypatch.setattr(engine, "reclaim", lambda work, **_: 0)
    for module, names in ((engine, ("turn", "park")), (lanes, ("hold", "release"))):
        for name in names:
            monkeypatch.setattr(module, name, getattr(made, name))
    monkeypatch.setattr(workers, "REST_S", 0.0)
    return made


def sent(order: int, *, read_only: bool = False) -> engine.Sent:
    command = Command("olt", str(order), "port", {"present": True}, 1, f"key-{order}")
    return engine.Sent((1, order, 1), 1, "olt", command, read_only)


async def test_what_a_turn_sends_is_said_and_its_answer_landed(tower: Database, machine: Engine) -> None:
    wire, machine.ready = Wire(), [sent(n) for n in range(5)]
    worker = Worker(tower, wire)  # type: ignore[arg-type]
    async with moving(worker):
        await until(lambda: len(machine.landed) == 5 and worker.idle())
    assert sorted(wire.said) == [(1, n, 1) for n in range(5)]
    assert (worker.tally.sent, worker.tally.landed, worker.tally.parked, machine.released) == (5, 5, 0, 1)


@pytest.mark.parametrize(("read_only", "word"), [(False, Word.UNREACHABLE), (True, Word.UNREADABLE)])
async def test_a_worker_whose_lease_ran_out_once_went_on_speaking(
    tower: Database, machine: Engine, read_only: bool, word: Word
) -> None:
    wire, pulse = Wire(), FakePulse()
    worker = Worker(tower, wire, pulse=pulse)  # type: ignore[arg-type]
    worker._speak(sent(1, read_only=read_only))
    pulse.beat(lanes.SILENT_S)
    await until(lambda: worker._board.answers)
    assert ([answer.word for answer in worker._board.answers], wire.said, wire.closed) == ([word], [], 1)


async def test_the_time_the_database_took_does_not_lengthen_the_lease(
    tower: Database, machine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = FakePulse()
    worker = Worker(tower, Wire(), pulse=pulse)  # type: ignore[arg-type]

    def slow(work: object, name: str, **_: object) -> set[str]:
        pulse.beat(lanes.SILENT_S)
        return {"olt"}

    monkeypatch.setattr(lanes, "hold", slow)
    await asyncio.to_thread(worker.lease.renew)
    assert not worker.lease.holds()


async def test_a_bad_order_is_parked_and_the_others_of_its_turn_land(tower: Database, machine: Engine) -> None:
    wire, machine.ready = Wire(), [sent(n) for n in range(6)]
    wire.gate.clear()
    machine.spoilt = {3: [Conflict("a row that spoils the turn")]}
    worker = Worker(tower, wire)  # type: ignore[arg-type]
    async with moving(worker):
        await until(lambda: len(wire.said) == 6)
        wire.gate.set()
        await until(lambda: len(machine.landed) == 5 and worker.idle())
    assert (machine.parked, worker.tally.parked) == ([(1, 3, 1)], 1)
    assert sorted(answer.task[1] for answer in machine.landed) == [0, 1, 2, 4, 5]


async def test_the_landed_half_of_a_split_turn_once_came_back_with_the_other_half(
    tower: Database, machine: Engine
) -> None:
    wire, machine.ready = Wire(), [sent(n) for n in range(4)]
    wire.gate.clear()
    machine.spoilt = {3: [Unavailable("gone in the middle"), Unavailable("gone again")]}
    worker = Worker(tower, wire)  # type: ignore[arg-type]
    async with moving(worker):
        await until(lambda: len(wire.said) == 4)
        machine.spoilt[2] = [Conflict("spoils the turn")]
        wire.gate.set()
        await until(lambda: len(machine.landed) == 3 and worker.idle())
    assert sorted(answer.task[1] for answer in machine.landed) == [0, 1, 3]
    assert machine.parked == [(1, 2, 1)]
    assert worker._board.flying["olt"] == 0


async def test_a_turn_that_fails_with_nothing_in_hand_is_tried_again(
    tower: Database, machine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, errors, turn = Wire(), [KeyError("a bug of ours"), Unavailable("resting")], machine.turn

    def failing(work: object, answers: Sequence[Answer], **kwargs: Any) -> engine.Turned:
        if errors:
            raise errors.pop(0)
        return turn(work, answers, **kwargs)

    monkeypatch.setattr(engine, "turn", failing)
    machine.ready = [sent(1)]
    worker = Worker(tower, wire)  # type: ignore[arg-type]
    async with moving(worker):
        await until(lambda: machine.landed)
    assert (errors, [answer.task for answer in machine.landed]) == ([], [(1, 1, 1)])


async def test_a_hint_for_a_lane_not_held_asks_for_it_at_once(tower: Database, machine: Engine) -> None:
    worker = Worker(tower, Wire())  # type: ignore[arg-type]
    async with moving(worker):
        await until(lambda: tower.on_hints)
        machine.mine |= {"hlr"}
        for _ in range(50):
            worker._hear({"lane:hlr", "lane:somebody's"})
        await until(lambda: "hlr" in worker.lease.lanes)
    assert machine.holds < 10


async def test_a_stopping_worker_renews_until_what_it_said_has_landed(
    tower: Database, machine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "RENEW_S", 0.005)
    monkeypatch.setattr(lease, "HURRY_S", 0.0)
    wire, machine.ready = Wire(), [sent(1)]
    wire.gate.clear()
    worker = Worker(tower, wire)  # type: ignore[arg-type]
    async with moving(worker):
        await until(lambda: wire.said)
        worker.stop()
        held = machine.holds
        await until(lambda: machine.holds > held + 2)
        assert machine.released == 0
        wire.gate.set()
    assert (len(machine.landed), machine.released) == (1, 1)
