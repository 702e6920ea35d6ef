"""Connections over SSH: pinned host keys, passwords or keys, a jump host, and what is opened over them.

A link is one login, perhaps through another host. Over it goes a shell (the login shell, a command line program, or a
channel to a VTY that listens on the element's own loopback), or one command after the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import asyncssh
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adapters.elements.deadlines import Timeouts
from adapters.elements.ssh.telnet import TelnetStripper
from kernel.errors import Unreachable

CLOSE_S = 2.0
"""For the element to acknowledge our good-bye; then the socket is dropped."""

CHUNK_BYTES = 32 * 1024
"""One read: a full SSH channel packet."""

TERMINAL_COLUMNS = 512
"""Wide enough that no element wraps a line of ours."""

LOGIN_ERRORS = (asyncssh.Error, OSError, TimeoutError)
"""All that a connection attempt can fail with."""


class Address(BaseModel):
    """Where the element is; `host_key` is its OpenSSH public key, and no other is ever accepted.

    With `jump_host` the way leads through another host, whose key is pinned as well; with `vty_port` the conversation
    is with a command line that listens on the element itself (`vty_host` as the element sees it).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=22, ge=1, le=65535)
    username: str = Field(min_length=1)
    host_key: str = Field(min_length=1)
    jump_host: str = ""
    jump_port: int = Field(default=22, ge=1, le=65535)
    jump_username: str = ""
    jump_host_key: str = ""
    vty_host: str = Field(default="127.0.0.1", min_length=1)
    vty_port: int | None = Field(default=None, ge=1, le=65535)

    @field_validator("host_key", "jump_host_key")
    @classmethod
    def _is_a_key(cls, text: str) -> str:
        try:
            if text:
                asyncssh.import_public_key(text)
        except (asyncssh.KeyImportError, ValueError) as error:
            raise ValueError(f"is no OpenSSH public key: {error}") from error
        return text

    @model_validator(mode="after")
    def _a_jump_is_whole(self) -> Address:
        if self.jump_host and not (self.jump_username and self.jump_host_key):
            raise ValueError("jump_host needs jump_username and jump_host_key")
        return self

    @property
    def hop(self) -> Hop:
        """The element itself."""
        return Hop(self.host, self.port, self.username, self.host_key)

    @property
    def jump(self) -> Hop | None:
        """The host before it."""
        if not self.jump_host:
            return None
        return Hop(self.jump_host, self.jump_port, self.jump_username, self.jump_host_key)


@dataclass(frozen=True, slots=True)
class Hop:
    """One login."""

    host: str
    port: int
    username: str
    host_key: str

    def __str__(self) -> str:
        return f"{self.username}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Login:
    """How a login is proved: by a private key (OpenSSH or PEM text) if there is one, else by a password."""

    password: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)

    def options(self) -> dict[str, object]:
        """What asyncssh calls them. Raises Unreachable for a key that is none."""
        if not self.client_key:
            return {"password": self.password, "client_keys": None, "preferred_auth": "password"}
        try:
            key = asyncssh.import_private_key(self.client_key)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
            fix = "store an unencrypted OpenSSH private key"
            raise Unreachable("the stored secret is no private key", field="client_key", fix=fix) from error
        return {"client_keys": [key], "preferred_auth": "publickey"}


class Link:
    """An authenticated way to the element, the jump host's connection first."""

    def __init__(self, where: str, connections: tuple[asyncssh.SSHClientConnection, ...]) -> None:
        self.where = where
        self._connections = connections

    @property
    def closed(self) -> bool:
        """Whether nothing can be opened any more."""
        return any(connection.is_closed() for connection in self._connections)

    async def shell(self, command: str = "") -> Shell:
        """Start the login shell, or a program in its place. Raises Unreachable: nothing has been said yet."""
        try:
            process = await self._connections[-1].create_process(
                command or None, term_type="vt100", term_size=(TERMINAL_COLUMNS, 0), encoding=None
            )
        except LOGIN_ERRORS as error:
            raise self._unopened("no shell", error) from error
        return Shell(self, process.stdout, process.stdin)

    async def channel(self, host: str, port: int) -> Shell:
        """Connect from the element to a port that only it can reach. Raises Unreachable."""
        try:
            reader, writer = await self._connections[-1].open_connection(host, port)
        except LOGIN_ERRORS as error:
            raise self._unopened(f"no channel to {host}:{port}", error) from error
        return Shell(self, reader, writer)

    async def process(self, command: str) -> asyncssh.SSHClientProcess[bytes]:
        """Start one command without a terminal. Raises asyncssh.Error or OSError."""
        return await self._connections[-1].create_process(command, encoding=None, stdin=asyncssh.DEVNULL)

    def abort(self) -> None:
        """Drop the connections without a word."""
        for connection in reversed(self._connections):
            connection.abort()

    async def close(self) -> None:
        """Say good-bye and wait until the sockets are closed."""
        for connection in reversed(self._connections):
            connection.close()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await connection.wait_closed()
            except TimeoutError:
                connection.abort()

    def _unopened(self, what: str, error: Exception) -> Unreachable:
        self.abort()
        return Unreachable(f"{self.where} opens {what}: {error or type(error).__name__}")


