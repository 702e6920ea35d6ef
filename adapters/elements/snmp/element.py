"""A network element that is an SNMP agent, behind the port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from adapters.elements import conduct
from adapters.elements.conduct import Exchange
from adapters.elements.credentials import reveal
from adapters.elements.deadlines import DEFAULT, Timeouts
from adapters.elements.grammar import Unsayable
from adapters.elements.keylocks import KeyLocks
from adapters.elements.snmp.dialect import Cell, SnmpDialect, SnmpIntent
from adapters.elements.snmp.session import NOBODY_KNOWS, PASSING, Session, Status
from adapters.elements.snmp.transport import Address, Keys
from adapters.elements.transcript import Transcript, mask
from kernel.errors import ElementError, Unanswered, Unreachable
from oss.port import Command, ElementSpec, Health, Outcome, Reading, State

ABSENT: State = {"present": False}


class SnmpElement:
    """One agent; commands for different keys run side by side, those for one key one after the other."""

    def __init__(
        self,
        spec: ElementSpec,
        dialect: SnmpDialect,
        *,
        secrets: Callable[[str], str],
        timeouts: Timeouts = DEFAULT,
    ) -> None:
        self.name = spec.name
        self.dialect = dialect
        self.timeouts = timeouts
        self._credentials = spec.credentials
        self._secrets = secrets
        self._address = Address.model_validate(dict(spec.address))
        self._keys = KeyLocks()
        self.session = Session(self._address, keys=self._revealed, timeouts=timeouts)

    async def apply(self, command: Command) -> Outcome:
        """Bring the row to the state by one SET and prove it; see the port."""
        intent = self._intent(command.intent)
        intent.admit(command)
        async with self._keys.of(command.intent, command.key):
            exchange = Exchange(Transcript(self.dialect.mask_patterns))
            talk = _Talk(self, intent, exchange)
            return await conduct.conduct(command, talk, exchange, intent=intent, timeouts=self.timeouts)

    async def apply_many(self, commands: Sequence[Command]) -> Sequence[Outcome | ElementError]:
        """Side by side, as many as the agent takes."""
        return await asyncio.gather(*(self._attempt(command) for command in commands))

    async def read(self, intent: str, key: str) -> Reading:
        """Read one row."""
        words = self._intent(intent)
        words.admit_key(key)
        exchange = Exchange(Transcript(self.dialect.mask_patterns))
        async with conduct.watched(exchange, self.timeouts.command_s):
            return await _Talk(self, words, exchange).read(key)

    async def audit(self, intent: str) -> Mapping[str, Reading]:
        """Walk the table."""
        words = self._intent(intent)
        exchange = Exchange(Transcript(self.dialect.mask_patterns))
        async with conduct.watched(exchange, self.timeouts.command_s):
            try:
                rows = await self.session.walk([words.columns[name].oid for name in words.fields])
            except Status as status:
                raise exchange.refusal(f"the agent answered {status.word}") from status
        return {
            index: Reading(words.state(dict(zip(words.fields, values, strict=True))), "", self.incarnation)
            for index, values in rows.items()
        }

    async def probe(self) -> Health:
        """Ask the agent who it is."""
        started = time.perf_counter()
        exchange = Exchange(Transcript(self.dialect.mask_patterns))
        try:
            async with conduct.watched(exchange, self.timeouts.command_s):
                description, *_ = await self.session.get([self.dialect.probe.description])
        except (ElementError, Status) as error:
            return Health(self.name, reachable=False, error=str(error), elapsed_ms=_since(started))
        return Health(self.name, True, str(description or ""), self.incarnation, elapsed_ms=_since(started))

    def render(self, command: Command) -> list[str]:
        """The one SET that `apply` would send if the agent shows `command.before`."""
        intent = self._intent(command.intent)
        intent.admit(command)
        cells = intent.cells(command.key, command.state, command.before)
        return [_set_line(cells)] if cells else []

    async def close(self) -> None:
        """Leave the shared engine."""
        await self.session.close()

    @property
    def incarnation(self) -> str:
        """The agent's engine boots, as its last answer carried them."""
        return str(self.session.boots) if self.session.boots else ""

    async def _attempt(self, command: Command) -> Outcome | ElementError:
        try:
            return await self.apply(command)
        except ElementError as error:
            return error

    def _revealed(self) -> Keys:
        if self._address.version == "v2c":
            return Keys(community=reveal(self._credentials, "community", self._secrets))
        auth = reveal(self._credentials, "auth_key", self._secrets)
        return Keys(auth=auth, priv=reveal(self._credentials, "priv_key", self._secrets))

    def _intent(self, name: str) -> SnmpIntent:
        try:
            return self.dialect.intents[name]
        except KeyError:
            raise Unsayable(f"{name!r} is no intent of dialect {self.dialect.dialect}", field="intent") from None


class _Talk:
    """One command's requests."""

    def __init__(self, element: SnmpElement, intent: SnmpIntent, exchange: Exchange) -> None:
        self._element = element
        self._intent = intent
        self._exchange = exchange

    async def read(self, key: str) -> Reading:
        oids = self._intent.oids(key)
        values = await self._get(oids)
        words = mask(
            " ".join(f"{oid}={value!r}" for oid, value in zip(oids, values, strict=True)),
            self._element.dialect.mask_patterns,
        )
        state = self._intent.state(dict(zip(self._intent.fields, values, strict=True)))
        return Reading(state, words, self._element.incarnation)

    async def change(self, command: Command, shown: State | None) -> Reading | None:
        cells = self._intent.cells(command.key, command.state, shown)
        if not cells:
            return None
        self._exchange.transcript.said(_set_line(cells))
        self._exchange.changing = True
        try:
            await self._element.session.set(cells)
        except Status as status:
            raise self._failure(status, cells) from status
        self._exchange.transcript.heard("noError")
        return None

    async def lagging(self, command: Command) -> str:
        if not command.state.get("present", True):
            return ""
        for name, follower in self._intent.follows.items():
            wanted = follower.numbers.get(str(command.state.get(name)))
            if wanted is None:
                continue
            (value,) = await self._get([f"{follower.oid}.{command.key}"])
            if value != wanted:
                return f"{follower.oid}.{command.key} shows {value!r}, not {wanted!r}"
        return ""

    async def _get(self, oids: Sequence[str]) -> list[int | str | None]:
        self._exchange.transcript.said(f"GET {' '.join(oids)}")
        try:
            values = await self._element.session.get(oids)
        except Status as status:
            self._exchange.transcript.heard(status.word)
            raise conduct.Lost(f"the agent answered {status.word} to a GET") from status
        for oid, value in zip(oids, values, strict=True):
            self._exchange.transcript.heard(f"{oid}={value!r}")
        return values

    def _failure(self, status: Status, cells: Sequence[Cell]) -> ElementError:
        """What an error status means: an atomic SET that failed has done nothing, but for undoFailed."""
        self._exchange.transcript.heard(f"{status.word} at {status.index}")
        words = self._exchange.transcript.text()
        if status.word in NOBODY_KNOWS:
            return Unanswered(f"the agent answered {status.word}", transcript=words)
        self._exchange.changing = False
        if status.word in PASSING:
            return Unreachable(f"the agent answered {status.word}: it may work later", transcript=words)
        at = cells[status.index - 1] if 0 < status.index <= len(cells) else None
        message = f"the agent answered {status.word}" + (f" to {at}" if at else "")
        return self._exchange.refusal(message, field=self._intent.field_at(at.oid) if at else None)


def _set_line(cells: Sequence[Cell]) -> str:
    return "SET " + " ".join(str(cell) for cell in cells)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
