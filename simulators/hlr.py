"""A home location register's command language: subscribers with a number, a profile, a barring and a rate."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from simulators import faults, wire

SUBSCRIBERS_LIMIT = 1_000_000  # what a small register would hold; past it the memory of the demo is at risk
LINE_LIMIT = 512  # characters; the longest legal command has about 70

BLANKS = re.compile(r"[ \t]+")
IMSI = re.compile(r"[0-9]{15}")
GRAMMAR = {
    "msisdn": re.compile(r"[0-9]{5,15}"),
    "profile": re.compile(r"[A-Za-z0-9_-]{1,32}"),
    "bar": re.compile(r"none|outgoing|all"),
    "rate": re.compile(r"full|[1-9][0-9]{0,8}"),
}
REFUSED = "% Operation refused"
EXISTS = "% Subscriber already exists"
MISSING = "% No such subscriber"
TAKEN = "% MSISDN already in use"
INVALID = "% Invalid value"
UNKNOWN = "% Unknown command"
FULL = "% Subscriber table full"


@dataclass
class Subscriber:
    """One SIM as the register knows it; `rate` is full or kbit/s."""

    msisdn: str = "-"
    profile: str = "default"
    bar: str = "none"  # outgoing keeps incoming and emergency calls
    rate: str = "full"


@dataclass(frozen=True)
class Answer:
    """The text for the sender and whether the register changed."""

    text: str = ""
    effect: bool = False


class Hlr:
    """The register's state and its answer to each line."""

    def __init__(self) -> None:
        self.boots = 1
        self._since = time.monotonic()
        self._subscribers: dict[str, Subscriber] = {}
        self._owners: dict[str, str] = {}  # MSISDN -> IMSI

    def answer(self, line: str) -> Answer:
        """Obey one line; errors begin with a percent sign."""
        if len(line) > LINE_LIMIT:
            return Answer(INVALID)
        match words_of(line):
            case []:
                return Answer()
            case ["show", "system"]:
                return Answer(self._system())
            case ["subscriber", "list"]:
                return Answer("\r\n".join(self._rows()))
            case ["subscriber", "imsi", imsi, *words]:
                return self._about(imsi, words)
            case _:
                return Answer(UNKNOWN)

    def _about(self, imsi: str, words: list[str]) -> Answer:
        if not IMSI.fullmatch(imsi):
            return Answer(INVALID)
        match words:
            case ["create"]:
                return self._create(imsi)
            case ["show"]:
                return Answer(self._show(imsi))
            case ["delete"]:
                return self._delete(imsi)
            case [("msisdn" | "profile" | "bar" | "rate") as field, value]:
                return self._set(imsi, field, value)
            case _:
                return Answer(UNKNOWN)

    def _create(self, imsi: str) -> Answer:
        if imsi in self._subscribers:
            return Answer(EXISTS)
        if len(self._subscribers) >= SUBSCRIBERS_LIMIT:
            return Answer(FULL)
        self._subscribers[imsi] = Subscriber()
        return Answer(effect=True)

    def _delete(self, imsi: str) -> Answer:
        gone = self._subscribers.pop(imsi, None)
        if gone is None:
            return Answer(MISSING)
        self._owners.pop(gone.msisdn, None)
        return Answer(effect=True)

    def _set(self, imsi: str, field: str, value: str) -> Answer:
        subscriber = self._subscribers.get(imsi)
        if subscriber is None:
            return Answer(MISSING)
        if not GRAMMAR[field].fullmatch(value):
            return Answer(INVALID)
        if getattr(subscriber, field) == value:
            return Answer()
        if field == "msisdn":
            if value in self._owners:
                return Answer(TAKEN)
            self._owners.pop(subscriber.msisdn, None)
            self._owners[value] = imsi
        setattr(subscriber, field, value)
        return Answer(effect=True)

    def _show(self, imsi: str) -> str:
        subscriber = self._subscribers.get(imsi)
        if subscriber is None:
            return MISSING
        return "\r\n".join([f"  imsi: {imsi}", *(f"  {k}: {v}" for k, v in vars(subscriber).items())])

    def _rows(self) -> list[str]:
        return [
            f"  {imsi} {each.msisdn} {each.profile} {each.bar} {each.rate}"
            for imsi, each in sorted(self._subscribers.items())
        ]

    def _system(self) -> str:
        uptime_s = int(time.monotonic() - self._since)
        return f"  name: hlr-simulator\r\n  boots: {self.boots}\r\n  uptime: {uptime_s}"

    def reboot(self) -> None:
        """Start again with the same subscribers."""
        self.boots += 1
        self._since = time.monotonic()

    def state(self) -> dict[str, dict[str, Any]]:
        """Every subscriber's fields by IMSI."""
        return {imsi: {"present": True, **vars(each)} for imsi, each in self._subscribers.items()}

    def change(self, imsi: str, fields: dict[str, Any]) -> None:
        """Make the subscriber as told, behind the back of whoever provisions it; ValueError names a bad field."""
        if not IMSI.fullmatch(imsi):
            raise ValueError(f"IMSI {imsi!r}: use 15 digits")
        wanted = {key: value for key, value in fields.items() if key != "present"}
        for key, value in wanted.items():
            if key not in GRAMMAR:
                raise ValueError(f"field {key!r}: use present, {', '.join(GRAMMAR)}")
            if not isinstance(value, str) or not GRAMMAR[key].fullmatch(value):
                raise ValueError(f"{key} {value!r}: not a value this register knows")
            if key == "msisdn" and self._owners.get(value, imsi) != imsi:
                raise ValueError(f"msisdn {value}: already in use")
        if fields.get("present", True) is False:
            self._delete(imsi)
            return
        self._create(imsi)
        for key, value in wanted.items():
            self._set(imsi, key, value)


def words_of(line: str) -> list[str]:
    """A line's words: only blanks and tabs part them."""
    return [word for word in BLANKS.split(line) if word]


def act_of(line: str) -> faults.Act:
    """Whether a line reads or changes."""
    words = words_of(line)
    return faults.Act.READ if not words or "show" in words or words[-1] == "list" else faults.Act.CHANGE


def key_of(line: str) -> str | None:
    """The IMSI a line is about."""
    words = words_of(line)
    return words[2] if words[:2] == ["subscriber", "imsi"] and len(words) > 2 else None


def obey(hlr: Hlr, at: wire.Wire, line: str) -> tuple[faults.Verdict, str]:
    """Judge, obey and log one line; the verdict says whether its text may be heard."""
    verdict = at.judge(line, act=act_of(line))
    answer = hlr.answer(line) if verdict.done else Answer(REFUSED if verdict.kind is faults.Kind.REFUSE else "")
    at.record(line, key=key_of(line), effect=answer.effect, fault=verdict.word)
    return verdict, answer.text
