"""The register's front door: SSH with a password, one shell or one command per channel."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import asyncssh
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from simulators import faults, hlr, keys, wire

USERNAME = "provisioning"
GREETING = "Trunkline HLR simulator\r\n"
PROMPT = "HLR# "
CHUNK = 4_096  # characters taken from a channel at once
INPUT_LIMIT = 65_536  # characters without a line end before a session is thrown out
LOGIN_TIMEOUT_S = 10
GUESTS_LIMIT = 256  # connections at once; a register of this size has a handful


class Lines:
    """Cuts a stream into lines at CR, LF or CRLF, however they were split on the way."""

    def __init__(self) -> None:
        self._rest = ""
        self._after_cr = False

    def feed(self, data: str) -> list[str]:
        """Take what arrived and give back every line it completed; ValueError when a line never ends."""
        if self._after_cr and data.startswith("\n"):
            data = data[1:]
        self._after_cr = data.endswith("\r")
        *lines, self._rest = re.split(r"\r\n|\r|\n", self._rest + data)
        if len(self._rest) > INPUT_LIMIT:
            raise ValueError("line without end")
        return lines


class Door(asyncssh.SSHServer):
    """Lets in the one user that provisions."""

    def __init__(self, password: str, guests: set[asyncssh.SSHServerConnection]) -> None:
        self._password = password
        self._guests = guests
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._guests.add(conn)
        if len(self._guests) > GUESTS_LIMIT:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._guests.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USERNAME, self._password)


class HlrServer:
    """The register on an SSH port."""

    def __init__(self, run: keys.Keys, at: wire.Wire) -> None:
        self.element = hlr.Hlr()
        self.wire = at
        self._password = run.text("hlr password")
        private = ed25519.Ed25519PrivateKey.from_private_bytes(run.raw("hlr host key"))
        self._key = asyncssh.import_private_key(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
        )
        self._guests: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None

    async def start(self) -> dict[str, Any]:
        """Listen, and say where and how to log in."""
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self._key],
            server_factory=lambda: Door(self._password, self._guests),
            process_factory=self._serve,
            line_editor=False,
            encoding="utf-8",
            errors="replace",
            login_timeout=LOGIN_TIMEOUT_S,
            agent_forwarding=False,
            compression_algs=None,
        )
        return {
            "host": "127.0.0.1",
            "port": self._acceptor.get_port(),
            "username": USERNAME,
            "password": self._password,
            "host_key": self._key.export_public_key().decode().strip(),
        }

    async def _serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        try:
            if process.command is not None:
                await self._once(process, process.command)
            else:
                await self._shell(process)
        except (asyncssh.Error, OSError, ValueError):
            process.close()  # the other side went away, or sent what is not a session

    async def _once(self, process: asyncssh.SSHServerProcess[str], line: str) -> None:
        text = await self._obey(process, line.strip(" \t"))
        if text is None:
            return
        process.stdout.write(text + "\r\n" if text else "")
        process.exit(1 if text.startswith("%") else 0)

    async def _shell(self, process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write(GREETING + PROMPT)
        lines = Lines()
        while data := await self._typed(process):
            for line in lines.feed(data):
                if line.strip(" \t") == "exit":
                    process.exit(0)
                    return
                text = await self._obey(process, line.strip(" \t"))
                if text is None:
                    return
                process.stdout.write((text + "\r\n" if text else "") + PROMPT)
                await process.stdout.drain()
        process.exit(0)

    async def _typed(self, process: asyncssh.SSHServerProcess[str]) -> str:
        """What arrived next; nothing when the session is over or interrupted."""
        while True:
            try:
                return await process.stdin.read(CHUNK)
            except asyncssh.TerminalSizeChanged:
                continue
            except (asyncssh.BreakReceived, asyncssh.SignalReceived):
                return ""

    async def _obey(self, process: asyncssh.SSHServerProcess[str], line: str) -> str | None:
        if not line:
            return ""
        verdict, text = hlr.obey(self.element, self.wire, line)
        if verdict.delay_s:
            await asyncio.sleep(verdict.delay_s)
        if verdict.kind in (faults.Kind.DROP, faults.Kind.LOSE):
            process.channel.get_connection().abort()
            return None
        return text

    async def reboot(self) -> None:
        """Start again: one boot more, every session gone."""
        self.element.reboot()
        for guest in list(self._guests):
            guest.abort()

    async def stop(self) -> None:
        """Close the port and every session."""
        if self._acceptor is not None:
            self._acceptor.close()
            for guest in list(self._guests):
                guest.abort()
            await self._acceptor.wait_closed()
