"""The real elements as the contract sees them; what left for one is counted where it leaves."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt

from adapters.elements import dialects, factory
from adapters.elements.deadlines import Timeouts
from oss.port import Command, ElementSpec, NetworkElement, State
from simulators import cpe, cpe_mqtt, faults, keys, wire
from tests.house.tree import ROOT
from tests.real.conftest import Place

PATIENT = Timeouts(connect_s=5, login_s=10, idle_s=5, datagram_s=1, datagram_retries=1, reply_s=3, poll_s=12)
"""Real elements on a busy machine; net-snmp shows an operational status up to 3 s late."""
DISCARD_PORT = 9
METERS = 24
SERIAL = itertools.count(1)
NUMBERS, LINES = itertools.count(1), itertools.count(0)
K, OPC = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"


class RealBench:
    """One real element, spoken to through the port alone."""

    intent: str
    protocol: str
    dialect: str
    element_name: str
    change: tuple[str, str]
    cut: tuple[str, str | bool]

    def __init__(self, place: Place) -> None:
        place.needs(self.element_name)
        self.place = place
        source = dialects.load(ROOT / "config" / "dialects" / f"{self.dialect}.yaml")
        address, self.secrets = self.reached()
        self.spec = ElementSpec(
            name=f"{self.element_name}-1",
            protocol=self.protocol,
            address=address,
            dialect=source.document,
            dialect_hash=source.hash,
            credentials={name: name for name in self.secrets if "/" not in name},
        )
        self.sent = 0
        self.changed: list[str] = []
        self.element = self.connect()
        self.listen()

    def connect(self, *, timeouts: Timeouts = PATIENT, **address: str | int) -> NetworkElement:
        """Another way to the same element."""
        spec = replace(self.spec, address={**self.spec.address, **address})
        return factory.connect(spec, secrets=self.secrets.__getitem__, timeouts=timeouts)

    def reached(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The element's address and the secret store."""
        raise NotImplementedError

    def listen(self) -> None:
        """Count what leaves, and keep what changes something."""
        raise NotImplementedError

    def key(self) -> str:
        """A key that nobody used before."""
        raise NotImplementedError

    def some_key(self) -> str:
        """A key that may be said, used or not."""
        return self.key()

    def full(self, key: str) -> State:
        """A whole state for a key."""
        raise NotImplementedError

    def unplugged(self) -> NetworkElement:
        """An element that cannot be reached."""
        return self.connect(port=DISCARD_PORT, timeouts=replace(PATIENT, datagram_s=0.2, datagram_retries=0))

    async def effects(self, key: str) -> int:
        """Changing words that left for a key."""
        return sum(key in words for words in self.changed)

    async def arrived(self) -> int:
        """Everything that left."""
        return self.sent

    async def meddle(self, key: str, state: State) -> None:
        """Another hand on the same element."""
        other = self.connect()
        told = self.command(key, {"present": True, **state})
        await other.apply(told)
        await other.close()

    def command(self, key: str, state: State, **more: Any) -> Command:
        """The next command."""
        return Command(self.spec.name, key, self.intent, state, next(SERIAL), f"{key}:{next(SERIAL)}", **more)

    def _count(self, owner: Any, name: str, note: Callable[..., str]) -> None:
        spoken: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def counted(*words: Any, **more: Any) -> Any:
            self.sent += 1
            if text := note(*words):
                self.changed.append(text)
            return await spoken(*words, **more)

        setattr(owner, name, counted)


class SshReal(RealBench):
    """Behind the machine's OpenSSH, each element with a key of its own that opens nothing else."""

    protocol = "ssh"
    key_name: str

    def login(self) -> dict[str, Any]:
        """The address of the host."""
        return {"host": self.place.host, "username": "root", "host_key": self.place.public("host_key")}

    def reached(self) -> tuple[dict[str, Any], dict[str, str]]:
        """By key."""
        self.place.needs("sshd")
        return self.login(), {"client_key": self.place.secret(self.key_name)}

    def listen(self) -> None:
        """At the element's two ways to speak."""
        self._count(self.element, "ask", lambda line, exchange: "")
        self._count(self.element, "tell", lambda line, exchange: line)


class RegisterBench(SshReal):
    """osmo-hlr's VTY, through a channel of sshd."""

    intent = "subscriber"
    dialect = "osmo_hlr"
    element_name = "osmo_hlr"
    key_name = "register"
    change = ("access", "cs")
    cut: tuple[str, str | bool] = ("access", "none")

    def reached(self) -> tuple[dict[str, Any], dict[str, str]]:
        """With a secret for each subscriber that a test may make."""
        address, secrets = super().reached()
        keys_of = {f"sim/{self.imsi(number)}": f"{K}:{OPC[:-10]}{number:010}" for number in range(200)}
        return {**address, "vty_port": 4258}, {**secrets, **keys_of}

    @staticmethod
    def imsi(number: int) -> str:
        """An IMSI of the test network."""
        return f"00101{number:010}"

    def key(self) -> str:
        """The next subscriber."""
        return self.imsi(next(NUMBERS))

    def some_key(self) -> str:
        """Nobody's."""
        return self.imsi(0)

    def full(self, key: str) -> State:
        """A number and a SIM key of its own for each subscriber."""
        return {"present": True, "access": "cs+ps", "msisdn": f"49151{key[-7:]}", "auth": f"sim/{key}"}


