"""What devices report by themselves: usage from every element that can be listened to, into the book of its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

import structlog

from bss.usage import service as usage
from bss.usage.model import UsageEvent
from gateway.network import Network
from kernel.database import Database, Unavailable
from kernel.errors import Invalid, TrunklineError
from kernel.ids import TenantId
from kernel.work import PLATFORM, SystemWork
from oss.inventory import elements
from oss.inventory import service as inventory

_log = structlog.get_logger(__name__)

WAITING = 10_000
"""Reports heard and not yet booked at most: past that a flood is dropped and counted, not kept in memory."""
TRIES = 5
"""A report is brought so often to a database that does not answer, with a rest between; then it is dropped."""
REST_S = 1.0
"""That rest: a restart of the database takes a few seconds."""
QUANTITY = 10**15
"""No report counts more: a petabyte in bytes, and it fits a 64-bit column."""
TEXT = 200
"""Characters of a device's name, a meter or a report's id at most."""

Reporter = Callable[[str, Mapping[str, object]], None]


@runtime_checkable
class Reporting(Protocol):
    """An element whose devices report usage by themselves."""

    async def subscribe_usage(self, report: Reporter) -> None:
        """Hand every report to `report(device, payload)`."""
        ...


class Intake:
    """Listens on every reporting element of this process."""

    def __init__(self, database: Database, network: Network) -> None:
        self._database, self._network = database, network
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0

    async def listen(self) -> None:
        """Subscribe where it can be done; an element out of reach now is tried again by its own session."""
        for name in await asyncio.wrap_future(self._database.read_system(_names)):
            try:
                element = await self._network.element(name)
                if isinstance(element, Reporting):
                    await element.subscribe_usage(self._report)
            except Exception as error:  # one that is wrongly set up must not keep the others from being heard
                _log.warning("element does not report yet", element=name, error=repr(error))

    async def finish(self) -> None:
        """Wait until every report heard so far is booked or dropped."""
        await asyncio.gather(*self._tasks)

    def idle(self) -> bool:
        """Whether every report heard so far is booked."""
        return not self._tasks

    def _report(self, device: str, payload: Mapping[str, object]) -> None:
        if len(self._tasks) >= WAITING:
            self._drop(device, Unavailable(f"{WAITING} reports are waiting"))
            return
        task = asyncio.get_running_loop().create_task(self._book(device, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _book(self, device: str, payload: Mapping[str, object]) -> None:
        for left in reversed(range(TRIES)):
            try:
                await self._ingest(_event(device, payload))
                return
            except Unavailable as error:
                if not left:
                    self._drop(device, error)
                    return
                await asyncio.sleep(REST_S)
            except Exception as error:  # whatever a device sends, it is one report's fault: counted and logged
                self._drop(device, error)
                return

    async def _ingest(self, event: UsageEvent) -> None:
        tenant = await asyncio.wrap_future(self._database.read_system(lambda work: _owner(work, event)))
        await asyncio.wrap_future(
            self._database.submit(lambda work: usage.ingest(work, [event]), tenant=tenant, actor=PLATFORM)
        )

    def _drop(self, device: str, error: Exception) -> None:
        self.dropped += 1
        told = str(error) if isinstance(error, TrunklineError) else repr(error)
        _log.warning("usage report dropped", device=device[:TEXT], error=told)


def _event(device: str, payload: Mapping[str, object]) -> UsageEvent:
    event_id, meter, quantity, at = (payload.get(name) for name in ("id", "meter", "quantity", "at"))
    if not isinstance(event_id, str) or not isinstance(meter, str) or not isinstance(at, str):
        raise Invalid("a report has id, meter, quantity and at", field="usage", fix="mend the device")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise Invalid("the quantity is not a whole number", field="quantity", fix="mend the device")
    if not 0 <= quantity <= QUANTITY:
        raise Invalid(f"the quantity is not between 0 and {QUANTITY}", field="quantity", fix="mend the device")
    if any(not text or len(text) > TEXT or not text.isprintable() for text in (device, event_id, meter)):
        raise Invalid(f"device, id and meter have 1 to {TEXT} printable characters", field="usage", fix="mend it")
    try:
        instant: datetime | None = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Invalid(f"{at[:TEXT]!r} is not an instant", field="at", fix="RFC 3339 with an offset")
    return UsageEvent(event_id=event_id, meter=meter, kind="meter", value=device, quantity=quantity, at=instant)


def _owner(work: SystemWork, event: UsageEvent) -> TenantId:
    found = inventory.resolve(work, event.kind, event.value, event.at)
    if found is None:
        raise Invalid(f"{event.value} belonged to nobody at {event.at}", field="device", fix="bind it to a service")
    return found[0]


def _names(work: SystemWork) -> list[str]:
    return [element.name for element in elements.all(work)]
