"""Datagrams to and from agents: one SNMP engine per event loop and credentials, its socket with room for bursts."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field
from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdgen
from pysnmp.proto.api import v2c

from adapters.elements.deadlines import Timeouts
from kernel.errors import Unreachable

RECEIVE_BUFFER_BYTES = 1 << 20
"""Answers of a burst: with the usual 208 KiB, 200 requests in flight lost so many that 120/s were left."""

IN_FLIGHT_PER_PROCESS = 100
"""Requests without an answer yet, over all agents: past this the rate falls."""

IN_FLIGHT_PER_ELEMENT = 6
"""Requests without an answer yet at one agent: most serve one at a time and have short queues."""

AUTH = {
    "SHA": config.USM_AUTH_HMAC96_SHA,
    "SHA224": config.USM_AUTH_HMAC128_SHA224,
    "SHA256": config.USM_AUTH_HMAC192_SHA256,
    "SHA384": config.USM_AUTH_HMAC256_SHA384,
    "SHA512": config.USM_AUTH_HMAC384_SHA512,
}

PRIV = {
    "AES128": config.USM_PRIV_CFB128_AES,
    "AES192": config.USM_PRIV_CFB192_AES,
    "AES256": config.USM_PRIV_CFB256_AES,
}

V2C_MODEL, USM_MODEL = 1, 3


class Address(BaseModel):
    """Where the agent is and how it is spoken to; v3 always authenticates and encrypts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=161, ge=1, le=65535)
    version: Literal["v3", "v2c"] = "v3"
    user: str = Field(default="", max_length=32)
    auth_protocol: Literal["SHA", "SHA224", "SHA256", "SHA384", "SHA512"] = "SHA256"
    priv_protocol: Literal["AES128", "AES192", "AES256"] = "AES128"


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one user: a v2c community, or the v3 pass phrases."""

    community: str = ""
    auth: str = ""
    priv: str = ""

    def __repr__(self) -> str:
        return "Keys(***)"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: the indication is pysnmp's word for no response; `boots` is the agent's engine boots (v3)."""

    indication: str
    status: int
    index: int
    varbinds: tuple[tuple[str, Any], ...]
    boots: int


class Engine:
    """One pysnmp engine with one user; a second user of the same name would need its own (keys are kept by name)."""

    def __init__(self, address: Address, keys: Keys) -> None:
        self.users = 0
        self._boots = 0
        self._targets = 0
        self._snmp = engine.SnmpEngine()
        self._senders: dict[str, Any] = {
            "get": cmdgen.GetCommandGenerator(),
            "set": cmdgen.SetCommandGenerator(),
            "bulk": cmdgen.BulkCommandGeneratorSingleRun(),
        }
        self._domains: set[tuple[int, ...]] = set()
        self._snmp.observer.register_observer(self._note_boots, "rfc3414.processIncomingMsg")
        if address.version == "v2c":
            config.add_v1_system(self._snmp, "community", keys.community)
            config.add_target_parameters(self._snmp, "user", "community", "noAuthNoPriv", V2C_MODEL)
        else:
            auth, priv = AUTH[address.auth_protocol], PRIV[address.priv_protocol]
            config.add_v3_user(self._snmp, address.user, auth, keys.auth, priv, keys.priv)
            config.add_target_parameters(self._snmp, "user", address.user, "authPriv", USM_MODEL)

    def add_target(self, family: int, where: tuple[str, int], timeouts: Timeouts) -> str:
        """Make an agent known; the name it is sent to by."""
        domain = udp6.DOMAIN_NAME if family == socket.AF_INET6 else udp.DOMAIN_NAME
        if domain not in self._domains:
            self._open(family, domain)
        self._targets += 1
        name = f"agent{self._targets}"
        wait = max(1, round(timeouts.datagram_s * 100))  # centiseconds
        config.add_target_address(self._snmp, name, domain, where, "user", wait, timeouts.datagram_retries)
        return name

    def remove_target(self, name: str) -> None:
        """Forget an agent."""
        config.delete_target_address(self._snmp, name)

    async def send(self, verb: Literal["get", "set"], target: str, varbinds: Sequence[tuple[str, Any]]) -> Answer:
        """Send one request and wait for its response, retransmissions included."""
        sender, named = self._senders[verb], _named(varbinds)
        return await self._sent(lambda heard: sender.send_varbinds(self._snmp, target, None, b"", named, heard))

    async def send_bulk(self, target: str, oids: Sequence[str], *, rows: int) -> Answer:
        """Send one GETBULK for the rows that follow; varbinds come back row by row."""
        sender, named = self._senders["bulk"], _named([(oid, v2c.null) for oid in oids])
        call = (self._snmp, target, None, b"", 0, rows, named)
        return await self._sent(lambda heard: sender.send_varbinds(*call, heard))

    def close(self) -> None:
        """Close the sockets."""
        self._snmp.close_dispatcher()

    async def _sent(self, send: Callable[[Callable[..., None]], object]) -> Answer:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def heard(*call: Any) -> None:
            _, _, indication, status, index, varbinds, _ = call
            if not answered.done():
                found = tuple((str(oid), value) for oid, value in varbinds)
                answered.set_result(Answer(str(indication or ""), int(status), int(index), found, self._boots))

        send(heard)
        return await answered

    def _open(self, family: int, domain: tuple[int, ...]) -> None:
        door = socket.socket(family, socket.SOCK_DGRAM)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        door.bind(("", 0))
        kind = udp6.Udp6AsyncioTransport if family == socket.AF_INET6 else udp.UdpAsyncioTransport
        config.add_transport(self._snmp, domain, kind().open_server_mode(sock=door))
        self._domains.add(domain)

    def _note_boots(self, _: object, __: str, variables: dict[str, Any], ___: object) -> None:
        self._boots = int(variables["snmpEngineBoots"])


def _named(varbinds: Sequence[tuple[str, Any]]) -> list[tuple[Any, Any]]:
    return [(v2c.ObjectIdentifier(oid), value) for oid, value in varbinds]


@dataclass(slots=True)
class _Shared:
    """What one event loop shares."""

    gate: asyncio.Semaphore
    engines: dict[str, Engine]


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


def shared() -> _Shared:
    """The engines and the gate of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop[loop] = _Shared(asyncio.Semaphore(IN_FLIGHT_PER_PROCESS), {})
    return _by_loop[loop]


class Target:
    """One agent on a shared engine."""

    def __init__(self, home: Engine, name: str, at: str) -> None:
        self.engine = home
        self.name = name
        self._at = at

    def close(self) -> None:
        """Leave the engine; the last one closes its sockets."""
        self.engine.remove_target(self.name)
        self.engine.users -= 1
        if not self.engine.users:
            shared().engines.pop(self._at, None)
            self.engine.close()


async def open_target(address: Address, keys: Keys, timeouts: Timeouts) -> Target:
    """Make an agent known to the loop's engine. Raises Unreachable when its name does not resolve."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise Unreachable(f"{address.host} cannot be resolved: {error}", field="host") from error
    family, where = found[0][0], (str(found[0][4][0]), int(found[0][4][1]))
    at = _fingerprint(address, keys)
    engines = shared().engines
    if at not in engines:
        engines[at] = Engine(address, keys)
    home = engines[at]
    home.users += 1
    return Target(home, home.add_target(family, where, timeouts), at)


def _fingerprint(address: Address, keys: Keys) -> str:
    user = (address.version, address.user, address.auth_protocol, address.priv_protocol)
    return hashlib.sha256(repr((user, keys.community, keys.auth, keys.priv)).encode()).hexdigest()
