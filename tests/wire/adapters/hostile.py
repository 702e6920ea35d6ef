"""Elements that mean harm: an SSH shell, an SNMP port and an MQTT device that answer whatever a test tells them to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import asyncssh

from adapters.elements import dialects
from tests.house.tree import ROOT

PROMPT = b"HLR# "
PASSWORD = "right-password"  # noqa: S105  the hostile element's own
SAYS = Callable[["Hostile", bytes], Awaitable[None]]


@dataclass
class Hostile:
    """One shell of the element: what it heard, and a hand on its output."""

    heard: list[bytes] = field(default_factory=list)
    process: asyncssh.SSHServerProcess[bytes] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, data: bytes) -> None:
        """Write to whoever listens, if anybody still does."""
        assert self.process is not None
        with contextlib.suppress(OSError, asyncssh.Error):
            self.process.stdout.write(data)

    async def flood(self, data: bytes, *, times: int) -> int:
        """Write until all is out or nobody listens; how many bytes were taken."""
        assert self.process is not None
        taken = 0
        with contextlib.suppress(OSError, asyncssh.Error):
            for _ in range(times):
                self.process.stdout.write(data)
                await self.process.stdout.drain()
                taken += len(data)
        return taken


class _Server(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD


@contextlib.asynccontextmanager
async def shell(says: SAYS, *, greeting: bytes = PROMPT) -> AsyncIterator[tuple[dict[str, Any], Hostile]]:
    """An SSH element that answers every line (probes excepted) by `says`; its address, and what it heard."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    hostile = Hostile()

    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        hostile.process = process
        hostile.say(greeting)
        with contextlib.suppress(OSError, asyncssh.Error):
            async for line in process.stdin:
                if not line:  # the connection's end
                    break
                hostile.heard.append(line.rstrip(b"\n"))
                if line.startswith(b"show system"):
                    hostile.say(b"name: hostile\nboots: 1\n" + PROMPT)
                else:
                    await says(hostile, line.rstrip(b"\n"))
        hostile.over.set()

    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=_Server, server_host_keys=[key], process_factory=serve, encoding=None,
        line_editor=False,
    )  # fmt: skip
    public = key.export_public_key().decode().strip()
    try:
        yield {"host": "127.0.0.1", "port": server.get_port(), "username": "u", "host_key": public}, hostile
    finally:
        server.close()
        await server.wait_closed()


def shipped(name: str) -> dialects.Source:
    """A dialect of the house."""
    return dialects.load(ROOT / "config" / "dialects" / f"{name}.yaml")


class Agent(asyncio.DatagramProtocol):
    """A UDP port that answers each datagram with what `reply` makes of it."""

    def __init__(self, reply: Callable[[bytes], list[bytes]]) -> None:
        self.reply = reply
        self.heard: list[bytes] = []
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        assert self.transport is not None
        self.heard.append(data)
        for answer in self.reply(data):
            self.transport.sendto(answer, addr)


@contextlib.asynccontextmanager
async def agent(reply: Callable[[bytes], list[bytes]]) -> AsyncIterator[tuple[int, Agent]]:
    """A hostile agent; its port, and what it heard."""
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(lambda: Agent(reply), local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1], made
    finally:
        transport.close()


@contextlib.asynccontextmanager
async def tcp(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """A TCP port that is no element at all."""
    writers: list[asyncio.StreamWriter] = []

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError):
            await serve(reader, writer)

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()
