"""Elements that mean harm: a typed failure within the deadline and a second, nothing leaked, nothing else sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.elements import factory
from adapters.elements.deadlines import Timeouts
from adapters.elements.mqtt.session import decoded
from kernel.errors import ElementError, Refused, Unanswered, Unreachable
from oss.port import Command, ElementSpec, NetworkElement, State
from tests.wire.adapters import hostile
from tests.wire.adapters.hostile import PROMPT, Hostile

pytestmark = pytest.mark.slow

HASTY = Timeouts(
    connect_s=0.5, login_s=1, idle_s=0.5, command_s=1, datagram_s=0.2, datagram_retries=0, reply_s=0.5, poll_s=0.5
)
SECRET = "canary-2f6b1c"  # noqa: S105  looked for in every error and log
KEY = "001010000000001"
FULL: State = {"present": True, "bar": "none", "msisdn": "4915112345", "profile": "M5", "rate": "full"}
SHOWN = b"  imsi: 001010000000001\r\n  msisdn: 4915112345\r\n  profile: M5\r\n  bar: none\r\n  rate: full\r\n"
GROWTH_KB = 64 * 1024
"""A flood is read up to 1 MiB; the rest is the libraries' windows and the allocator's habits."""


def element(protocol: str, name: str, address: dict[str, Any], *, timeouts: Timeouts = HASTY) -> NetworkElement:
    source = hostile.shipped(name)
    asked = {"ssh": ("password",), "snmp": ("auth_key", "priv_key"), "mqtt": ()}[protocol]
    spec = ElementSpec("h-1", protocol, address, source.document, source.hash, {word: word for word in asked})
    store = {"password": hostile.PASSWORD, "auth_key": SECRET + "-auth", "priv_key": SECRET + "-priv"}
    return factory.connect(spec, secrets=store.__getitem__, timeouts=timeouts)


def told(state: State = FULL, *, key: str = KEY, intent: str = "subscriber") -> Command:
    return Command("h-1", key, intent, state, 1, "k-1")


@contextlib.contextmanager
def failing(kind: type[ElementError], within_s: float, match: str | None = None) -> Any:
    """The failure must be of the kind, in time, and show no secret."""
    began = time.monotonic()
    with pytest.raises(kind, match=match) as failure:
        yield
    assert time.monotonic() - began < within_s + 1
    shown = str(failure.value) + failure.value.transcript
    assert SECRET not in shown
    assert hostile.PASSWORD not in shown
    assert not set(shown) & {"\x00", "\x1b"}
    assert len(shown) < 100_000


async def flood(box: Hostile, line: bytes) -> None:
    await box.flood(b"x" * 65536, times=16384)  # 1 GB, if anybody takes it


async def silent(box: Hostile, line: bytes) -> None:
    """Half-open: TCP lives, nobody speaks."""


async def dripping(box: Hostile, line: bytes) -> None:
    while not box.over.is_set() and box.process is not None and not box.process.stdout.is_closing():
        box.say(b".")
        await asyncio.sleep(0.1)


async def garbage_prompt(box: Hostile, line: bytes) -> None:
    box.say(SHOWN + b"HRL% ")


async def resets(box: Hostile, line: bytes) -> None:
    assert box.process is not None
    box.process.get_extra_info("connection").abort()


async def noise(box: Hostile, line: bytes) -> None:
    box.say(b"\x1b[2J\x1b]0;owned\x07\x00\xff\xfe\xc3\x28 \x9b31m garbage\r\n" + PROMPT)


@pytest.mark.parametrize(
    ("says", "within_s"),
    [(flood, 1.0), (silent, 0.5), (dripping, 1.0), (garbage_prompt, 0.5), (resets, 0.5), (noise, 0.5)],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_hostile_command_line_is_unreachable_when_asked_and_hears_nothing_else(
    says: hostile.SAYS, within_s: float
) -> None:
    async with hostile.shell(says) as (address, box):
        made = element("ssh", "hlr_cli", address)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with failing(Unreachable, within_s):
            await made.apply(told())
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KB
        assert set(box.heard) == {b"show system", b"subscriber imsi 001010000000001 show"}
        await made.close()


@pytest.mark.parametrize(
    ("says", "within_s"),
    [(flood, 1.0), (silent, 0.5), (dripping, 1.0), (garbage_prompt, 0.5), (resets, 0.5)],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_hostile_command_line_is_unanswered_once_something_was_changed(
    says: hostile.SAYS, within_s: float
) -> None:
    async def turns(box: Hostile, line: bytes) -> None:
        if line.endswith(b"show"):
            box.say(b"% No such subscriber\r\n" + PROMPT)
        else:
            await says(box, line)

    async with hostile.shell(turns) as (address, box):
        made = element("ssh", "hlr_cli", address)
        with failing(Unanswered, within_s):
            await made.apply(told())
        assert [line for line in box.heard if not line.startswith(b"show system")] == [
            f"subscriber imsi {KEY} {word}".encode() for word in ("show", "create")
        ]
        await made.close()


async def test_a_refusal_in_colours_reaches_people_without_them() -> None:
    async def refuses(box: Hostile, line: bytes) -> None:
        known = line.endswith(b"show")
        box.say(
            (b"% No such subscriber" if known else b"% \x1b[31mno\x00 \x1b]0;owned\x07way\x1b[0m") + b"\r\n" + PROMPT
        )

    async with hostile.shell(refuses) as (address, _):
        made = element("ssh", "hlr_cli", address)
        with failing(Refused, 0.5, match="no way"):
            await made.apply(told())
        await made.close()


async def test_a_greeting_without_end_is_unreachable() -> None:
    async with hostile.shell(silent, greeting=b"banner\r\n" * 200_000) as (address, box):
        made = element("ssh", "hlr_cli", address)
        with failing(Unreachable, 1.0):
            await made.read("subscriber", KEY)
        assert box.heard == []
        await made.close()


async def test_a_port_that_is_no_ssh_server_is_unreachable_in_time() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"SSH-2.0-" + b"\xff" * 60_000)
            await writer.drain()

    async with hostile.shell(silent) as (address, _):
        for serve in (mute, endless):
            async with hostile.tcp(serve) as port:
                made = element("ssh", "hlr_cli", {**address, "port": port})
                with failing(Unreachable, HASTY.login_s):
                    await made.read("subscriber", KEY)


def port_told() -> Command:
    return told({"present": True, "admin": "up", "alias": "a"}, key="1", intent="port")


MALFORMED = [
    b"",
    b"\x30",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x30\x80" * 2000,
    b"\x30\x82\x01\x00" + b"\x02\x01\x03" * 20,
    b"\xff" * 1400,
    b"\x30\x0f\x02\x01\x03\x30\x0a\x02\x04\x7f\xff\xff\xff\x02\x02\xff\xff",
]


@pytest.mark.parametrize("datagram", MALFORMED, ids=range(len(MALFORMED)))
async def test_malformed_ber_is_silence(datagram: bytes) -> None:
    async with hostile.agent(lambda asked: [datagram] * 20) as (port, agent):
        made = element("snmp", "if_mib_port", {"host": "127.0.0.1", "port": port, "user": "u"})
        with failing(Unreachable, HASTY.datagram_s * 2):
            await made.apply(port_told())
        assert 0 < len(agent.heard) <= 3
        assert all(SECRET.encode() not in heard for heard in agent.heard)
        await made.close()


async def test_an_agent_that_mirrors_what_it_hears_is_not_believed() -> None:
    async with hostile.agent(lambda asked: [asked, asked[:-1], asked + b"\x00"]) as (port, _):
        made = element("snmp", "if_mib_port", {"host": "127.0.0.1", "port": port, "user": "u"})
        with failing(Unreachable, HASTY.datagram_s * 2):
            await made.apply(port_told())
        await made.close()


async def test_a_broker_that_is_none_is_unreachable_in_time() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"\xff" * 100_000)
        await writer.drain()
        await reader.read()

    async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    meter = told({"present": True, "enabled": True}, key="m-1", intent="meter")
    for serve in (mute, nonsense, resetting):
        async with hostile.tcp(serve) as port:
            made = element("mqtt", "meter_json", {"host": "127.0.0.1", "port": port, "prefix": "t"})
            with failing(Unreachable, HASTY.connect_s):
                await made.apply(meter)
            await made.close()


@pytest.fixture
async def idle() -> AsyncIterator[None]:
    """Nothing that a test started is left running."""
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    _, running = await asyncio.wait(left, timeout=2) if left else (set(), set())
    assert running == set()


async def test_a_failed_connection_leaves_no_task_behind(idle: None) -> None:
    async with hostile.tcp(lambda reader, writer: reader.read()) as port:
        address = {"host": "127.0.0.1", "port": port, "prefix": "t"}
        made = element("mqtt", "meter_json", address, timeouts=replace(HASTY, connect_s=0.3))
        assert not (await made.probe()).reachable
        await made.close()


def test_the_longest_json_nonsense_is_no_state() -> None:
    for payload in (b"[" * 60_000, b'{"a":' * 10_000, b"\xff\xfe", b"NaN", json.dumps("x" * 1000).encode(), b"\x00"):
        assert decoded(payload) is None
