"""Every way in which a command can fail becomes the right answer; none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway import network
from gateway.network import Network
from kernel.database import Database, Unavailable
from kernel.errors import Conflict, Invalid, NotFound, Refused, TrunklineError, Unanswered, Unreachable
from oss.orders.run import Sent
from oss.orders.settle import Word
from oss.port import Command, ElementSpec, Outcome, Reading, Verdict

SHOWN = Reading({"present": True}, "show line 1")


class Box:
    """An element that does as it is told, or fails as it is told."""

    def __init__(self, spec: ElementSpec) -> None:
        self.spec = spec
        self.fault: BaseException | None = None
        self.silent = False
        self.closed = 0

    async def _do(self) -> None:
        if self.silent:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault

    async def apply(self, command: Command) -> Outcome:
        """Say it."""
        await self._do()
        return Outcome(Verdict.DONE, SHOWN, "line 1 up")

    async def read(self, intent: str, key: str) -> Reading:
        """Ask."""
        await self._do()
        return SHOWN

    async def close(self) -> None:
        """End."""
        self.closed += 1
        if self.fault is not None:
            raise self.fault


class Wire:
    """A network of one kind of box, and what was opened on it."""

    def __init__(self, tower: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boxes: list[Box] = []
        self.found: Callable[[str], TrunklineError | None] = lambda name: None
        monkeypatch.setattr(network, "_spec", self._spec)
        self.network = Network(tower, self._connect)

    def _spec(self, work: object, name: str, dialect: str) -> ElementSpec:
        error = self.found(name)
        if error is not None:
            raise error
        return ElementSpec(name, "memory", {}, {}, dialect)

    def _connect(self, spec: ElementSpec) -> Any:
        self.boxes.append(Box(spec))
        return self.boxes[-1]


@pytest.fixture
def wire(tower: Database, monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(tower, monkeypatch)


def sent(*, read_only: bool = False, timeout_s: float = 5.0) -> Sent:
    command = Command("olt", "1", "port", {"present": True}, 1, "key-1", timeout_s=timeout_s)
    return Sent((1, 2, 3), 4, "olt", command, read_only)


async def test_what_was_done_is_answered_with_its_evidence(wire: Wire) -> None:
    answer = await wire.network.speak(sent())
    assert (answer.task, answer.attempt, answer.word) == ((1, 2, 3), 4, Word.DONE)
    assert (answer.reading, answer.transcript) == (SHOWN, "line 1 up")
    reading = await wire.network.speak(sent(read_only=True))
    assert (reading.word, reading.reading, reading.transcript) == (Word.READ, SHOWN, "show line 1")


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (Refused("no such profile", transcript="% Error"), Word.REFUSED),
        (Invalid("a newline in a name", field="name"), Word.REFUSED),
        (NotFound("no element olt", field="element"), Word.REFUSED),
        (Conflict("protected"), Word.REFUSED),
        (Unreachable("connection refused"), Word.UNREACHABLE),
        (Unavailable("the database did not answer"), Word.UNREACHABLE),
        (Unanswered("lost in the middle", transcript="> up"), Word.UNANSWERED),
        (TimeoutError(), Word.UNANSWERED),
        (KeyError("a bug of the adapter"), Word.UNANSWERED),
        (OSError("broken pipe"), Word.UNANSWERED),
    ],
)
async def test_a_failure_is_the_answer_that_settles_it(wire: Wire, fault: BaseException, word: Word) -> None:
    await wire.network.element("olt")
    wire.boxes[0].fault = fault
    answer = await wire.network.speak(sent())
    assert (answer.task, answer.attempt, answer.word) == ((1, 2, 3), 4, word)
    assert answer.message
    assert answer.transcript == getattr(fault, "transcript", "")
    assert (await wire.network.speak(sent(read_only=True))).word is Word.UNREADABLE


@pytest.mark.parametrize(
    ("error", "word"),
    [(NotFound("no element olt"), Word.REFUSED), (Unavailable("resting"), Word.UNREACHABLE)],
)
async def test_an_element_that_cannot_be_opened_is_an_answer_too(wire: Wire, error: TrunklineError, word: Word) -> None:
    wire.found = lambda name: error
    assert (await wire.network.speak(sent())).word is word


async def test_an_adapter_that_overruns_its_deadline_is_cut_off(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "GRACE_S", 0.0)
    await wire.network.element("olt")
    wire.boxes[0].silent = True
    answer = await wire.network.speak(sent(timeout_s=0.01))
    assert (answer.word, answer.message) == (Word.UNANSWERED, "no answer within the deadline")


async def test_an_element_is_opened_once_for_each_dialect(wire: Wire) -> None:
    opened = await asyncio.gather(*(wire.network.element("olt", dialect) for dialect in ("a", "a", "b", "a")))
    assert sorted(box.spec.dialect_hash for box in wire.boxes) == ["a", "b"]
    assert opened[0] is opened[1] is opened[3] is not opened[2]


async def test_one_session_that_ends_badly_leaves_none_of_the_others_open(wire: Wire) -> None:
    for name in ("hlr", "olt", "broker"):
        await wire.network.element(name)
    wire.boxes[0].fault = OSError("broken pipe")
    await wire.network.close()
    assert [box.closed for box in wire.boxes] == [1, 1, 1]
    await wire.network.element("hlr")
    assert len(wire.boxes) == 4


async def test_a_dialogue_once_went_on_with_its_next_line_after_the_lease_had_run_out(wire: Wire) -> None:
    written: list[str] = []
    first, prompt = asyncio.Event(), asyncio.Event()

    async def two_lines() -> None:
        written.append("interface 1")
        first.set()
        await prompt.wait()
        written.append("shutdown")

    box = await wire.network.element("olt")
    box._do = two_lines  # type: ignore[attr-defined]
    talk = asyncio.create_task(wire.network.speak(sent()))
    await first.wait()
    prompt.set()  # the next prompt is there already, and the loop would write the next line before anything else
    wire.network.break_off()
    answer = await talk
    assert (written, answer.word) == (["interface 1"], Word.UNANSWERED)
    assert answer.message == "broken off: the lease was not renewed in time"
    assert (await wire.network.speak(sent())).word is Word.DONE
    await wire.network.silence()
    assert wire.boxes[0].closed == 1


async def test_a_read_back_that_is_broken_off_is_only_asked_again(wire: Wire) -> None:
    box = await wire.network.element("olt")
    box.silent = True  # type: ignore[attr-defined]
    talk = asyncio.create_task(wire.network.speak(sent(read_only=True)))
    await asyncio.sleep(0)
    wire.network.break_off()
    assert (await talk).word is Word.UNREADABLE
