"""The edge of the network: open elements by name and pinned dialect, one spoken command in, one Answer out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import structlog

from gateway import preread
from kernel.database import Database, Unavailable
from kernel.errors import Invalid, Refused, TrunklineError, Unanswered, Unreachable
from kernel.work import SystemWork
from oss.inventory import elements
from oss.inventory.model import Differs
from oss.orders.run import Sent
from oss.orders.settle import Answer, Word
from oss.port import ElementSpec, NetworkElement

_log = structlog.get_logger(__name__)

GRACE_S = 1.0
"""An adapter that overruns its own deadline by so much is cut off here."""


class Connect(Protocol):
    """How an element is opened from its specification."""

    def __call__(self, spec: ElementSpec) -> NetworkElement:
        """The element; its session opens on first use."""
        ...


class Network:
    """The open elements of this process; sessions are kept, one per element and dialect version."""

    def __init__(self, database: Database, connect: Connect) -> None:
        self._database, self._connect = database, connect
        self.wary: Mapping[str, Differs] = {}
        self._open: dict[tuple[str, str], NetworkElement] = {}
        self._opening: dict[tuple[str, str], asyncio.Task[NetworkElement]] = {}
        self._talks: set[asyncio.Task[Any] | None] = set()
        self._broken: set[asyncio.Task[Any] | None] = set()

    async def element(self, name: str, dialect: str = "") -> NetworkElement:
        """The element, with the dialect a task pinned or the one in force. Raises NotFound."""
        found = self._open.get((name, dialect))
        return found if found is not None else await self._opened(name, dialect)

    async def _opened(self, name: str, dialect: str) -> NetworkElement:
        """Look it up once, however many commands wait for it."""
        place = (name, dialect)
        opening = self._opening.get(place)
        if opening is None:
            opening = self._opening[place] = asyncio.get_running_loop().create_task(self._look_up(name, dialect))
            opening.add_done_callback(lambda _: self._opening.pop(place, None))
        return await asyncio.shield(opening)

    async def _look_up(self, name: str, dialect: str) -> NetworkElement:
        spec = await asyncio.wrap_future(self._database.read_system(lambda work: _spec(work, name, dialect)))
        found = self._open[name, dialect] = self._connect(spec)
        return found

    async def speak(self, sent: Sent) -> Answer:
        """Carry one command to its element; every failure is an answer, none is lost."""
        command, me = sent.command, asyncio.current_task()
        self._talks.add(me)
        try:
            async with asyncio.timeout(command.timeout_s + GRACE_S):
                element = await self.element(command.element, command.dialect)
                if sent.read_only:
                    reading = await element.read(command.intent, command.key)
                    return Answer(sent.task, sent.attempt, Word.READ, reading, transcript=reading.transcript)
                if command.element in self.wary:
                    return await preread.apply(element, sent, self.wary[command.element])
                outcome = await element.apply(command)
                return Answer(sent.task, sent.attempt, Word.DONE, outcome.reading, transcript=outcome.transcript)
        except (TrunklineError, TimeoutError) as error:
            return _failure(sent, error)
        except Exception as error:  # a fault of ours: logged in full, and settled by a read-back like any silence
            _log.exception("adapter failed", element=command.element, key=command.key)
            return _failure(sent, Unanswered(f"internal: {error!r}"))
        except asyncio.CancelledError:
            if me is None or me not in self._broken:
                raise
            me.uncancel()
            return _failure(sent, Unanswered("broken off: the lease was not renewed in time"))
        finally:
            self._talks.discard(me)
            self._broken.discard(me)

    def break_off(self) -> None:
        """End every talk where it stands, before its next byte; each is answered as unanswered."""
        for talk in self._talks - self._broken:
            if talk is not None:
                self._broken.add(talk)
                talk.cancel()

    async def silence(self) -> None:
        """Break off every talk and end every session: somebody else may be speaking already."""
        self.break_off()
        await self.close()

    async def close(self) -> None:
        """End every session."""
        opened, self._open = list(self._open.values()), {}
        ends = await asyncio.gather(*(element.close() for element in opened), return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):  # a session that cannot be ended well must not keep the others open
                _log.warning("session not ended", error=repr(end))


def _spec(work: SystemWork, name: str, dialect: str) -> ElementSpec:
    return elements.spec(work, name, dialect_hash=dialect or None)


_WORDS: tuple[tuple[type[BaseException], Word], ...] = (
    (Refused, Word.REFUSED),
    (Invalid, Word.REFUSED),
    (Unreachable, Word.UNREACHABLE),
    (Unavailable, Word.UNREACHABLE),  # our own database did not say where it is: nothing was sent
    (Unanswered, Word.UNANSWERED),
    (TimeoutError, Word.UNANSWERED),
)


def _failure(sent: Sent, error: BaseException) -> Answer:
    word = next((w for kind, w in _WORDS if isinstance(error, kind)), Word.REFUSED)
    if sent.read_only:
        word = Word.UNREADABLE
    message = str(error) or "no answer within the deadline"
    return Answer(
        sent.task, sent.attempt, word, message=message, transcript=str(getattr(error, "transcript", "") or "")
    )
