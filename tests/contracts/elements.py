"""The elements under contract, each with a hand that breaks it and an ear at its wire."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from adapters.elements import dialects, factory
from adapters.elements.deadlines import Timeouts
from adapters.elements.memory import Fault, MemoryDialect, MemoryElement
from oss.port import ElementSpec, NetworkElement, State
from tests.house.tree import ROOT
from tests.wire.simulators import child

HASTY = Timeouts(connect_s=2, login_s=5, idle_s=2, datagram_s=0.4, datagram_retries=0, reply_s=0.5, poll_s=1)
"""Enough for a busy machine to answer, and not much to wait where nothing does."""
DISCARD_PORT = 9
"""Nothing listens there."""
NUMBERS, PORTS, METERS = itertools.count(1), itertools.count(1), itertools.count(1)


class Bench(Protocol):
    """One kind of element as the contract sees it."""

    element: NetworkElement
    intent: str
    change: tuple[str, str]
    cut: tuple[str, str | bool]

    def key(self) -> str:
        """A key that nobody used before."""
        ...

    def some_key(self) -> str:
        """A key that may be said, used or not."""
        ...

    def full(self, key: str) -> State:
        """A whole state for a key."""
        ...

    def unplugged(self) -> NetworkElement:
        """An element that cannot be reached."""
        ...

    async def fail(self, kind: str, key: str) -> None:
        """Break every change of a key: refuse, drop (nothing done, no answer), lose (done, no answer), lie."""
        ...

    async def mend(self) -> None:
        """Break nothing any more."""
        ...

    async def effects(self, key: str) -> int:
        """How often a key's state really changed."""
        ...

    async def arrived(self) -> int:
        """How many words arrived at all."""
        ...

    async def meddle(self, key: str, state: State) -> None:
        """Change a key behind the system's back."""
        ...


WORDS = MemoryDialect.model_validate(
    {
        "dialect": "memory_subscriber",
        "vendor": "none",
        "protocol": "memory",
        "intents": {
            "subscriber": {
                "key": {"kind": "text", "pattern": "[0-9]{15}"},
                "fields": {
                    "profile": {"kind": "text", "pattern": "[A-Za-z0-9_-]{1,32}"},
                    "bar": {"kind": "choice", "values": ["none", "outgoing", "all"]},
                },
                "cuts": {"bar": ["all"]},
            }
        },
    }
)


class MemoryBench:
    """The element in memory; its log is its wire."""

    intent = "subscriber"
    change = ("profile", "M10")
    cut: tuple[str, str | bool] = ("bar", "all")

    def __init__(self) -> None:
        self.memory = MemoryElement("memory-1", dialect=WORDS)
        self.element: NetworkElement = self.memory

    def key(self) -> str:
        """An IMSI of the test network."""
        return f"00101{next(NUMBERS):010}"

    def some_key(self) -> str:
        """Nobody's."""
        return self.key()

    def full(self, key: str) -> State:
        """A whole state for a key."""
        return {"present": True, "profile": "M5", "bar": "none"}

    def unplugged(self) -> NetworkElement:
        """Unreachable for every key."""
        gone = MemoryElement("memory-2", dialect=WORDS)
        gone.faults.plan("*", Fault.UNREACHABLE)
        return gone

    async def fail(self, kind: str, key: str) -> None:
        """The same faults by their names here."""
        names = {"refuse": Fault.REFUSE, "drop": Fault.LOST, "lose": Fault.DONE, "lie": Fault.LIE}
        self.memory.faults.plan(key, names[kind])

    async def mend(self) -> None:
        """No fault is planned."""
        self.memory.faults.clear()

    async def effects(self, key: str) -> int:
        """Counted by idempotency keys, which the contract begins with the key."""
        return sum(count for name, count in self.memory.log.items() if name.startswith(key))

    async def arrived(self) -> int:
        """Every effect."""
        return sum(self.memory.log.values())

    async def meddle(self, key: str, state: State) -> None:
        """Straight into the dictionary."""
        where = (self.intent, key)
        self.memory.states[where] = {**self.memory.states.get(where, {}), **state}


