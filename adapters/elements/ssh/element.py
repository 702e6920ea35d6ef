"""A network element with a command line over SSH, behind the port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from adapters.elements import conduct
from adapters.elements.conduct import Broken, Exchange
from adapters.elements.credentials import reveal
from adapters.elements.deadlines import DEFAULT, Timeouts
from adapters.elements.grammar import Unsayable, compiled
from adapters.elements.ssh import transport
from adapters.elements.ssh.command import Commands
from adapters.elements.ssh.dialect import SshDialect, SshIntent
from adapters.elements.ssh.session import Session
from adapters.elements.ssh.talk import Talk, complained
from adapters.elements.ssh.transport import Link, Login
from adapters.elements.transcript import Transcript
from kernel.errors import ElementError
from oss.port import Command, ElementSpec, Health, Outcome, Reading


class SshElement:
    """One element, one kept session, one conversation at a time; a lost one is opened again by the next call."""

    def __init__(
        self,
        spec: ElementSpec,
        dialect: SshDialect,
        *,
        secrets: Callable[[str], str],
        timeouts: Timeouts = DEFAULT,
    ) -> None:
        self.name = spec.name
        self.dialect = dialect
        self.timeouts = timeouts
        self._address = transport.Address.model_validate(dict(spec.address))
        self.secrets = secrets
        self._credentials = spec.credentials
        self._masks = dialect.mask_patterns
        self._lock = asyncio.Lock()
        self._session: Session | Commands | None = None

    async def apply(self, command: Command) -> Outcome:
        """Bring the key to the state and prove it; see the port."""
        intent = self._intent(command.intent)
        intent.admit(command)
        async with self._lock:
            exchange = self._exchange()
            talk = Talk(self, intent, exchange, wanted=command.state)
            return await conduct.conduct(command, talk, exchange, intent=intent, timeouts=self.timeouts)

    async def apply_many(self, commands: Sequence[Command]) -> Sequence[Outcome | ElementError]:
        """One after the other: a command line has one prompt."""
        outcomes: list[Outcome | ElementError] = []
        for command in commands:
            try:
                outcomes.append(await self.apply(command))
            except ElementError as error:
                outcomes.append(error)
        return outcomes

    async def read(self, intent: str, key: str) -> Reading:
        """Read one key."""
        words = self._intent(intent)
        words.admit_key(key)
        async with self._lock:
            exchange = self._exchange()
            async with conduct.watched(exchange, self.timeouts.command_s):
                return await Talk(self, words, exchange).read(key)

    async def audit(self, intent: str) -> Mapping[str, Reading]:
        """Read every key that the element lists."""
        words = self._intent(intent)
        if words.audit is None:
            raise Unsayable("has no list command in this dialect", field=intent)
        async with self._lock:
            exchange = self._exchange()
            async with conduct.watched(exchange, self.timeouts.command_s):
                answer = await self.ask(words.audit.line, exchange)
                self.obeyed(answer, exchange)
                rows = words.rows(answer)
                found = {key: Reading(state, "", self.incarnation) for key, state in rows.items()}
        return found if words.lists_whole else {key: await self.read(intent, key) for key in found}

    async def probe(self) -> Health:
        """Ask the element who it is."""
        started = time.perf_counter()
        exchange = self._exchange()
        try:
            async with self._lock, conduct.watched(exchange, self.timeouts.command_s):
                answer = await self.ask(self.dialect.probe.line, exchange)
                self.obeyed(answer, exchange)
        except ElementError as error:
            return Health(self.name, reachable=False, error=str(error), elapsed_ms=_since(started))
        found = compiled(self.dialect.probe.description).search(answer)
        description = found.group(found.re.groups and 1) if found else ""
        incarnation = self._incarnation_in(answer)
        return Health(self.name, True, description, incarnation, elapsed_ms=_since(started))

    def render(self, command: Command) -> list[str]:
        """The lines `apply` would send if the element shows `command.before`."""
        intent = self._intent(command.intent)
        intent.admit(command)
        return intent.lines(command.key, command.state, command.before)

    async def close(self) -> None:
        """End the session."""
        async with self._lock:
            if self._session is not None:
                session, self._session = self._session, None
                await session.close()

    @property
    def incarnation(self) -> str:
        """What the element said about itself when the session began."""
        return self._session.incarnation if self._session else ""

    async def ask(self, line: str, exchange: Exchange) -> str:
        """Send a line that changes nothing; a kept session that turns out broken is replaced once."""
        kept = self._session is not None and self._session.usable
        session = await self._opened()
        try:
            return await session.ask(line, exchange.transcript)
        except Broken:
            if not kept:
                raise
        session = await self._opened()
        return await session.ask(line, exchange.transcript)

    async def tell(self, line: str, exchange: Exchange) -> str:
        """Send a line that changes something: from here on silence means that nobody knows."""
        session = await self._opened()
        exchange.changing = True
        return await session.ask(line, exchange.transcript)

    def obeyed(self, answer: str, exchange: Exchange) -> None:
        """Raise what the element's complaint means, if it complained."""
        if found := self.dialect.complaint(answer):
            raise complained(*found, exchange)

    async def _opened(self) -> Session | Commands:
        if self._session is not None:
            if self._session.usable:
                return self._session
            self._session.abort()
            self._session = None
        link = await transport.open_link(
            self._address, login=self._login(""), jump_login=self._login("jump_"), timeouts=self.timeouts
        )
        session = await self._begun(link)
        await self._greeted(session)
        self._session = session
        return session

    async def _begun(self, link: Link) -> Session | Commands:
        words = self.dialect.session
        if words.mode == "exec":
            return Commands(link, timeouts=self.timeouts)
        if self._address.vty_port is not None:
            shell = await link.channel(self._address.vty_host, self._address.vty_port)
        else:
            shell = await link.shell(words.command)
        return Session(shell, prompt=words.prompt, newline=words.newline, timeouts=self.timeouts)

    def _login(self, hop: str) -> Login:
        """The login of the element (or of the jump host, which has the element's unless it has one of its own)."""
        named = [name for name in (f"{hop}client_key", f"{hop}password") if name in self._credentials]
        if hop and not named:
            return self._login("")
        name = named[0] if named else "password"
        secret = reveal(self._credentials, name, self.secrets)
        return Login(client_key=secret) if name.endswith("client_key") else Login(password=secret)

    async def _greeted(self, session: Session | Commands) -> None:
        unrecorded = Exchange(Transcript(self._masks))
        try:
            await session.greeting()
            for line in self.dialect.session.setup:
                self.obeyed(await session.ask(line, unrecorded.transcript), unrecorded)
            if self.dialect.probe.incarnation:
                answer = await session.ask(self.dialect.probe.line, unrecorded.transcript)
                session.incarnation = self._incarnation_in(answer)
        except BaseException:  # also cancellation: a session that did not reach its first prompt is dropped
            session.abort()
            raise

    def _incarnation_in(self, answer: str) -> str:
        found = compiled(self.dialect.probe.incarnation or "(?!)").search(answer)
        return found.group(found.re.groups and 1) if found else ""

    def _exchange(self) -> Exchange:
        return Exchange(Transcript(self._masks))

    def _intent(self, name: str) -> SshIntent:
        try:
            return self.dialect.intents[name]
        except KeyError:
            raise Unsayable(f"{name!r} is no intent of dialect {self.dialect.dialect}", field="intent") from None


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
