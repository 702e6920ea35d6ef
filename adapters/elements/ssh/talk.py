"""One command's words on a command line: read, say the difference in its frame, take back what was half done."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from adapters.elements import conduct
from adapters.elements.conduct import Exchange
from adapters.elements.grammar import Secret
from adapters.elements.ssh.dialect import Complaint, SshDialect, SshIntent
from adapters.elements.ssh.script import Script
from kernel.errors import ElementError, TrunklineError, Unanswered, Unreachable
from oss.port import Command, Reading, State, Value, satisfies

ABSENT: State = {"present": False}

ANOTHER = "another"
"""What a read shows for a secret that is set, but is not the one it was compared with."""


class Line(Protocol):
    """The element's session as one command sees it."""

    dialect: SshDialect
    secrets: Callable[[str], str]

    @property
    def incarnation(self) -> str:
        """What the element said about itself when the session began."""
        ...

    async def ask(self, line: str, exchange: Exchange) -> str:
        """Send a line that changes nothing."""
        ...

    async def tell(self, line: str, exchange: Exchange) -> str:
        """Send a line that changes something."""
        ...


class Talk:
    """One command's words; `wanted` tells which secret a shown one is compared with."""

    def __init__(self, line: Line, intent: SshIntent, exchange: Exchange, *, wanted: State | None = None) -> None:
        self._line = line
        self._intent = intent
        self._exchange = exchange
        self._wanted = wanted or {}
        self._unknown = False

    async def read(self, key: str) -> Reading:
        """Ask for one key."""
        answer = await self._line.ask(self._intent.asking(key), self._exchange)
        for parts in self._intent.parts(answer).values():
            for part in (parts or {}).values():
                self._exchange.transcript.hide(part)
        words = self._exchange.transcript.masked(answer)
        if found := self._line.dialect.complaint(answer):
            if found[0].means == "absent":
                self._unknown = True
                return Reading(ABSENT, words, self._line.incarnation)
            raise complained(*found, self._exchange)
        state = self._intent.parse(answer)
        if not state:
            raise conduct.Lost(f"an answer that the dialect cannot read: {words[:200]!r}")
        if state["present"]:
            state |= self._compared(key, answer)
        return Reading(state, words, self._line.incarnation)

    async def change(self, command: Command, shown: State | None) -> Reading | None:
        """Say the difference; what was refused half-way is taken back first."""
        removing = not command.state.get("present", True)
        if self._unknown and not removing and not self._intent.create:
            raise self._exchange.refusal(f"the element has no {command.intent} {command.key}", field="key")
        script = self._intent.script(command.key, command.state, shown, revealed=self._revealed(command.state))
        refused = await self._say(script, removing=removing)
        if refused is not None:
            complaint, words, effects = refused
            if effects:
                await self._take_back(command.key, shown, forgotten=bool(script.rollback))
            self._exchange.changing = False
            raise complained(complaint, words, self._exchange)
        return None

    async def lagging(self, command: Command) -> str:
        """Nothing follows later on a command line."""
        return ""

    async def _say(self, script: Script, *, removing: bool) -> tuple[Complaint, str, bool] | None:
        """Say all lines; on a complaint leave the mode, and tell whether anything may have taken effect."""
        refused = None
        for number, line in enumerate((*script.enter, *script.body, *script.commit)):
            found = self._line.dialect.complaint(await self._line.tell(line, self._exchange))
            if found is None or (found[0].means == "absent" and removing):
                continue
            refused = (*found, number > len(script.enter))
            for way_back in script.rollback:
                await self._line.tell(way_back, self._exchange)
            break
        for line in script.leave:
            await self._line.tell(line, self._exchange)
        return refused

    async def _take_back(self, key: str, before: State | None, *, forgotten: bool) -> None:
        """Undo the lines of this command that were obeyed, so that a refused command leaves nothing behind."""
        if before is None:
            raise Unanswered("refused half-way, and what was there before is not known", transcript=self._words())
        now = (await self.read(key)).state
        if not forgotten:
            script = self._intent.script(key, self._sayable(before, now), now, revealed=self._revealed(before))
            await self._say(script, removing=not before.get("present", True))
            now = (await self.read(key)).state
        if not satisfies(before, now):
            raise Unanswered("refused half-way, and not all of it could be taken back", transcript=self._words())

    def _sayable(self, before: State, now: State) -> dict[str, Value]:
        """What was there before, but for a secret that only the element knows."""
        return {name: value for name, value in before.items() if value != ANOTHER or name not in self._intent.secrets}

    def _revealed(self, state: State) -> dict[str, Mapping[str, str]]:
        """The secrets that a state refers to. Raises Unreachable when one is not in the store or not of its form."""
        found: dict[str, Mapping[str, str]] = {}
        for name, grammar in self._intent.secrets.items():
            reference = state.get(name)
            if isinstance(reference, str) and reference != ANOTHER:
                found[name] = self._parts_of(name, grammar, reference)
        return found

    def _parts_of(self, name: str, grammar: Secret, reference: str) -> Mapping[str, str]:
        try:
            text = self._line.secrets(reference)
        except (TrunklineError, LookupError) as error:
            fix = "store the secret, then try again"
            raise Unreachable(f"the secret {reference!r} is not in the store", field=name, fix=fix) from error
        match = re.fullmatch(grammar.parts, text, re.ASCII)
        if match is None:
            raise Unreachable(f"the secret {reference!r} is not of the form that the dialect asks for", field=name)
        for part in match.groupdict().values():
            self._exchange.transcript.hide(part)
        return match.groupdict()

    def _compared(self, key: str, answer: str) -> dict[str, Value]:
        """For each secret that the element shows: the reference of the one it is, or that it is another."""
        shown: dict[str, Value] = {}
        for name, parts in self._intent.parts(answer).items():
            grammar = self._intent.secrets[name]
            candidates = (self._wanted.get(name), grammar.at.format(key=key))
            shown[name] = None if parts is None else self._owner(name, grammar, parts, candidates)
        return shown

    def _owner(self, name: str, grammar: Secret, parts: Mapping[str, str], candidates: tuple[Value | None, ...]) -> str:
        for reference in candidates:
            if isinstance(reference, str) and reference:
                try:
                    stored = self._parts_of(name, grammar, reference)
                except Unreachable:
                    continue
                if hmac.compare_digest(_folded(stored), _folded(parts)):
                    return reference
        return ANOTHER

    def _words(self) -> str:
        return self._exchange.transcript.text()


def complained(complaint: Complaint, words: str, exchange: Exchange) -> ElementError:
    """The failure that stands for a complaint."""
    words = exchange.transcript.masked(words)
    if complaint.means == "busy":
        return Unreachable(f"the element is busy: {words}", transcript=exchange.transcript.text())
    return exchange.refusal(words)


def _folded(parts: Mapping[str, str]) -> bytes:
    return "\0".join(parts[name].lower() for name in sorted(parts)).encode()
