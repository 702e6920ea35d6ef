"""The elements of the chaos in a process of their own: they outlive every worker and log each command they hear."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernel.errors import ElementError, Unanswered, Unreachable
from oss.port import Command, Health, Outcome, Reading, State, Verdict, satisfies

SLOWEST_S = 0.004
"""How long an element thinks at most: long enough for a kill to fall between a command and its answer."""
SILENT = 0.02
"""The share of commands that are done and not answered."""
DEAF = 0.02
"""The share of commands that are heard, not done, and not answered: only these may come again."""
LATE = 0.03
"""The share of commands that the network holds back for up to `late_s`, whatever became of their sender meanwhile."""
LINE = 65_536
"""Bytes of one question or answer at most."""

ABSENT: dict[str, Any] = {"present": False}


class Elements:
    """States by element, intent and key; what is heard is logged before it is answered, and never deduplicated."""

    def __init__(self, log: Path, seed: int, late_s: float = 0.0) -> None:
        self._late_s = late_s
        self.states: dict[tuple[str, str, str], State] = {}
        self._log = log.open("a", encoding="utf-8", buffering=1)
        self._dice = random.Random(seed)  # noqa: S311  (repeatable dice, no secret)

    async def answer(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """What to say to one question; None to say nothing."""
        where = (asked["element"], asked["intent"], asked["key"])
        if asked["what"] == "apply":
            held_back = self._late_s and self._dice.random() < LATE
            await asyncio.sleep(self._dice.random() * (self._late_s if held_back else SLOWEST_S))
        shown = self.states.get(where, ABSENT)
        applied = asked["what"] == "apply"
        deaf = applied and self._dice.random() < DEAF
        changed = applied and not deaf and not satisfies(asked["state"], shown)
        self._log.write(json.dumps({**asked, "changed": changed}) + "\n")
        if changed:
            shown = {**shown, **asked["state"]} if asked["state"].get("present", True) else ABSENT
            self.states[where] = shown
        if deaf or (applied and self._dice.random() < SILENT):
            return None
        return {"state": dict(shown), "changed": changed}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question and its answer; a worker that died meanwhile is no concern of an element."""
        try:
            said = await self.answer(json.loads(await reader.readline()))
            if said is not None:
                writer.write(json.dumps(said).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            return
        finally:
            writer.close()


def run(socket: Path, log: Path, seed: int, late_s: float = 0.0) -> None:
    """Serve until killed."""

    async def forever() -> None:
        elements = Elements(log, seed, late_s)
        server = await asyncio.start_unix_server(elements.serve, path=os.fspath(socket), limit=LINE)
        async with server:
            await server.serve_forever()

    asyncio.run(forever())


class SocketElement:
    """The port over the socket: one connection for each question."""

    def __init__(self, name: str, socket: Path, by: str) -> None:
        self.name, self._socket, self._by = name, socket, by

    async def apply(self, command: Command) -> Outcome:
        """Bring the key to the state."""
        asked = {
            "what": "apply",
            "element": self.name,
            "intent": command.intent,
            "key": command.key,
            "state": dict(command.state),
            "idempotency": command.idempotency_key,
            "generation": command.generation,
        }
        said = await self._ask(asked, command.timeout_s)
        return Outcome(Verdict.DONE if said["changed"] else Verdict.ALREADY, Reading(said["state"], ""), "")

    async def apply_many(self, commands: Sequence[Command]) -> Sequence[Outcome | ElementError]:
        """One after the other."""
        outcomes: list[Outcome | ElementError] = []
        for command in commands:
            try:
                outcomes.append(await self.apply(command))
            except ElementError as error:
                outcomes.append(error)
        return outcomes

    async def read(self, intent: str, key: str) -> Reading:
        """Read one key."""
        said = await self._ask({"what": "read", "element": self.name, "intent": intent, "key": key}, 1.0)
        return Reading(said["state"], "")

    async def probe(self) -> Health:
        """Say who this is."""
        return Health(self.name, reachable=True)

    async def audit(self, intent: str) -> Mapping[str, Reading]:
        """Nobody asks for all of it here."""
        return {}

    def render(self, command: Command) -> list[str]:
        """What would be said."""
        return [json.dumps(dict(command.state))]

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _ask(self, asked: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange({**asked, "by": self._by, "said_at": time.monotonic()})
        except TimeoutError:
            raise Unanswered("no answer") from None

    async def _exchange(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            reader, writer = await asyncio.open_unix_connection(os.fspath(self._socket), limit=LINE)
        except OSError as error:
            raise Unreachable(str(error)) from error
        try:
            writer.write(json.dumps(asked).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
        except OSError as error:
            raise Unanswered(str(error)) from error
        finally:
            writer.close()
        if not line:
            raise Unanswered("the element said nothing")
        return dict(json.loads(line))
