"""A real broker with TLS, client certificates, passwords and rules about topics."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.elements import factory
from kernel.errors import Invalid, Refused, Unreachable
from oss.port import ElementSpec, NetworkElement, State
from tests.real.benches import PATIENT, BrokerBench, meters
from tests.real.conftest import Place

pytestmark = pytest.mark.real

ABSENT: State = {"present": False}


@pytest.fixture
async def bench(place: Place) -> AsyncIterator[BrokerBench]:
    made = BrokerBench(place)
    yield made
    await made.element.close()


async def failed(element: NetworkElement) -> Unreachable:
    """The failure of a read, which must come within the connection's deadline and a second."""
    began = time.monotonic()
    with pytest.raises(Unreachable) as unreachable:
        await element.read("meter", "meter-0001")
    assert time.monotonic() - began < PATIENT.connect_s + 1
    await element.close()
    return unreachable.value


async def test_a_meter_behind_tls_obeys_and_is_read_back(bench: BrokerBench, place: Place, tmp_path: Path) -> None:
    async with meters(place, tmp_path, "meter-0900"):
        done = await bench.element.apply(bench.command("meter-0900", bench.full("meter-0900")))
        assert done.reading is not None
        assert done.reading.state == bench.full("meter-0900")
        assert bench.secrets["password"] not in done.transcript


async def test_a_broker_of_another_authority_is_never_talked_to(bench: BrokerBench, place: Place) -> None:
    error = await failed(bench.connect(tls_ca=place.secret("stranger_ca.crt")))
    assert error.field == "tls_ca"
    assert "certificate verify failed" in str(error)


async def test_a_certificate_of_another_authority_is_not_let_in(bench: BrokerBench, place: Place) -> None:
    bench.secrets["client_key"] = place.secret("stranger.key")
    await failed(bench.connect(tls_certificate=place.secret("stranger.crt")))


async def test_a_key_of_another_certificate_is_named_and_not_shown(bench: BrokerBench, place: Place) -> None:
    bench.secrets["client_key"] = place.secret("stranger.key")
    error = await failed(bench.connect())
    assert error.field == "client_key"
    assert "PRIVATE" not in str(error)


async def test_a_wrong_password_is_not_let_in_and_not_shown(bench: BrokerBench) -> None:
    wrong = bench.secrets["password"] = "not-" + bench.secrets["password"]
    assert wrong not in str(await failed(bench.connect()))


async def test_without_tls_the_broker_does_not_answer(bench: BrokerBench) -> None:
    await failed(bench.connect(tls=False, tls_ca="", tls_certificate=""))


async def test_a_topic_that_the_broker_denies_is_refused_at_once(bench: BrokerBench) -> None:
    began = time.monotonic()
    with pytest.raises(Refused, match="t1/devices/forbidden/get") as refused:
        await bench.element.read("meter", "forbidden")
    assert refused.value.field == "topic"
    assert time.monotonic() - began < PATIENT.reply_s
    assert (await bench.element.probe()).reachable


async def test_an_authority_that_is_no_certificate_is_invalid(bench: BrokerBench) -> None:
    address = {**bench.spec.address, "tls_ca": "no certificate"}
    spec: ElementSpec = replace(bench.spec, address=address)
    with pytest.raises(Invalid) as wrong:
        factory.connect(spec, secrets=bench.secrets.__getitem__)
    assert wrong.value.field == "address.tls_ca"