class WiredBench:
    """What the protocols share: a simulator's control API and the wire's log."""

    intent: str
    change: tuple[str, str]
    cut: tuple[str, str | bool]

    def __init__(self, name: str, spec: ElementSpec, secrets: Mapping[str, str], control: child.Handle) -> None:
        self.name = name
        self.spec = spec
        self.secrets = secrets
        self.control = control
        self.element = self.connect()

    def connect(self, *, timeouts: Timeouts = HASTY, **address: str | int) -> NetworkElement:
        """An element of the bench's dialect, somewhere."""
        spec = replace(self.spec, address={**self.spec.address, **address})
        return factory.connect(spec, secrets=self.secrets.__getitem__, timeouts=timeouts)

    def unplugged(self) -> NetworkElement:
        """An element that cannot be reached."""
        return self.connect(port=DISCARD_PORT)

    def some_key(self) -> str:
        """One that every element's grammar has."""
        return "001010000000000" if self.intent == "subscriber" else "1"

    async def fail(self, kind: str, key: str) -> None:
        """Plan a fault for what changes the key, and for no question about it."""
        await self.control.fault(self.name, kind, match=self.match(key))

    async def mend(self) -> None:
        """Clear all faults."""
        await self.control.ask("DELETE", "/faults")

    async def log(self, key: str) -> list[dict[str, Any]]:
        """What arrived in order to change a key."""
        entries = await self.control.log(self.name, "")
        return [entry for entry in entries if entry["key"] == key and self.changing(entry["text"])]

    async def effects(self, key: str) -> int:
        """Commands that took effect."""
        return sum(entry["effect"] for entry in await self.log(key))

    async def arrived(self) -> int:
        """The number of the last entry."""
        return int((await self.control.ask("GET", f"/log/{self.name}"))[1]["next"])

    async def meddle(self, key: str, state: State) -> None:
        """Straight into the simulator."""
        status, answer = await self.control.ask("PUT", f"/state/{self.name}", {key: dict(state)})
        assert status == 200, answer

    def match(self, key: str) -> str:
        """What stands in a change of a key, and in no question about it."""
        raise NotImplementedError

    def changing(self, text: str) -> bool:
        """Whether a logged text is meant to change something."""
        raise NotImplementedError

    def normal(self, words: str) -> str:
        """Rendered or logged words without what differs from one moment to the next."""
        return words


class SshBench(WiredBench):
    """The HLR's command line."""

    intent = "subscriber"
    change = ("profile", "M10")
    cut = ("bar", "all")

    def key(self) -> str:
        """An IMSI of the test network."""
        return f"00101{next(NUMBERS):010}"

    def full(self, key: str) -> State:
        """A number of its own for each subscriber."""
        return {"present": True, "msisdn": f"49151{key[-7:]}", "profile": "M5", "bar": "none", "rate": "64"}

    def match(self, key: str) -> str:
        """The profile's line, which comes after create."""
        return f"{key} profile"

    def changing(self, text: str) -> bool:
        """All but show."""
        return not text.endswith("show")


class SnmpBench(WiredBench):
    """The OLT's ports."""

    intent = "port"
    change = ("profile", "HOME1000")
    cut = ("admin", "down")

    def key(self) -> str:
        """A port of its own."""
        return str(next(PORTS))

    def full(self, key: str) -> State:
        """A port in use."""
        return {"present": True, "admin": "up", "profile": "HOME500", "alias": f"sub_{key}"}

    def match(self, key: str) -> str:
        """The profile's cell, which only a SET gives a value."""
        return f"32473.1.1.2.{key}="

    def changing(self, text: str) -> bool:
        """SETs."""
        return text.startswith("SET ")

    def normal(self, words: str) -> str:
        """The log shows no types."""
        return re.sub(r'=(?:INTEGER|OCTET STRING): "?([^" ]*)"?', r"=\1", words)


class MqttBench(WiredBench):
    """The meters."""

    intent = "meter"
    change = ("plan", "iot-2")
    cut = ("enabled", False)

    def key(self) -> str:
        """A meter of its own."""
        return f"meter-{next(METERS):04}"

    def full(self, key: str) -> State:
        """A meter in use."""
        return {"present": True, "enabled": True, "plan": "iot-1", "interval_s": 60}

    def match(self, key: str) -> str:
        """The topic of commands."""
        return f"{key}/desired"

    def changing(self, text: str) -> bool:
        """Commands."""
        return "/desired " in text

    def normal(self, words: str) -> str:
        """Neither the verb nor the second of expiry."""
        return re.sub(r'"expires_at":\d+', '"expires_at":0', words.removeprefix("PUBLISH "))


def wired(protocol: str, where: Mapping[str, Any], control: child.Handle) -> SshBench | SnmpBench | MqttBench:
    """A bench over the running simulators."""
    name, file, bench, kept, secret = {
        "ssh": ("hlr", "hlr_cli", SshBench, ("username", "host_key"), ("password",)),
        "snmp": ("olt", "olt_if_mib", SnmpBench, ("user", "auth_protocol", "priv_protocol"), ("auth_key", "priv_key")),
        "mqtt": ("mqtt", "meter_json", MqttBench, ("prefix",), ()),
    }[protocol]
    source = dialects.load(ROOT / "config" / "dialects" / f"{file}.yaml")
    announced = where[name]
    spec = ElementSpec(
        name=f"{name}-1",
        protocol=protocol,
        address={word: announced[word] for word in ("host", "port", *kept)},
        dialect=source.document,
        dialect_hash=source.hash,
        credentials={word: f"ref:{word}" for word in secret},
    )
    made: SshBench | SnmpBench | MqttBench = bench(
        name, spec, {f"ref:{word}": announced[word] for word in secret}, control
    )
    return made
