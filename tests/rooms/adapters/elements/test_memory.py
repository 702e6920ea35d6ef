"""The element in memory counts what it did and fails as it is told."""

from __future__ import annotations

import pytest

from adapters.elements.memory import Fault, MemoryElement
from kernel.errors import Refused, Unanswered, Unreachable
from oss.port import Command, State, Verdict

ABSENT: State = {"present": False}


def command(key: str = "7", state: State | None = None, *, name: str = "k1", protected: bool = False) -> Command:
    return Command("m", key, "port", state or {"present": True, "admin": "up"}, 1, name, protected=protected)


async def test_each_effect_is_counted_once_per_idempotency_key() -> None:
    element = MemoryElement("m")
    assert (await element.apply(command())).verdict is Verdict.DONE
    assert (await element.apply(command())).verdict is Verdict.ALREADY
    assert (await element.apply(command(state={"present": True, "admin": "down"}))).verdict is Verdict.DONE
    await element.apply(command(state=ABSENT, name="k2"))
    assert element.log == {"k1": 2, "k2": 1}
    assert element.states == {}


@pytest.mark.parametrize(
    ("fault", "error", "after"),
    [
        (Fault.REFUSE, Refused, ABSENT),
        (Fault.UNREACHABLE, Unreachable, ABSENT),
        (Fault.LOST, Unanswered, ABSENT),
        (Fault.DONE, Unanswered, {"present": True, "admin": "up"}),
        (Fault.LIE, Refused, ABSENT),
    ],
)
async def test_a_fault_strikes_as_often_as_planned(fault: Fault, error: type[Exception], after: State) -> None:
    element = MemoryElement("m")
    element.faults.plan("7", fault, count=2)
    for _ in range(2):
        element.states.clear()
        with pytest.raises(error):
            await element.apply(command())
    assert (await element.read("port", "7")).state == after
    await element.apply(command())
    assert (await element.read("port", "7")).state == {"present": True, "admin": "up"}


async def test_a_fault_for_one_key_spares_the_others() -> None:
    element = MemoryElement("m")
    element.faults.plan("7", Fault.REFUSE)
    assert (await element.apply(command("8"))).verdict is Verdict.DONE
    element.faults.plan("*", Fault.UNREACHABLE)
    with pytest.raises(Unreachable):
        await element.read("port", "8")
    assert not (await element.probe()).reachable


@pytest.mark.parametrize("cut", [{"bar": "all"}, {"admin": "down"}, {"enabled": False}])
async def test_without_a_dialect_a_protected_line_is_still_not_cut(cut: State) -> None:
    element = MemoryElement("m")
    with pytest.raises(Refused, match="protected"):
        await element.apply(command(state={"present": True, **cut}, protected=True))
    assert element.log == {}
    await element.apply(command(state={"present": False, **cut}, protected=True))
