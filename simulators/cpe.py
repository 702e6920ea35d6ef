"""A meter's own mind: what it was told to be, what it reports, and what it will not do."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass, field
from typing import Any

from simulators import faults, wire

PLAN = re.compile(r"[A-Za-z0-9_-]{1,32}")
INTERVAL_LIMIT_S = 86_400  # a meter reports at least once a day
VERSION_LIMIT = 2**63 - 1  # what the meter's memory holds
NAME_SHOWN = 64  # characters of an unknown field that a refusal repeats
FACTORY: dict[str, Any] = {"present": False, "enabled": False, "plan": "none", "interval_s": 0}
BUSY = "device busy"


class Ignored(Exception):
    """A message the device does not answer; the text says why."""


class Refusal(Exception):
    """A message the device answers with a reason."""


@dataclass
class Meter:
    """One device; version and settings survive a reboot."""

    id: str
    version: int = 0
    boots: int = 1
    settings: dict[str, Any] = field(default_factory=lambda: dict(FACTORY))

    def report(
        self,
        command: str | None,
        *,
        refused: str | None = None,
        version: int | None = None,
        settings: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The device's reply to a command, with its state or with the state it pretends to."""
        return {
            "id": command,
            "version": self.version if version is None else version,
            "result": "ok" if refused is None else "refused",
            "reason": refused,
            "reported": dict(self.settings if settings is None else settings),
            "boots": self.boots,
        }

    def merged(self, desired: dict[str, Any]) -> dict[str, Any]:
        """The settings after a desired state, or Refusal naming the field."""
        for name, value in desired.items():
            _check(name, value)
        if desired.get("present") is False:
            if len(desired) > 1:
                raise Refusal("present: false stands alone")
            return dict(FACTORY)
        return {**self.settings, **desired, "present": True}

    def change(self, fields: dict[str, Any]) -> None:
        """Make the device as told, behind the back of whoever provisions it; ValueError names a bad field."""
        try:
            self.settings = self.merged(fields)
        except Refusal as refusal:
            raise ValueError(f"{self.id}: {refusal}") from refusal


def _check(name: str, value: Any) -> None:
    match name:
        case "present" | "enabled":
            good = isinstance(value, bool)
        case "plan":
            good = isinstance(value, str) and PLAN.fullmatch(value) is not None
        case "interval_s":
            good = type(value) is int and 0 <= value <= INTERVAL_LIMIT_S
        case _:
            raise Refusal(f"unknown field {name[:NAME_SHOWN]}")
    if not good:
        raise Refusal(f"bad value for {name}")


@dataclass(frozen=True)
class Desired:
    """A well-formed command to become something."""

    id: str
    version: int
    expires_at: float
    settings: dict[str, Any]


def obey(meter: Meter, at: wire.Wire, topic: str, payload: bytes) -> tuple[faults.Verdict, dict[str, Any] | None]:
    """Judge, obey and log one message; None means that the device stays silent."""
    text = f"{topic} {payload.decode(errors='replace')}"
    body = _body(payload)
    command = body["id"] if isinstance(body.get("id"), str) else None
    read = topic.endswith("/get")
    verdict = at.judge(text, act=faults.Act.READ if read else faults.Act.CHANGE)
    before = (meter.version, meter.settings)
    try:
        reply = _answer(meter, body, command=command, read=read, kind=verdict.kind)
    except Refusal as refusal:
        reply = meter.report(command, refused=str(refusal))
    except Ignored:
        reply = None
    effect = before != (meter.version, meter.settings)
    at.record(text, key=meter.id, command=command, effect=effect, fault=verdict.word)
    return verdict, reply if verdict.answered else None


def _answer(
    meter: Meter, body: dict[str, Any], *, command: str | None, read: bool, kind: faults.Kind | None
) -> dict[str, Any]:
    if kind is faults.Kind.DROP:
        raise Ignored("lost on the way")
    if kind is faults.Kind.REFUSE:
        raise Refusal(BUSY)
    if read:
        return meter.report(command, settings=dict(FACTORY) if kind is faults.Kind.LIE else None)
    desired = _desired(body)
    if desired.expires_at <= time.time():
        raise Ignored("expired")
    if desired.version < meter.version:
        return meter.report(command)
    settings = meter.merged(desired.settings)
    if kind is not faults.Kind.LIE:
        meter.settings, meter.version = settings, desired.version
    return meter.report(command, version=desired.version, settings=settings)


def _body(payload: bytes) -> dict[str, Any]:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _desired(body: dict[str, Any]) -> Desired:
    unknown = sorted(set(body) - {"id", "version", "expires_at", "desired"})
    if unknown:
        raise Refusal(f"unknown field {unknown[0][:NAME_SHOWN]}")
    command, version, expires_at, settings = (body.get(name) for name in ("id", "version", "expires_at", "desired"))
    if not isinstance(command, str):
        raise Refusal("bad value for id")
    if type(version) is not int or not 0 <= version <= VERSION_LIMIT:
        raise Refusal("bad value for version")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not math.isfinite(expires_at):
        raise Refusal("bad value for expires_at")
    if not isinstance(settings, dict) or not settings:
        raise Refusal("bad value for desired")
    return Desired(command, version, expires_at, settings)
