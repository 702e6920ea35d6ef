"""A vendor's topics and JSON envelopes as data: what is published, and where the reply carries what."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from adapters.elements.grammar import Unsayable, Words
from adapters.elements.intents import Intent, Vendor
from oss.port import State, Value

LEVEL = r"[A-Za-z0-9_.-]{1,64}"
"""One level of a topic: no wildcard, no separator, nothing that a broker treats on its own."""

ABSENT: State = {"present": False}

VERSION_LIMIT = 2**62
"""A version above this leaves no room for the next one."""

Topic = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}(/([A-Za-z0-9_-]{1,64}|\{key\}))+$")]

Slot = Literal["$id", "$version", "$expires_at", "$state"]

SLOTS = ("$id", "$version", "$expires_at", "$state")


@dataclass(frozen=True, slots=True)
class Slots:
    """What a template is filled with; `expires_at` in unix seconds."""

    id: str
    version: int = 0
    expires_at: int = 0
    state: Mapping[str, Value] | None = None

    def __getitem__(self, slot: str) -> object:
        return {"$id": self.id, "$version": self.version, "$expires_at": self.expires_at, "$state": self.state}[slot]


class Message(Words):
    """A topic and a flat JSON payload whose values are slots or constants."""

    topic: Topic
    payload: dict[str, Value]

    @model_validator(mode="after")
    def _carries_an_id(self) -> Message:
        for name, value in self.payload.items():
            if isinstance(value, str) and value.startswith("$") and value not in SLOTS:
                raise ValueError(f"payload: {name}: {value} is none of {', '.join(SLOTS)}")
        if "$id" not in self.payload.values():
            raise ValueError("payload: needs a member with $id, or no reply can be told from another")
        return self

    def fill(self, slots: Slots) -> str:
        """The payload as it goes out: compact JSON, members in the dialect's order."""
        filled = {
            name: slots[value] if isinstance(value, str) and value in SLOTS else value
            for name, value in self.payload.items()
        }
        return json.dumps(filled, separators=(",", ":"))


class Reply(Words):
    """Where the device's answer carries what: members of its JSON object."""

    topic: Topic
    id: str
    state: str
    version: str | None = None
    incarnation: str | None = None
    result: str
    accepted: tuple[str, ...] = Field(min_length=1)
    reason: str

    def fits(self, body: Mapping[str, object]) -> bool:
        """Whether an answer has the members that are read, with the right types."""
        version = body.get(self.version) if self.version is not None else 0
        return (
            isinstance(body.get(self.result), str)
            and isinstance(body.get(self.state), dict)
            and isinstance(version, int)
            and 0 <= version < VERSION_LIMIT
        )


class Presence(Words):
    """The retained word that says whether a device is there."""

    topic: Topic
    offline: str


class Usage(Words):
    """Where devices report what was used."""

    topic: Topic


class MqttIntent(Intent):
    """One kind of device; `absent` is what it reports when it serves nobody."""

    desired: Message
    get: Message
    reply: Reply
    absent: dict[str, Value] = Field(min_length=1)
    removal: dict[str, Value] = Field(min_length=1)
    presence: Presence | None = None
    usage: Usage | None = None

    @model_validator(mode="after")
    def _absence_is_a_state(self) -> MqttIntent:
        for name, value in self.absent.items():
            if name not in self.fields:
                raise ValueError(f"absent: {name} is no field of this intent")
            if fault := self.fields[name].fault(value):
                raise ValueError(f"absent: {name}: {fault}")
        return self

    def admit_key(self, key: str) -> None:
        """Let a key through only if it may be said; else Unsayable."""
        super().admit_key(key)
        if re.fullmatch(LEVEL, key, re.ASCII) is None:
            raise Unsayable("cannot be one level of a topic", field="key")

    def wishes(self, wanted: State, shown: State | None) -> dict[str, Value]:
        """The members of `desired` that bring a device from what is shown (None = never set) to what is wanted."""
        if not wanted.get("present", True):
            return dict(self.removal)
        known: State = {} if shown is None or not shown.get("present", True) else shown
        return self.differing(wanted, known) or {"present": True}

    def state(self, reported: Mapping[str, object]) -> State:
        """The state that a device reports; what is no scalar is left out."""
        shown: dict[str, Value] = {
            name: value
            for name in self.fields
            if isinstance(value := reported.get(name), str | int | bool) or (value is None and name in reported)
        }
        if not reported.get("present", True) or not shown:
            return ABSENT
        return {"present": True, **shown}


class Echo(Words):
    """Where we write to ourselves: what comes back proves the broker."""

    topic: Topic


class MqttDialect(Vendor):
    """A vendor's topics and payloads."""

    protocol: Literal["mqtt"]
    echo: Echo
    intents: dict[str, MqttIntent] = Field(min_length=1)


def topic(prefix: str, template: str, key: str) -> str:
    """A whole topic for one device."""
    return f"{prefix}/{template.replace('{key}', key)}"


def key_in(prefix: str, template: str, name: str) -> str | None:
    """The device that a topic belongs to; None when the topic is another one."""
    pattern = re.escape(f"{prefix}/{template}").replace(re.escape("{key}"), f"(?P<key>{LEVEL})")
    found = re.fullmatch(pattern, name, re.ASCII)
    return found.group("key") if found else None
