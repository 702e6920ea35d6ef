"""The simulators as a child process, and the raw protocols to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import aiomqtt
import asyncssh
from pysnmp.hlapi.v3arch import asyncio as snmp

START_S = 20
ANSWER_S = 5
NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@dataclass
class Child:
    """A running `python -m simulators` and what it announced."""

    process: subprocess.Popen[str]
    where: dict[str, Any]

    def end(self) -> tuple[int, str]:
        """Close its stdin; give back its exit status and what it wrote to stderr."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None
        _, errors = self.process.communicate(timeout=START_S)
        return self.process.returncode, errors


def command(*arguments: str) -> list[str]:
    """The simulators' command line, with warnings as errors."""
    return [sys.executable, "-W", "error", "-m", "simulators", *arguments]


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Child]:
    """Start the simulators, and never leave them behind."""
    process = subprocess.Popen(
        command(*arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield Child(process, json.loads(line))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@dataclass
class Handle:
    """The control API."""

    session: aiohttp.ClientSession
    url: str

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request; the status and the JSON answer, if there is one."""
        async with self.session.request(method, self.url + path, json=body) as answer:
            return answer.status, await answer.json() if answer.content_type == "application/json" else None

    async def fault(self, element: str, kind: str, **options: Any) -> None:
        """Plan a fault."""
        status, _ = await self.ask("POST", "/faults", {"element": element, "kind": kind, **options})
        assert status == 201

    async def state(self, element: str) -> Any:
        """An element's state."""
        return (await self.ask("GET", f"/state/{element}"))[1]

    async def log(self, element: str, word: str) -> list[dict[str, Any]]:
        """The entries whose text holds the word."""
        page = (await self.ask("GET", f"/log/{element}"))[1]
        return [entry for entry in page["entries"] if word in entry["text"]]


@dataclass
class Shell:
    """An interactive session with the HLR."""

    process: asyncssh.SSHClientProcess[str]

    async def read(self) -> str:
        """Everything up to the next prompt."""
        async with asyncio.timeout(ANSWER_S):
            return (await self.process.stdout.readuntil("HLR# ")).removesuffix("HLR# ")

    async def say(self, line: str, *, end: str = "\n") -> str:
        """Send a line and give back its answer."""
        self.process.stdin.write(line + end)
        return await self.read()


@contextlib.asynccontextmanager
async def connection(hlr: dict[str, Any], **changes: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Log in to the HLR with its host key pinned."""
    options = {"username": hlr["username"], "password": hlr["password"], **changes}
    key = asyncssh.import_public_key(hlr["host_key"])
    async with asyncssh.connect(
        hlr["host"],
        hlr["port"],
        known_hosts=([key], [], []),
        config=None,
        agent_path=None,
        client_keys=None,
        **options,
    ) as opened:
        yield opened


@contextlib.asynccontextmanager
async def shell(hlr: dict[str, Any]) -> AsyncIterator[Shell]:
    """Open a shell past its greeting."""
    async with connection(hlr) as opened, opened.create_process(term_type="vt100") as process:
        session = Shell(process)
        assert await session.read() == "Trunkline HLR simulator\r\n"
        yield session


class Manager:
    """An SNMPv3 manager of the OLT."""

    def __init__(self, olt: dict[str, Any], *, patience_s: float = ANSWER_S, **changes: Any) -> None:
        self.engine = snmp.SnmpEngine()
        self.patience_s = patience_s
        self._olt = {**olt, **changes}
        self._user = snmp.UsmUserData(
            self._olt["user"],
            self._olt["auth_key"],
            self._olt["priv_key"],
            authProtocol=snmp.USM_AUTH_HMAC192_SHA256,
            privProtocol=snmp.USM_PRIV_CFB128_AES,
        )

    async def _ask(self, verb: Any, *varbinds: Any) -> tuple[str, str, int, list[Any]]:
        target = await snmp.UdpTransportTarget.create(
            (self._olt["host"], self._olt["port"]), timeout=self.patience_s, retries=0
        )
        indication, status, index, found = await verb(
            self.engine, self._user, target, snmp.ContextData(), *varbinds, lookupMib=False
        )
        values = [value.prettyPrint() for _, value in found]
        name = status.prettyPrint() if status else "noError"
        return str(indication or ""), name, int(index or 0), values

    async def get(self, *oids: str) -> list[str]:
        """The values, or AssertionError."""
        objects = [snmp.ObjectType(snmp.ObjectIdentity(oid)) for oid in oids]
        indication, status, _, values = await self._ask(snmp.get_cmd, *objects)
        assert (indication, status) == ("", "noError")
        return values

    async def set(self, *pairs: tuple[str, Any]) -> tuple[str, str, int]:
        """Indication, error status and error index of one SET."""
        objects = [snmp.ObjectType(snmp.ObjectIdentity(oid), value) for oid, value in pairs]
        return (await self._ask(snmp.set_cmd, *objects))[:3]

    async def walk(self, oid: str) -> list[str]:
        """The values below an OID by GETNEXT and GETBULK alike, which must agree."""
        start = snmp.ObjectType(snmp.ObjectIdentity(oid))
        bulk = (await self._ask(snmp.bulk_cmd, 0, 3, start))[3]
        first = (await self._ask(snmp.next_cmd, start))[3]
        assert bulk[:1] == first
        return bulk


@contextlib.asynccontextmanager
async def managing(olt: dict[str, Any], **changes: Any) -> AsyncIterator[Manager]:
    """Open a manager and close it."""
    manager = Manager(olt, **changes)
    try:
        yield manager
    finally:
        manager.engine.close_dispatcher()


SUBSCRIPTIONS = 3
"""Times a subscription is asked for."""


@dataclass
class Gateway:
    """The other side of the meters' topics."""

    client: aiomqtt.Client
    prefix: str

    async def send(self, device: str, topic: str, body: dict[str, Any]) -> str:
        """Publish a command and give back its id."""
        command = body.get("id") or uuid.uuid4().hex
        payload = json.dumps({"id": command, **body})
        await self.client.publish(f"{self.prefix}/devices/{device}/{topic}", payload, qos=1)
        return str(command)

    async def hear(self, device: str, topic: str, *, seconds: float = ANSWER_S) -> Any:
        """The next message of the device on the topic; TimeoutError when none comes."""
        async with asyncio.timeout(seconds):
            async for message in self.client.messages:
                if str(message.topic) == f"{self.prefix}/devices/{device}/{topic}":
                    assert isinstance(message.payload, bytes)
                    return message.payload.decode()
        raise AssertionError("the broker went away")

    async def ask(self, device: str, topic: str, body: dict[str, Any]) -> dict[str, Any]:
        """The device's reply to this command, past any other reply."""
        command = await self.send(device, topic, body)
        while True:
            reply: dict[str, Any] = json.loads(await self.hear(device, "reported"))
            if reply["id"] == command:
                return reply


@contextlib.asynccontextmanager
async def meeting(mqtt: dict[str, Any], **options: Any) -> AsyncIterator[Gateway]:
    """Join the meters' broker and listen to all they say."""
    async with aiomqtt.Client(mqtt["host"], mqtt["port"], socket_options=[NODELAY], **options) as client:
        await _subscribed(client, f"{mqtt['prefix']}/devices/#")
        yield Gateway(client, mqtt["prefix"])


async def _subscribed(client: aiomqtt.Client, topic: str) -> None:
    """On a busy machine the embedded broker was once seen to leave a subscription unanswered: it is asked again."""
    for left in reversed(range(SUBSCRIPTIONS)):
        try:
            await client.subscribe(topic, qos=1, timeout=ANSWER_S)
            return
        except aiomqtt.MqttError:
            if not left:
                raise
