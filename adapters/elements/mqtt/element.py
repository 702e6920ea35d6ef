"""The devices behind one broker and prefix, behind the port."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence

from adapters.elements import conduct
from adapters.elements.conduct import Exchange
from adapters.elements.credentials import reveal
from adapters.elements.deadlines import DEFAULT, Timeouts
from adapters.elements.grammar import Unsayable
from adapters.elements.keylocks import KeyLocks
from adapters.elements.mqtt.dialect import Message, MqttDialect, MqttIntent, Slots, topic
from adapters.elements.mqtt.session import Payload, Session, decoded
from adapters.elements.mqtt.transport import Address, Denied, Link, Login
from adapters.elements.transcript import Transcript, mask
from kernel.errors import ElementError, Refused, Unreachable
from oss.port import Command, ElementSpec, Health, Outcome, Reading, State

PRESENCE_LIMIT = 1_000_000
"""Devices whose presence is remembered: above any fleet on one broker, about 150 MB when full."""

AUDIT_WIDTH = 50
"""Devices asked at once in an audit: half of the window, so that commands go on."""

Reporter = Callable[[str, Mapping[str, object]], None]

LOG = logging.getLogger("adapters.elements.mqtt")


class MqttElement:
    """One broker and prefix; each key is a device of its own, asked side by side with the others."""

    def __init__(
        self,
        spec: ElementSpec,
        dialect: MqttDialect,
        *,
        secrets: Callable[[str], str],
        timeouts: Timeouts = DEFAULT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = spec.name
        self.dialect = dialect
        self.timeouts = timeouts
        self.address = Address.model_validate(dict(spec.address))
        self.presence: dict[str, bytes] = {}
        self._now = now
        self._credentials = spec.credentials
        self._secrets = secrets
        self._keys = KeyLocks()
        self._own = f"g-{uuid.uuid4().hex[:12]}"
        self.session = Session(
            Link(self.address, timeouts),
            prefix=self.address.prefix,
            login=self._login,
            timeouts=timeouts,
        )
        self.session.answers(dialect.echo.topic, "id")
        for intent in dialect.intents.values():
            self.session.answers(intent.reply.topic, intent.reply.id)
            if intent.presence is not None:
                self.session.listen(intent.presence.topic, self._note_presence)

    async def apply(self, command: Command) -> Outcome:
        """Tell the device what it is meant to be, and ask it what it is; see the port."""
        intent = self._intent(command.intent)
        intent.admit(command)
        async with self._keys.of(command.intent, command.key):
            exchange = self._exchange()
            talk = _Talk(self, intent, exchange)
            return await conduct.conduct(command, talk, exchange, intent=intent, timeouts=self.timeouts)

    async def apply_many(self, commands: Sequence[Command]) -> Sequence[Outcome | ElementError]:
        """Side by side: the devices do not wait for each other."""
        return await asyncio.gather(*(self._attempt(command) for command in commands))

    async def read(self, intent: str, key: str) -> Reading:
        """Ask one device what it is."""
        words = self._intent(intent)
        words.admit_key(key)
        exchange = self._exchange()
        async with conduct.watched(exchange, self.timeouts.command_s):
            return await _Talk(self, words, exchange).read(key)

    async def audit(self, intent: str) -> Mapping[str, Reading]:
        """Ask every device that is there; one that is asleep or silent is missing from the answer."""
        words = self._intent(intent)
        exchange = self._exchange()
        async with conduct.watched(exchange, self.timeouts.command_s):
            await self._echo()  # retained presence comes before our own word comes back
        gate = asyncio.Semaphore(AUDIT_WIDTH)
        there = sorted(key for key in self.presence if not self.is_offline(words, key))
        readings = await asyncio.gather(*(self._audited(words, key, gate) for key in there))
        return {key: reading for key, reading in zip(there, readings, strict=True) if reading is not None}

    async def probe(self) -> Health:
        """Write to ourselves through the broker."""
        started = time.perf_counter()
        exchange = self._exchange()
        try:
            async with conduct.watched(exchange, self.timeouts.command_s):
                await self._echo()
        except ElementError as error:
            return Health(self.name, reachable=False, error=str(error), elapsed_ms=_since(started))
        where = f"broker {self.address.host}:{self.address.port}, {len(self.presence)} devices known"
        return Health(self.name, True, where, elapsed_ms=_since(started))

    def render(self, command: Command) -> list[str]:
        """The message `apply` would publish if the device shows `command.before` and no newer version."""
        intent = self._intent(command.intent)
        intent.admit(command)
        return [f"PUBLISH {' '.join(self.wish(intent, command, command.before, version=0))}"]

    async def subscribe_usage(self, report: Reporter) -> None:
        """Hand every usage report to `report(device, payload)` until closed; what is no JSON object is only counted.

        Raises Unreachable if the broker is not there at once; the subscription is kept trying for all the same.
        """
        for intent in self.dialect.intents.values():
            if intent.usage is not None:
                await self.session.stand(intent.usage.topic, self._usage_reader(intent, report))

    async def close(self) -> None:
        """End the connection."""
        await self.session.close()

    def is_offline(self, intent: MqttIntent, key: str) -> bool:
        """Whether the device's retained presence says that it is gone."""
        return intent.presence is not None and self.presence.get(key) == intent.presence.offline.encode()

    def wish(self, intent: MqttIntent, command: Command, shown: State | None, *, version: int) -> tuple[str, str]:
        """Topic and payload of the command for a device that has obeyed `version`."""
        slots = Slots(
            command.idempotency_key,
            version=max(command.generation, version + 1),
            expires_at=int(self._now() + min(command.timeout_s, self.timeouts.reply_s)) + 1,
            state=intent.wishes(command.state, shown),
        )
        return topic(self.address.prefix, intent.desired.topic, command.key), intent.desired.fill(slots)

    async def say(
        self, intent: MqttIntent, key: str, *, said: tuple[str, str], id_: str, exchange: Exchange
    ) -> Payload:
        """Publish to a device and wait for its answer."""
        where, payload = said
        exchange.transcript.said(f"PUBLISH {where} {payload}")
        try:
            answer = await self.session.ask(where, payload, key=key, id_=id_, fits=intent.reply.fits)
        except Denied as error:
            exchange.changing = False
            raise exchange.refusal(f"the broker does not let us publish to {where}: {error}", field="topic") from error
        reported = topic(self.address.prefix, intent.reply.topic, key)
        exchange.transcript.heard(f"{reported} {_compact(answer)}")
        return answer

    def message(self, message: Message, key: str, slots: Slots) -> tuple[str, str]:
        """Topic and payload of a message to a device."""
        return topic(self.address.prefix, message.topic, key), message.fill(slots)

    async def _attempt(self, command: Command) -> Outcome | ElementError:
        try:
            return await self.apply(command)
        except ElementError as error:
            return error

    async def _audited(self, intent: MqttIntent, key: str, gate: asyncio.Semaphore) -> Reading | None:
        async with gate:
            exchange = self._exchange()
            try:
                async with conduct.watched(exchange, self.timeouts.command_s):
                    return await _Talk(self, intent, exchange).read(key)
            except ElementError as error:
                LOG.info("%s: %s is left out of the audit: %s", self.name, key, error)
                return None

    async def _echo(self) -> None:
        id_ = uuid.uuid4().hex
        where = topic(self.address.prefix, self.dialect.echo.topic, self._own)
        try:
            await self.session.ask(where, _compact({"id": id_}), key=self._own, id_=id_, fits=lambda _: True)
        except Denied as error:
            raise Refused(f"the broker does not let us publish to {where}: {error}", field="topic") from error

    def _note_presence(self, key: str, payload: bytes) -> None:
        if not payload:
            self.presence.pop(key, None)
        elif key in self.presence or len(self.presence) < PRESENCE_LIMIT:
            self.presence[key] = payload[:64]

    def _usage_reader(self, intent: MqttIntent, report: Reporter) -> Callable[[str, bytes], None]:
        def read(key: str, payload: bytes) -> None:
            body = decoded(payload)
            if body is None or intent.key.fault(key):
                self.session.counters.malformed += 1
                return
            try:
                report(key, body)
            except Exception:  # a subscriber's failure must not end the connection that all devices share
                self.session.counters.failed += 1
                LOG.exception("%s: the usage report of %s failed", self.name, key)

        return read

    def _login(self) -> Login:
        named = {"password": bool(self.address.username), "client_key": bool(self.address.tls_certificate)}
        return Login(**{name: reveal(self._credentials, name, self._secrets) for name, asked in named.items() if asked})

    def _exchange(self) -> Exchange:
        return Exchange(Transcript(self.dialect.mask_patterns))

    def _intent(self, name: str) -> MqttIntent:
        try:
            return self.dialect.intents[name]
        except KeyError:
            raise Unsayable(f"{name!r} is no intent of dialect {self.dialect.dialect}", field="intent") from None


