"""A real SNMP agent (net-snmp): ifAdminStatus really takes a line down, and a wrong key meets silence."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from kernel.errors import Refused, Unreachable
from oss.port import Confirm
from tests.real.benches import PATIENT, AgentBench
from tests.real.conftest import Place

pytestmark = pytest.mark.real


@pytest.fixture
async def bench(place: Place) -> AsyncIterator[AgentBench]:
    made = AgentBench(place)
    yield made
    await made.element.close()


async def test_a_set_takes_the_line_down_and_up(bench: AgentBench, place: Place) -> None:
    name = "line78"
    key = str(place.link(name)["ifindex"])
    await bench.element.apply(bench.command(key, bench.full(key), confirm=Confirm.POLL))
    assert "LOWER_UP" in place.link("far78")["flags"]
    cut = await bench.element.apply(bench.command(key, {"present": True, "admin": "down"}, confirm=Confirm.POLL))
    assert "UP" not in place.link(name)["flags"]
    assert "NO-CARRIER" in place.link("far78")["flags"]
    assert cut.reading is not None
    assert cut.reading.incarnation == "1"
    assert cut.transcript.count("SET ") == 1


async def test_an_instance_that_is_not_there_is_refused_by_name(bench: AgentBench) -> None:
    with pytest.raises(Refused) as refused:
        await bench.element.apply(bench.command("99999", {"present": True, "admin": "up"}))
    assert refused.value.field == "admin"


@pytest.mark.parametrize("name", ["auth_key", "priv_key"])
async def test_a_wrong_key_is_unreachable_within_its_deadline(bench: AgentBench, name: str) -> None:
    bench.secrets[name] = "quite-another-phrase"
    hasty = replace(PATIENT, datagram_s=0.3, datagram_retries=1)
    stranger = bench.connect(timeouts=hasty)
    began = time.monotonic()
    with pytest.raises(Unreachable) as unreachable:
        await stranger.read("port", "1")
    assert time.monotonic() - began < 2 * 0.3 + 1
    assert "quite-another-phrase" not in str(unreachable.value)
    await stranger.close()
