"""The look before a command where an element wants it: what somebody else changed is held, adopted or replaced."""

from __future__ import annotations

from dataclasses import replace

from kernel.errors import Unanswered, Unreachable
from oss.inventory.model import Differs
from oss.orders.run import Sent
from oss.orders.settle import Answer, Word
from oss.port import Command, NetworkElement, Reading, State, Value, satisfies

_NAMED = 5
"""Fields that a difference names at most."""


async def apply(element: NetworkElement, sent: Sent, policy: Differs) -> Answer:
    """Look, then do as the element's policy says. Raises what the port raises; a look that fails has said nothing."""
    command = sent.command
    reading = await _look(element, command)
    found = differing(command, reading.state, first=sent.attempt == 1)
    if found and policy is Differs.HOLD:
        message = f"it is not as it was left: {_told(command, reading.state, found)}"
        return Answer(sent.task, sent.attempt, Word.DIFFERS, reading, message, reading.transcript)
    kept = adopted(command, reading.state, found) if policy is Differs.ADOPT else {}
    outcome = await element.apply(replace(command, state={**command.state, **kept}) if kept else command)
    words = f"{reading.transcript}{outcome.transcript}"
    return Answer(sent.task, sent.attempt, Word.DONE, outcome.reading, transcript=words, adopted=kept or None)


async def _look(element: NetworkElement, command: Command) -> Reading:
    try:
        return await element.read(command.intent, command.key)
    except Unanswered as error:
        raise Unreachable(f"the look before it: {error}", transcript=error.transcript) from error


def differing(command: Command, shown: State, *, first: bool) -> list[str]:
    """The fields in which an element shows neither what it was left with nor what is wanted now.

    What was never set there must not be there yet; only a `first` attempt can tell that from its own half-done work.
    """
    before = command.before
    if satisfies(command.state, shown):
        return []
    if before is None or not before.get("present", True):
        return ["present"] if first and shown.get("present", True) else []
    if not shown.get("present", True):
        return ["present"]
    wanted = command.state
    return [
        name
        for name, value in before.items()
        if name != "present" and name in shown and shown[name] not in (value, wanted.get(name, value))
    ]


def adopted(command: Command, shown: State, found: list[str]) -> dict[str, Value]:
    """Of what differs, that which the command does not change: it stays as somebody else left it."""
    before, wanted = command.before or {}, command.state
    if not wanted.get("present", True):
        return {}
    return {name: shown[name] for name in found if name != "present" and wanted.get(name) == before.get(name)}


def _told(command: Command, shown: State, found: list[str]) -> str:
    before = command.before or {}
    if found == ["present"]:
        return "it is gone" if not shown.get("present", True) else "something is there already"
    return ", ".join(f"{name} was {before.get(name)}, is {shown[name]}" for name in found[:_NAMED])
