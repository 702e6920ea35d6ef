"""How a command is carried out on any wire: read, say the difference, read back, and name what went wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from adapters.elements.deadlines import Timeouts
from adapters.elements.intents import Intent
from adapters.elements.transcript import Transcript
from kernel.errors import ElementError, Refused, Unanswered, Unreachable
from oss.port import Command, Confirm, Outcome, Reading, State, Verdict, satisfies


class Lost(Exception):
    """A wire gave no answer; whether that is Unreachable or Unanswered depends on what had been sent."""


class Broken(Lost):
    """The connection itself is gone: another one may be tried for a question that changes nothing."""


class Exchange:
    """One conversation: its transcript, and whether a byte that changes something has left."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.changing = False

    def failure(self, message: str) -> ElementError:
        """What a missing answer means at this point."""
        kind = Unanswered if self.changing else Unreachable
        return kind(self.transcript.masked(message), transcript=self.transcript.text())

    def refusal(self, message: str, *, field: str | None = None) -> Refused:
        """The element's no, with the words around it."""
        return Refused(self.transcript.masked(message), transcript=self.transcript.text(), field=field)


class Talk(Protocol):
    """What one protocol adds: how its words are said and heard, on an open session."""

    async def read(self, key: str) -> Reading:
        """Ask for one key. Raises Lost, Refused or Unreachable."""
        ...

    async def change(self, command: Command, shown: State | None) -> Reading | None:
        """Say the difference, marking the exchange as changing first; what the reply itself shows, if anything."""
        ...

    async def lagging(self, command: Command) -> str:
        """What does not follow the change yet (a line's operational status); empty when all does."""
        ...


@asynccontextmanager
async def watched(exchange: Exchange, limit_s: float) -> AsyncIterator[None]:
    """Turn silence inside into the port's failures; a deadline of ours counts as silence."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError as error:
        raise exchange.failure(f"no end within {limit_s:g} s") from error
    except Lost as error:
        raise exchange.failure(str(error)) from error
    except Unreachable as error:
        if not exchange.changing:
            raise
        raise exchange.failure(f"changed, but not read back: {error}") from error


async def conduct(command: Command, talk: Talk, exchange: Exchange, *, intent: Intent, timeouts: Timeouts) -> Outcome:
    """Bring the key to the state and prove it."""
    started = time.perf_counter()
    async with watched(exchange, min(command.timeout_s, timeouts.command_s)):
        shown = await talk.read(command.key) if intent.read_first else None
        if shown is not None and satisfies(command.state, shown.state):
            verdict, reading = Verdict.ALREADY, await _settled(command, talk, exchange, timeouts, found=shown)
        else:
            reply = await talk.change(command, shown.state if shown is not None else None)
            verdict, reading = Verdict.DONE, await _proved(command, talk, exchange, timeouts, reply=reply)
    elapsed_ms = (time.perf_counter() - started) * 1000
    return Outcome(verdict, reading, exchange.transcript.text(), elapsed_ms)


async def _settled(
    command: Command, talk: Talk, exchange: Exchange, timeouts: Timeouts, *, found: Reading
) -> Reading | None:
    if command.confirm is Confirm.POLL:
        return await _polled(command, talk, exchange, timeouts)
    return found


async def _proved(
    command: Command, talk: Talk, exchange: Exchange, timeouts: Timeouts, *, reply: Reading | None
) -> Reading | None:
    if command.confirm is Confirm.POLL:
        return await _polled(command, talk, exchange, timeouts)
    reading = reply if command.confirm is Confirm.REPLY else await talk.read(command.key)
    if reading is not None and not satisfies(command.state, reading.state):
        raise contradiction(command.state, reading.state, exchange)
    return reading


async def _polled(command: Command, talk: Talk, exchange: Exchange, timeouts: Timeouts) -> Reading:
    until = time.monotonic() + timeouts.poll_s
    while True:
        reading = await talk.read(command.key)
        agrees = satisfies(command.state, reading.state)
        lagging = await talk.lagging(command) if agrees else ""
        if agrees and not lagging:
            return reading
        if time.monotonic() + timeouts.poll_every_s > until:
            break
        await asyncio.sleep(timeouts.poll_every_s)
    if not agrees:
        raise contradiction(command.state, reading.state, exchange)
    raise exchange.refusal(f"the element said yes but after {timeouts.poll_s:g} s {lagging}")


def contradiction(wanted: State, shown: State, exchange: Exchange) -> Refused:
    """The element said yes and did something else: names the fields that differ."""
    if not shown.get("present", True) or not wanted.get("present", True):
        names = ["present"]
    else:
        names = [name for name, value in wanted.items() if name != "present" and shown.get(name) != value]
    differing = ", ".join(f"{name} is {shown.get(name)!r}, not {wanted.get(name, True)!r}" for name in names)
    return exchange.refusal(f"the element said yes but shows another state: {differing}", field=names[0])
