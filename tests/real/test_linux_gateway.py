"""A real Linux gateway: what the dialect says, real traffic through it obeys."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest

from adapters.elements.ssh.element import SshElement
from kernel.errors import Refused
from oss.port import State
from tests.real.benches import GatewayBench
from tests.real.conftest import Place

pytestmark = pytest.mark.real

ABSENT: State = {"present": False}
DATAGRAMS, BYTES = 400, 1000
"""Sent within a second: 400 kB/s."""
TRAFFIC = f"""
import socket, subprocess, sys, threading, time
space, host = sys.argv[1:]
sender = (
    "import socket,time\\n"
    "door=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\\n"
    "for n in range({DATAGRAMS}):\\n"
    " door.sendto(b'x'*{BYTES},('" + host + "',5000)); time.sleep({1 / DATAGRAMS})\\n"
)
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind((host, 5000))
door.settimeout(0.2)
sending = subprocess.Popen(["ip", "netns", "exec", space, sys.executable, "-c", sender])
heard = 0
while True:
    try:
        heard += len(door.recv(2000))
    except TimeoutError:
        if sending.poll() is not None:
            break
print(heard)
"""
ALL, SLOWED = DATAGRAMS * BYTES, 120_000
"""A second and a half of 32 kB/s with its burst, and room for a sender that a busy machine slows down."""


@pytest.fixture
async def bench(place: Place) -> AsyncIterator[GatewayBench]:
    made = GatewayBench(place)
    yield made
    await made.element.close()


def passed(place: Place, host: str) -> int:
    """The bytes of a second's traffic from the world that reach a subscriber."""
    world = place.told["namespace"] + "-world"
    return int(place.within(sys.executable, "-c", TRAFFIC, world, host, side="-home"))


async def test_traffic_stops_is_slowed_and_flows_again(bench: GatewayBench, place: Place) -> None:
    key = bench.key()
    assert passed(place, key) == 0
    await bench.element.apply(bench.command(key, bench.full(key)))
    assert passed(place, key) > ALL * 0.9
    await bench.element.apply(bench.command(key, {"present": True, "rate": "256"}))
    assert 0 < passed(place, key) < SLOWED
    await bench.element.apply(bench.command(key, {"present": True, "rate": "64"}))
    assert (await bench.element.read("line", key)).state == {"present": True, "access": "open", "rate": "64"}
    await bench.element.apply(bench.command(key, {"present": True, "access": "closed", "rate": "full"}))
    assert passed(place, key) == 0
    await bench.element.apply(bench.command(key, {"present": True, "access": "open"}))
    assert passed(place, key) > ALL * 0.9
    await bench.element.apply(bench.command(key, ABSENT))
    assert passed(place, key) == 0


async def test_a_gateway_without_its_table_is_not_taken_for_an_absent_line(bench: GatewayBench) -> None:
    key = bench.key()
    assert isinstance(bench.element, SshElement)
    intent = bench.element.dialect.intents["line"]
    intent.read.__dict__["line"] = intent.read.line.replace("gateway", "no_such_table")
    with pytest.raises(Refused, match="Error: No such file or directory"):
        await bench.element.read("line", key)


async def test_a_number_that_is_no_address_is_refused_by_the_gateway(bench: GatewayBench) -> None:
    with pytest.raises(Refused):
        await bench.element.apply(bench.command("999.77.0.300", bench.full("999.77.0.300")))
    assert bench.changed == []