@dataclass(slots=True)
class Shell:
    """An open conversation."""

    link: Link
    reader: asyncssh.SSHReader[bytes]
    writer: asyncssh.SSHWriter[bytes]
    telnet: TelnetStripper = field(default_factory=TelnetStripper)

    @property
    def closed(self) -> bool:
        """Whether nothing can be written any more."""
        return self.link.closed or self.writer.is_closing() or self.reader.at_eof()

    def write(self, data: bytes) -> None:
        """Send bytes. Raises OSError when the channel is gone."""
        self.writer.write(data)

    async def read(self) -> bytes:
        """The next bytes without telnet commands; ends with ConnectionError when the element closed the shell."""
        try:
            chunk = await self.reader.read(CHUNK_BYTES)
        except asyncssh.Error as error:
            raise ConnectionResetError(str(error)) from error
        if not chunk:
            raise ConnectionResetError("the element closed the session")
        return self.telnet.strip(chunk)

    def abort(self) -> None:
        """Drop the connection without a word."""
        self.link.abort()

    async def close(self) -> None:
        """Say good-bye and wait until the socket is closed."""
        await self.link.close()


async def open_link(address: Address, *, login: Login, jump_login: Login, timeouts: Timeouts) -> Link:
    """Log in, through the jump host if there is one. Raises Unreachable: nothing has been said to the element yet."""
    connections: list[asyncssh.SSHClientConnection] = []
    hops = [(address.jump, jump_login), (address.hop, login)]
    try:
        for hop, proof in hops:
            if hop is not None:
                tunnel = connections[-1] if connections else None
                connections.append(await _logged_in(hop, proof, tunnel, timeouts))
    except BaseException:  # also cancellation: a way that leads nowhere is not left open
        for connection in reversed(connections):
            connection.abort()
        raise
    return Link(str(address.hop), tuple(connections))


async def _logged_in(
    hop: Hop, login: Login, tunnel: asyncssh.SSHClientConnection | None, timeouts: Timeouts
) -> asyncssh.SSHClientConnection:
    options = login.options()
    try:
        return await _connect(hop, options, tunnel, timeouts)
    except asyncssh.HostKeyNotVerifiable as error:
        raise Unreachable(
            f"{hop} shows another host key than the pinned one: it may be another machine",
            field="host_key",
            fix="check the element, then pin its new key",
        ) from error
    except asyncssh.PermissionDenied as error:
        name = "client_key" if login.client_key else "password"
        raise Unreachable(f"{hop} does not accept the login", field=name, fix="check the secret") from error
    except LOGIN_ERRORS as error:
        raise Unreachable(f"{hop} cannot be reached: {error or type(error).__name__}") from error


async def _connect(
    hop: Hop, options: dict[str, object], tunnel: asyncssh.SSHClientConnection | None, timeouts: Timeouts
) -> asyncssh.SSHClientConnection:
    pinned = asyncssh.import_public_key(hop.host_key)
    return await asyncssh.connect(
        hop.host,
        hop.port,
        tunnel=tunnel,
        username=hop.username,
        known_hosts=([pinned], [], []),
        config=None,
        agent_path=None,
        connect_timeout=timeouts.connect_s,
        login_timeout=timeouts.login_s,
        keepalive_interval=timeouts.keepalive_s,
        keepalive_count_max=timeouts.keepalive_count,
        **options,
    )
