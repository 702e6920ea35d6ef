"""A real router's command line (FRR's vtysh): a port that is shut is really down, and modes are left again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.elements.ssh.element import SshElement
from kernel.errors import Refused
from oss.port import State, Verdict
from tests.real.benches import RouterBench
from tests.real.conftest import Place

pytestmark = pytest.mark.real

ABSENT: State = {"present": False}


@pytest.fixture
async def bench(place: Place) -> AsyncIterator[RouterBench]:
    made = RouterBench(place)
    yield made
    await made.element.close()


def flags(place: Place, name: str) -> set[str]:
    """What the kernel says about an interface."""
    return set(place.link(name)["flags"])


async def test_a_shut_port_takes_the_line_down_and_opens_it_again(bench: RouterBench, place: Place) -> None:
    key = bench.key()
    far = key.replace("line", "far")
    await bench.element.apply(bench.command(key, bench.full(key)))
    assert {"UP", "LOWER_UP"} <= flags(place, key)
    assert "LOWER_UP" in flags(place, far)
    await bench.element.apply(bench.command(key, {"present": True, "admin": "down"}))
    assert not {"UP", "LOWER_UP"} & flags(place, key)
    assert "NO-CARRIER" in flags(place, far)
    await bench.element.apply(bench.command(key, {"present": True, "admin": "up"}))
    assert "LOWER_UP" in flags(place, far)


async def test_what_is_rendered_is_what_is_said(bench: RouterBench) -> None:
    key = bench.key()
    told = bench.command(key, bench.full(key), before=ABSENT)
    await bench.element.apply(told)
    said = ["configure terminal", f"interface {key}", "no shutdown", f"description sub {key}", "end"]
    assert bench.changed == bench.element.render(told) == said


async def test_a_port_that_is_not_there_is_not_configured(bench: RouterBench, place: Place) -> None:
    with pytest.raises(Refused, match="has no port line999") as refused:
        await bench.element.apply(bench.command("line999", bench.full("line999")))
    assert refused.value.field == "key"
    assert bench.changed == []
    assert (await bench.element.apply(bench.command("line999", ABSENT))).verdict is Verdict.ALREADY


async def test_a_refused_line_leaves_the_mode_and_what_was_there(bench: RouterBench) -> None:
    key = bench.key()
    assert isinstance(bench.element, SshElement)
    dialect = bench.element.dialect
    await bench.element.apply(bench.command(key, bench.full(key)))
    dialect.intents["port"].change["alias"] = ("descriptoin {value}",)
    with pytest.raises(Refused, match="% Unknown command"):
        await bench.element.apply(bench.command(key, {"present": True, "admin": "down", "alias": "other"}))
    assert bench.changed[-3:] == [f"interface {key}", "no shutdown", "end"]
    assert (await bench.element.read("port", key)).state == bench.full(key)
