"""Messages to and from one broker: MQTT 5 where it speaks it, else 3.1.1, without Nagle's delay."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adapters.elements.deadlines import Timeouts
from adapters.elements.mqtt.dialect import LEVEL
from kernel.errors import Unreachable

TCP_NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without it a reply waits 40 ms for the acknowledgement of the request: 11 exchanges/s instead of 2,261."""

INBOX_LIMIT = 10_000
"""Messages not yet looked at; past it the oldest wait is longer than a reply's deadline anyway."""

IN_FLIGHT_LIMIT = 100
"""QoS 1 messages without their acknowledgement: the window at which a broker was fastest."""

KEEPALIVE_S = 30
"""A broker that hears nothing for one and a half of this ends the session."""

VERSIONS = (aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311)

LOG = logging.getLogger("adapters.elements.mqtt")
LOG.setLevel(logging.ERROR)  # aiomqtt warns about every eleventh publish in flight, which is no fault here


class Address(BaseModel):
    """Where the broker is and under which prefix the devices are; `username` goes with credentials.password.

    With `tls` the broker proves its name by the system's authorities, or by `tls_ca` (PEM text) alone;
    `tls_certificate` (PEM text) is ours and goes with credentials.client_key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=1883, ge=1, le=65535)
    prefix: str = Field(pattern=rf"^{LEVEL}(/{LEVEL}){{0,7}}$")
    username: str | None = None
    tls: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""

    @field_validator("tls_ca")
    @classmethod
    def _is_an_authority(cls, text: str) -> str:
        try:
            if text:
                ssl.create_default_context(cadata=text)
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(f"is no certificate in PEM: {error}") from error
        return text

    @model_validator(mode="after")
    def _certificates_are_for_tls(self) -> Address:
        if (self.tls_ca or self.tls_certificate) and not self.tls:
            raise ValueError("tls_ca and tls_certificate need tls: true")
        return self


@dataclass(frozen=True, slots=True)
class Login:
    """The secrets that a connection is opened with."""

    password: str | None = field(default=None, repr=False)
    client_key: str = field(default="", repr=False)


class Denied(Exception):
    """The broker refused a message by its own rules; no device has heard it."""


class Client(aiomqtt.Client):
    """A client that heeds why a broker refused a message: aiomqtt takes every acknowledgement for a yes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._denied: dict[int, str] = {}
        self._lost = False

    async def tell(self, topic: str, payload: str, *, timeout_s: float) -> None:
        """Publish with QoS 1. Raises Denied or aiomqtt.MqttError."""
        info = self._client.publish(topic, payload, qos=1)
        if info.rc:
            raise aiomqtt.MqttCodeError(info.rc, "could not publish")
        confirmed = asyncio.Event()
        with self._pending_call(info.mid, confirmed, self._pending_publishes):
            try:
                async with asyncio.timeout(timeout_s):  # asyncio.wait_for would swallow a cancellation at that moment
                    await confirmed.wait()
            except TimeoutError:
                raise aiomqtt.MqttError("the broker did not acknowledge") from None
        if (reason := self._denied.pop(info.mid, None)) is not None:
            raise Denied(reason)
        if self._lost:
            raise aiomqtt.MqttError("the broker went away")

    def lose(self) -> None:
        """The connection is gone: whoever waits for an acknowledgement hears so now, not at the deadline."""
        self._lost = True
        for confirmed in tuple(self._pending_publishes.values()):
            confirmed.set()

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        if reason_code.is_failure and mid in self._pending_publishes:
            self._denied[mid] = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)


class Link:
    """How the broker is reached; remembers the protocol version that it accepted."""

    def __init__(self, address: Address, timeouts: Timeouts) -> None:
        self._address = address
        self._timeouts = timeouts
        self._versions: Sequence[aiomqtt.ProtocolVersion] = VERSIONS

    @asynccontextmanager
    async def opened(self, login: Login) -> AsyncIterator[Client]:
        """A connected client. Raises Unreachable; a loss later shows at the client."""
        client = await self._connected(login)
        try:
            yield client
        finally:
            await _leave(client)

    async def _connected(self, login: Login) -> Client:
        where = f"{self._address.host}:{self._address.port}"
        context = _tls(self._address, login) if self._address.tls else None
        failure: Exception | None = None
        try:
            async with asyncio.timeout(self._timeouts.connect_s):
                if context is not None:
                    await _shake_hands(self._address, context)
                for version in self._versions:
                    client = self._client(version, login, context)
                    try:
                        await client.__aenter__()
                    except (aiomqtt.MqttError, OSError) as error:
                        failure = failure or error
                        continue
                    self._versions = (version,)
                    return client
        except OSError as error:  # a deadline, too
            failure = failure or error
        raise Unreachable(f"broker {where} cannot be reached: {failure or 'no answer'}") from failure

    def _client(self, version: aiomqtt.ProtocolVersion, login: Login, context: ssl.SSLContext | None) -> Client:
        return Client(
            self._address.host,
            self._address.port,
            username=self._address.username,
            password=login.password,
            protocol=version,
            clean_session=None if version is aiomqtt.ProtocolVersion.V5 else True,
            logger=LOG,
            timeout=self._timeouts.connect_s,
            keepalive=KEEPALIVE_S,
            max_queued_incoming_messages=INBOX_LIMIT,
            max_inflight_messages=IN_FLIGHT_LIMIT,
            tls_context=context,
            socket_options=[TCP_NODELAY],
        )


def _tls(address: Address, login: Login) -> ssl.SSLContext:
    """Whom we trust and who we are. Raises Unreachable for a certificate and key that do not belong together."""
    context = ssl.create_default_context(cadata=address.tls_ca or None)
    if address.tls_certificate:
        try:
            with _as_file(address.tls_certificate) as certificate, _as_file(login.client_key) as key:
                context.load_cert_chain(certificate, key, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            fix = "store the unencrypted PEM key that belongs to tls_certificate"
            message = "the client certificate and the stored key do not belong together"
            raise Unreachable(message, field="client_key", fix=fix) from error
    return context


async def _shake_hands(address: Address, context: ssl.SSLContext) -> None:
    """Check the broker's certificate before paho, which names no cause and leaves its socket open. Raises OSError."""
    try:
        _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        message = f"broker {address.host}:{address.port}: certificate verify failed: {error.verify_message}"
        fix = "check the broker, then give the authority that signs for it"
        raise Unreachable(message, field="tls_ca", fix=fix) from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A text under a name, which is all that the TLS library takes; in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("secret")
        try:
            os.write(number, text.encode())
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)
    else:
        with tempfile.NamedTemporaryFile() as file:  # readable by its owner only
            file.write(text.encode())
            file.flush()
            yield file.name


async def _leave(client: aiomqtt.Client) -> None:
    try:
        await client.__aexit__(None, None, None)
    except aiomqtt.MqttError as error:
        LOG.info("the broker did not hear our good-bye: %s", error)