class _Talk:
    """One command's messages."""

    def __init__(self, element: MqttElement, intent: MqttIntent, exchange: Exchange) -> None:
        self._element = element
        self._intent = intent
        self._exchange = exchange
        self._version = 0

    async def read(self, key: str) -> Reading:
        await self._awake(key)
        slots = Slots(f"read-{uuid.uuid4().hex}")
        said = self._element.message(self._intent.get, key, slots)
        answer = await self._element.say(self._intent, key, said=said, id_=slots.id, exchange=self._exchange)
        return self._heard(answer)

    async def change(self, command: Command, shown: State | None) -> Reading | None:
        await self._awake(command.key)
        said = self._element.wish(self._intent, command, shown, version=self._version)
        self._exchange.changing = True
        id_ = command.idempotency_key
        answer = await self._element.say(self._intent, command.key, said=said, id_=id_, exchange=self._exchange)
        return self._heard(answer)

    async def lagging(self, command: Command) -> str:
        return ""

    async def _awake(self, key: str) -> None:
        """Connect, and spare a question to a device that is known to be gone."""
        await self._element.session.open()
        if self._element.is_offline(self._intent, key):
            raise Unreachable(f"{key} is offline", transcript=self._exchange.transcript.text())

    def _heard(self, answer: Payload) -> Reading:
        reply = self._intent.reply
        if answer[reply.result] not in reply.accepted:
            raise self._exchange.refusal(f"the device refused: {answer.get(reply.reason) or 'it gave no reason'}")
        if reply.version is not None:
            self._version = int(answer[reply.version])
        incarnation = str(answer.get(reply.incarnation, "")) if reply.incarnation else ""
        words = mask(_compact(answer), self._element.dialect.mask_patterns)
        return Reading(self._intent.state(answer[reply.state]), words, incarnation)


def _compact(body: Payload) -> str:
    return json.dumps(body, separators=(",", ":"))


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