class RouterBench(SshReal):
    """FRR's vtysh."""

    intent = "port"
    dialect = "ios_like"
    element_name = "frr"
    key_name = "router"
    change = ("alias", "moved to 2")
    cut: tuple[str, str | bool] = ("admin", "down")

    def key(self) -> str:
        """A line of its own."""
        return f"line{next(LINES)}"

    def some_key(self) -> str:
        """Nobody's."""
        return "line79"

    def full(self, key: str) -> State:
        """A port in use."""
        return {"present": True, "admin": "up", "alias": f"sub {key}"}


class GatewayBench(SshReal):
    """A Linux gateway: one command after the other."""

    intent = "line"
    dialect = "linux_gateway"
    element_name = "nft"
    key_name = "gateway"
    change = ("rate", "256")
    cut: tuple[str, str | bool] = ("access", "closed")
    _hosts = itertools.count(3)

    def key(self) -> str:
        """The address of a subscriber of its own."""
        return f"10.77.0.{next(self._hosts)}"

    def some_key(self) -> str:
        """Nobody's."""
        return "10.77.0.250"

    def full(self, key: str) -> State:
        """A line in use."""
        return {"present": True, "access": "open", "rate": "full"}


class AgentBench(RealBench):
    """net-snmp's IF-MIB."""

    protocol = "snmp"
    intent = "port"
    dialect = "if_mib_port"
    element_name = "snmpd"
    change = ("alias", "moved to 2")
    cut: tuple[str, str | bool] = ("admin", "down")

    def reached(self) -> tuple[dict[str, Any], dict[str, str]]:
        """SNMPv3 with authentication and privacy."""
        address = {
            "host": self.place.host,
            "user": "provisioning",
            "auth_protocol": "SHA256",
            "priv_protocol": "AES128",
        }
        return address, {name: self.place.secret(name) for name in ("auth_key", "priv_key")}

    def listen(self) -> None:
        """At the session."""
        element: Any = self.element
        self._count(element.session, "get", lambda oids: "")
        self._count(element.session, "set", lambda cells: " ".join(str(cell).partition("=")[0] + " " for cell in cells))

    def key(self) -> str:
        """The index of a line of its own."""
        return str(self.place.link(f"line{next(LINES)}")["ifindex"])

    def some_key(self) -> str:
        """Any index."""
        return "1"

    def full(self, key: str) -> State:
        """A port in use."""
        return {"present": True, "admin": "up", "alias": f"sub {key}"}

    async def effects(self, key: str) -> int:
        """SETs that name the row."""
        return sum(f".{key} " in words for words in self.changed)


class BrokerBench(RealBench):
    """Meters behind mosquitto with TLS, certificates, passwords and rules about topics."""

    protocol = "mqtt"
    intent = "meter"
    dialect = "meter_json"
    element_name = "mosquitto"
    change = ("plan", "iot-2")
    cut: tuple[str, str | bool] = ("enabled", False)
    _meters = itertools.count(1)

    def reached(self) -> tuple[dict[str, Any], dict[str, str]]:
        """With a client certificate and a password."""
        address = {
            "host": self.place.host,
            "port": 8883,
            "prefix": "t1",
            "username": "gateway",
            "tls": True,
            "tls_ca": self.place.secret("ca.crt"),
            "tls_certificate": self.place.secret("gateway_client.crt"),
        }
        return address, {
            "password": self.place.secret("gateway.password"),
            "client_key": self.place.secret("gateway_client.key"),
        }

    def listen(self) -> None:
        """At the session."""
        element: Any = self.element
        self._count(element.session, "ask", lambda topic, payload: topic if topic.endswith("/desired") else "")

    def key(self) -> str:
        """The next meter."""
        return f"meter-{next(self._meters):04}"

    def some_key(self) -> str:
        """Nobody's."""
        return "meter-0001"

    def full(self, key: str) -> State:
        """A meter in use."""
        return {"present": True, "enabled": True, "plan": "iot-1", "interval_s": 60}


def device_client(place: Place, scratch: Path, **options: Any) -> aiomqtt.Client:
    """A device's own connection to the broker."""
    for name in ("device_client.crt", "device_client.key"):
        (scratch / name).write_text(place.secret(name), encoding="ascii")
    context = ssl.create_default_context(cadata=place.secret("ca.crt"))
    context.load_cert_chain(scratch / "device_client.crt", scratch / "device_client.key")
    password = place.secret("device.password")
    return aiomqtt.Client(place.host, 8883, username="device", password=password, tls_context=context, **options)


@asynccontextmanager
async def meters(place: Place, scratch: Path, *names: str) -> AsyncIterator[dict[str, cpe.Meter]]:
    """Simulated meters on the real broker."""
    at = wire.Wire("mqtt", faults.Plan(keys.Keys(1)), read_word="/get ")
    made = {name: cpe.Meter(name) for name in names}
    new = partial(device_client, place, scratch)
    links = [cpe_mqtt.Link(meter, at, prefix="t1", client=new) for meter in made.values()]
    async with beside(*(link.run() for link in links)):
        for link in links:
            await link.online.wait()
        yield made


@asynccontextmanager
async def beside(*work: Any) -> AsyncIterator[None]:
    """Run beside the test, and end with it."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
