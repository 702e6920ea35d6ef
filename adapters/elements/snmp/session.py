"""Request and response with one agent: in-flight limits, and what an error status means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pysnmp.proto.api import v2c

from adapters.elements.conduct import Lost
from adapters.elements.deadlines import Timeouts
from adapters.elements.snmp import transport
from adapters.elements.snmp.dialect import Cell
from adapters.elements.snmp.transport import Address, Answer, Keys

BULK_ROWS = 20
"""Rows asked for at once in a walk: three columns of them fit into one datagram of 1,400 bytes."""

WALK_ROWS_LIMIT = 100_000
"""Rows of one table: above any chassis, below what an agent in a loop could fill our memory with."""

STATUS = (
    "noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength",
    "wrongEncoding", "wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed",
    "undoFailed", "authorizationError", "notWritable", "inconsistentName",
)  # fmt: skip
"""RFC 3416, in the order of their numbers."""

PASSING = frozenset({"genErr", "resourceUnavailable", "commitFailed"})
"""Nothing was done, and it may work later."""

NOBODY_KNOWS = frozenset({"undoFailed"})
"""Something was done, and could not be undone."""


class Status(Exception):
    """The agent's error status for a request; `index` counts its varbinds from 1, 0 when it names none."""

    def __init__(self, status: int, index: int) -> None:
        self.word = STATUS[status] if status < len(STATUS) else f"status {status}"
        self.index = index
        super().__init__(self.word)


class Session:
    """One agent on the loop's engine, opened on first use."""

    def __init__(self, address: Address, *, keys: Callable[[], Keys], timeouts: Timeouts) -> None:
        self._address = address
        self._keys = keys
        self._timeouts = timeouts
        self._slots = asyncio.Semaphore(transport.IN_FLIGHT_PER_ELEMENT)
        self._opening = asyncio.Lock()
        self._target: transport.Target | None = None
        self.boots = 0

    async def get(self, oids: Sequence[str]) -> list[int | str | None]:
        """The values of some instances, None where there is none. Raises Lost, Status or Unreachable."""
        answer = await self._ask(lambda on: on.engine.send("get", on.name, [(oid, v2c.null) for oid in oids]))
        if len(answer.varbinds) != len(oids):
            raise Lost("the agent answered with other instances than it was asked for")
        return [plain(value) for _, value in answer.varbinds]

    async def set(self, cells: Sequence[Cell]) -> None:
        """Write all cells or none. Raises Lost, Status or Unreachable."""
        varbinds = [(cell.oid, typed(cell)) for cell in cells]
        await self._ask(lambda on: on.engine.send("set", on.name, varbinds))

    async def walk(self, columns: Sequence[str]) -> dict[str, list[int | str | None]]:
        """All rows of some columns of one table, by index. Raises Lost, Status or Unreachable."""
        rows: dict[str, list[int | str | None]] = {}
        at = list(columns)
        while len(rows) < WALK_ROWS_LIMIT:
            found = await self._bulk(at)
            for row in found:
                index = _index(row, columns)
                if index is None or index in rows:
                    return rows
                rows[index] = [plain(value) for _, value in row]
            if not found:
                return rows
            at = [oid for oid, _ in found[-1]]
        return rows

    async def _bulk(self, at: Sequence[str]) -> list[tuple[tuple[str, Any], ...]]:
        answer = await self._ask(lambda on: on.engine.send_bulk(on.name, at, rows=BULK_ROWS))
        return [answer.varbinds[i : i + len(at)] for i in range(0, len(answer.varbinds), len(at))]

    async def close(self) -> None:
        """Leave the engine."""
        async with self._opening:
            if self._target is not None:
                self._target.close()
                self._target = None

    async def _ask(self, send: Callable[[transport.Target], Awaitable[Answer]]) -> Answer:
        target = await self._opened()
        async with self._slots, transport.shared().gate:
            answer = await send(target)
        if answer.indication:
            raise Lost(f"{self._address.host}:{self._address.port}: {answer.indication}")
        self.boots = answer.boots
        if answer.status:
            raise Status(answer.status, answer.index)
        return answer

    async def _opened(self) -> transport.Target:
        async with self._opening:
            if self._target is None:
                self._target = await transport.open_target(self._address, self._keys(), self._timeouts)
            return self._target


def typed(cell: Cell) -> Any:
    """A cell's value in its SNMP syntax."""
    match cell.syntax:
        case "INTEGER":
            return v2c.Integer32(cell.value)
        case "Unsigned32":
            return v2c.Unsigned32(cell.value)
        case _:
            return v2c.OctetString(str(cell.value).encode())


def plain(value: Any) -> int | str | None:
    """A value from the wire as a number or a text; None where the agent has no such instance."""
    if isinstance(value, v2c.NoSuchObject | v2c.NoSuchInstance | v2c.EndOfMibView | v2c.Null):
        return None
    if isinstance(value, v2c.OctetString):
        return bytes(value).decode("utf-8", "replace")
    return str(value) if isinstance(value, v2c.ObjectIdentifier) else int(value)


def _index(row: Sequence[tuple[str, Any]], columns: Sequence[str]) -> str | None:
    """The index that all cells of a row share; None past the end of the table."""
    pairs = [(oid, column + ".") for (oid, _), column in zip(row, columns, strict=False)]
    indexes = {oid.removeprefix(column) for oid, column in pairs}
    whole = len(row) == len(columns) and all(oid.startswith(column) for oid, column in pairs)
    return indexes.pop() if whole and len(indexes) == 1 else None
