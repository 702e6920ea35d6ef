"""Question and answer over a broker: each message carries an id, and only its own device may answer it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiomqtt

from adapters.elements.conduct import Lost
from adapters.elements.deadlines import Timeouts
from adapters.elements.mqtt.dialect import key_in
from adapters.elements.mqtt.transport import LOG, Client, Link, Login
from kernel.errors import Unreachable

PAYLOAD_LIMIT_BYTES = 64 * 1024
"""A device's state or usage is some hundred bytes; what is larger is not looked at."""

ASK_AGAIN_S = 5.0
"""A connection that was told to end and goes on is told again after so long: its good-bye must not be cut short."""

Payload = Mapping[str, Any]


@dataclass(slots=True)
class Counters:
    """Messages that were dropped, and why."""

    malformed: int = 0
    """No JSON object, too large, or a member of a wrong type."""
    unasked: int = 0
    """Answers whose question is gone or was put to another device."""
    failed: int = 0
    """Messages whose subscriber failed on them."""


@dataclass(slots=True)
class _Question:
    key: str
    fits: Callable[[Payload], bool]
    answer: asyncio.Future[Payload | None]


class Session:
    """One client on a broker for all devices under a prefix; opens on first use, and again after a loss."""

    def __init__(self, link: Link, *, prefix: str, login: Callable[[], Login], timeouts: Timeouts) -> None:
        self._link = link
        self._prefix = prefix
        self._login = login
        self._timeouts = timeouts
        self._opening = asyncio.Lock()
        self._client: Client | None = None
        self._life: asyncio.Task[None] | None = None
        self._questions: dict[str, _Question] = {}
        self._readers: dict[str, list[Callable[[str, bytes], None]]] = {}
        self._standing = False
        self._failure: Unreachable | None = None
        self.counters = Counters()

    def listen(self, template: str, reader: Callable[[str, bytes], None]) -> None:
        """Hand the messages of a topic (`devices/{key}/usage`) to a reader from the next connection on."""
        self._readers.setdefault(template, []).append(reader)

    def answers(self, template: str, id_member: str) -> None:
        """Take the messages of a topic for answers, from the next connection on."""
        self.listen(template, lambda key, payload: self._settle(key, payload, id_member))

    async def stand(self, template: str, reader: Callable[[str, bytes], None]) -> None:
        """Listen to a topic until closed, over every loss. Raises Unreachable if it begins with one."""
        self.listen(template, reader)
        self._standing = True
        client = await self._opened()
        await client.subscribe(self._pattern(template), qos=1, timeout=self._timeouts.connect_s)

    async def ask(self, topic: str, payload: str, *, key: str, id_: str, fits: Callable[[Payload], bool]) -> Payload:
        """Publish a question and wait for an answer that fits. Raises Unreachable (nothing left), Denied or Lost."""
        client = await self._opened()
        answer: asyncio.Future[Payload | None] = asyncio.get_running_loop().create_future()
        self._questions[id_] = _Question(key, fits, answer)
        try:
            async with asyncio.timeout(self._timeouts.reply_s):
                await client.tell(topic, payload, timeout_s=self._timeouts.reply_s)
                body = await answer
        except TimeoutError as error:
            raise Lost(f"{key} did not answer within {self._timeouts.reply_s:g} s") from error
        except aiomqtt.MqttError as error:
            raise Lost(f"the broker went away: {error}") from error
        finally:
            self._questions.pop(id_, None)
        if body is None:
            raise Lost("the broker went away")
        return body

    async def close(self) -> None:
        """End the connection."""
        self._standing = False
        async with self._opening:
            await self._end()

    async def open(self) -> None:
        """Make sure of a connection. Raises Unreachable."""
        await self._opened()

    async def _opened(self) -> Client:
        async with self._opening:
            if self._client is None:
                await self._end()
                self._failure = None
                ready = asyncio.Event()
                self._life = asyncio.create_task(self._live(ready))
                await ready.wait()
            if self._client is None:
                raise self._failure or Unreachable("the broker went away")
            return self._client

    async def _end(self) -> None:
        """End the connection's task, asking again: asyncio.wait_for, inside the client, may swallow a cancellation."""
        life = self._life
        while life is not None and not life.done():
            life.cancel()
            await asyncio.wait((life,), timeout=ASK_AGAIN_S)
        self._life = None
        if life is not None and not life.cancelled():
            life.result()

    async def _live(self, ready: asyncio.Event) -> None:
        """Connect, listen, and connect again for as long as somebody stands by."""
        while True:
            try:
                await self._connection(ready)
            except Unreachable as error:
                self._failure = error
            except aiomqtt.MqttError as error:
                LOG.info("connection lost: %s", error)
            finally:
                if self._client is not None:
                    self._client.lose()
                self._client = None
                self._lose_questions()
                ready.set()
            if not self._standing:
                return
            await asyncio.sleep(self._timeouts.redial_s)

    async def _connection(self, ready: asyncio.Event) -> None:
        async with self._link.opened(self._login()) as client:
            topics = [(self._pattern(template), 1) for template in self._readers]
            await client.subscribe(topics, timeout=self._timeouts.connect_s)
            self._client = client
            ready.set()
            async for message in client.messages:
                self._read(str(message.topic), message.payload)

    def _pattern(self, template: str) -> str:
        return f"{self._prefix}/{template.replace('{key}', '+')}"

    def _read(self, topic: str, payload: object) -> None:
        if not isinstance(payload, bytes) or len(payload) > PAYLOAD_LIMIT_BYTES:
            self.counters.malformed += 1
            return
        for template, readers in self._readers.items():
            key = key_in(self._prefix, template, topic)
            if key is not None:
                for reader in readers:
                    reader(key, payload)

    def _settle(self, key: str, payload: bytes, id_member: str) -> None:
        body = decoded(payload)
        id_ = body.get(id_member) if body is not None else None
        if body is None or not isinstance(id_, str | None):
            self.counters.malformed += 1
            return
        question = self._questions.get(id_) if id_ is not None else None
        if question is None or question.key != key or question.answer.done():
            self.counters.unasked += 1
            return
        if not question.fits(body):
            self.counters.malformed += 1
            return
        question.answer.set_result(body)

    def _lose_questions(self) -> None:
        for question in self._questions.values():
            if not question.answer.done():
                question.answer.set_result(None)


def decoded(payload: bytes) -> dict[str, Any] | None:
    """A JSON object, or None."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
