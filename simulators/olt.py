"""An optical line terminal's ports as MIB objects: IF-MIB state and name, and a rate profile per port."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pysnmp.proto.api import v2c

Oid = tuple[int, ...]

SYS_DESCR: Oid = (1, 3, 6, 1, 2, 1, 1, 1, 0)
SYS_UPTIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
SYS_NAME: Oid = (1, 3, 6, 1, 2, 1, 1, 5, 0)
ENGINE_BOOTS: Oid = (1, 3, 6, 1, 6, 3, 10, 2, 1, 2, 0)
ENGINE_TIME: Oid = (1, 3, 6, 1, 6, 3, 10, 2, 1, 3, 0)
IF_DESCR: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1, 2)
IF_ADMIN_STATUS: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1, 7)
IF_OPER_STATUS: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1, 8)
IF_NAME: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1)
IF_ALIAS: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18)
RATE_PROFILE: Oid = (1, 3, 6, 1, 4, 1, 32473, 1, 1, 2)  # enterprise 32473 is set aside for documentation
COLUMNS = (IF_DESCR, IF_ADMIN_STATUS, IF_OPER_STATUS, IF_NAME, IF_ALIAS, RATE_PROFILE)
WRITABLE = (IF_ADMIN_STATUS, IF_ALIAS, RATE_PROFILE)

UP, DOWN = 1, 2
ALIAS_LIMIT = 64  # octets, IF-MIB's ifAlias
PROFILE = re.compile(r"[A-Za-z0-9_-]{1,32}")
NO_PROFILE = "none"


class SetError(Exception):
    """A SET that must not be done: the SNMP error's name and which varbind, counted from 0, is to blame."""

    def __init__(self, status: str, index: int) -> None:
        super().__init__(f"{status} at {index}")
        self.status = status
        self.index = index


@dataclass
class Port:
    """One subscriber's line; ifOperStatus follows `admin`."""

    admin: int = DOWN
    profile: str = NO_PROFILE
    alias: str = ""

    @property
    def present(self) -> bool:
        """Whether anything is configured here."""
        return self != Port()


class Olt:
    """The terminal's objects: read one, find the next, write several or none."""

    def __init__(self, ports: int) -> None:
        self.boots = 1
        self._since = time.monotonic()
        self._ports = {index: Port() for index in range(1, ports + 1)}
        self._scalars: dict[Oid, Callable[[], Any]] = {
            SYS_DESCR: lambda: v2c.OctetString("Trunkline OLT simulator"),
            SYS_UPTIME: lambda: v2c.TimeTicks(int(self._uptime_s() * 100) % 2**32),
            SYS_NAME: lambda: v2c.OctetString("olt-simulator"),
            ENGINE_BOOTS: lambda: v2c.Integer32(self.boots),
            ENGINE_TIME: lambda: v2c.Integer32(int(self._uptime_s())),
        }
        self._order = sorted([*self._scalars, *((*column, i) for column in COLUMNS for i in self._ports)])

    def _uptime_s(self) -> float:
        return time.monotonic() - self._since

    def read(self, oid: Oid) -> Any:
        """The object's SNMP value, or noSuchInstance."""
        if oid in self._scalars:
            return self._scalars[oid]()
        column, port = oid[:-1], self._ports.get(oid[-1]) if oid else None
        if port is None or column not in COLUMNS:
            return v2c.NoSuchInstance()
        if column in (IF_ADMIN_STATUS, IF_OPER_STATUS):
            return v2c.Integer32(port.admin)
        texts = {IF_ALIAS: port.alias, RATE_PROFILE: port.profile}
        return v2c.OctetString(texts.get(column, f"gpon-0/{oid[-1]}").encode())

    def next(self, oid: Oid) -> Oid | None:
        """The first object after this one, in the MIB's order."""
        place = bisect_right(self._order, oid)
        return self._order[place] if place < len(self._order) else None

    def write(self, varbinds: list[tuple[Oid, Any]]) -> bool:
        """Write all or, with SetError, none; true when anything became different."""
        values = [self._checked(index, oid, value) for index, (oid, value) in enumerate(varbinds)]
        before = {oid[-1]: vars(self._ports[oid[-1]]).copy() for oid, _ in varbinds}
        for (oid, _), value in zip(varbinds, values, strict=True):
            port = self._ports[oid[-1]]
            if oid[:-1] == IF_ADMIN_STATUS:
                port.admin = int(value)
            elif oid[:-1] == IF_ALIAS:
                port.alias = str(value)
            else:
                port.profile = str(value)
        return any(vars(self._ports[index]) != old for index, old in before.items())

    def _checked(self, index: int, oid: Oid, value: Any) -> int | str:
        if isinstance(self.read(oid), v2c.NoSuchInstance):
            raise SetError("noCreation", index)
        if oid[:-1] not in WRITABLE:
            raise SetError("notWritable", index)
        if oid[:-1] == IF_ADMIN_STATUS:
            if not isinstance(value, v2c.Integer32) or isinstance(value, v2c.TimeTicks):
                raise SetError("wrongType", index)
            if int(value) not in (UP, DOWN):
                raise SetError("wrongValue", index)
            return int(value)
        if type(value).__name__ != "OctetString":
            raise SetError("wrongType", index)
        return self._checked_text(index, oid[:-1], bytes(value))

    def _checked_text(self, index: int, column: Oid, value: bytes) -> str:
        if column == IF_ALIAS and len(value) > ALIAS_LIMIT:
            raise SetError("wrongLength", index)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            raise SetError("wrongValue", index) from None
        if column == RATE_PROFILE and not PROFILE.fullmatch(text):
            raise SetError("wrongValue", index)
        return text

    def reboot(self) -> None:
        """Start again with the same configuration."""
        self.boots += 1
        self._since = time.monotonic()

    def state(self) -> dict[str, dict[str, Any]]:
        """Every port's fields by ifIndex."""
        return {
            str(index): {
                "present": port.present,
                "admin": "up" if port.admin == UP else "down",
                "profile": port.profile,
                "alias": port.alias,
            }
            for index, port in self._ports.items()
        }

    def change(self, key: str, fields: dict[str, Any]) -> None:
        """Make the port as told, behind the back of whoever provisions it; ValueError names a bad field."""
        index = int(key) if key.isdecimal() else 0
        if index not in self._ports:
            raise ValueError(f"port {key!r}: use 1 to {len(self._ports)}")
        if fields.get("present", True) is False:
            self._ports[index] = Port()
            return
        varbinds: list[tuple[Oid, Any]] = []
        for field, value in fields.items():
            if field == "admin" and value in ("up", "down"):
                varbinds.append(((*IF_ADMIN_STATUS, index), v2c.Integer32(UP if value == "up" else DOWN)))
            elif field in ("profile", "alias") and isinstance(value, str):
                column = IF_ALIAS if field == "alias" else RATE_PROFILE
                varbinds.append(((*column, index), v2c.OctetString(value.encode())))
            elif field != "present":
                raise ValueError(f"field {field!r} = {value!r}: use present, admin (up|down), profile, alias")
        try:
            self.write(varbinds)
        except SetError as error:
            raise ValueError(f"port {key}: {error.status}") from error
