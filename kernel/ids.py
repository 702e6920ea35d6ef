"""Typed ids: 63-bit integers inside, sortable by birth; prefixed text (`ord_1C8FV3K5Q2Y0P`) at the edge."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from kernel.errors import Invalid

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {c: i for i, c in enumerate(_ALPHABET)}
_LENGTH = 13
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
"""Two characters at a time: ids are written into every fact, and this is three times faster than one by one."""
_EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z; 41 bits of milliseconds last until 2093
_NODE_BITS, _SEQUENCE_BITS = 10, 12
_SEQUENCE = (1 << _SEQUENCE_BITS) - 1
_START_BITS = 11
"""Each process begins its sequences somewhere in the lower half: two that drew one node still seldom meet."""


class Id(int):
    """An id of one kind; each noun derives its own class and prefix."""

    prefix: ClassVar[str] = "id"
    kinds: ClassVar[list[type[Id]]] = []
    on_new_kind: ClassVar[list[Callable[[type[Id]], None]]] = []

    def __init_subclass__(cls, *, prefix: str) -> None:
        cls.prefix = prefix
        Id.kinds.append(cls)
        for tell in Id.on_new_kind:
            tell(cls)

    @classmethod
    def new(cls) -> Self:
        """A fresh id, larger than any this process made before."""
        return cls(_source.next())

    @classmethod
    def next(cls) -> int:
        """The same as a bare number, for rows of the hot paths."""
        return _source.next()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From its edge form; Invalid when it is of another kind or garbled."""
        head, _, tail = text.rpartition("_")
        if head != cls.prefix or len(tail) != _LENGTH or any(c not in _VALUES for c in tail):
            raise Invalid(
                f"{text!r} is not a {cls.prefix} id",
                field=cls.__name__,
                fix=f"it looks like {cls.prefix}_{'0' * _LENGTH}",
            )
        value = 0
        for c in tail:
            value = value * 32 + _VALUES[c]
        if value >= 1 << 63:
            raise Invalid(f"{text!r} is larger than any id", field=cls.__name__, fix="copy it again")
        return cls(value)

    def __str__(self) -> str:
        v, pair = int(self), _PAIRS
        return (
            f"{self.prefix}_{_ALPHABET[v >> 60]}{pair[v >> 50 & 1023]}{pair[v >> 40 & 1023]}{pair[v >> 30 & 1023]}"
            f"{pair[v >> 20 & 1023]}{pair[v >> 10 & 1023]}{pair[v & 1023]}"
        )

    def __repr__(self) -> str:
        return str(self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def check(value: object) -> Id:
            if isinstance(value, cls):
                return value
            if isinstance(value, str):
                try:
                    return cls.parse(value)
                except Invalid as error:
                    raise ValueError(str(error)) from error
            raise ValueError(f"expected a {cls.prefix}_ id")

        return core_schema.no_info_plain_validator_function(
            check,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
            json_schema_input_schema=core_schema.str_schema(pattern=f"^{cls.prefix}_[0-9A-Z]{{{_LENGTH}}}$"),
        )


class TenantId(Id, prefix="tnt"):
    """A tenant: operator, reseller or enterprise."""


class EventId(Id, prefix="evt"):
    """One announced fact."""


class _Source:
    """Milliseconds, a random node and a sequence: unique across processes without talking to anyone."""

    def __init__(self) -> None:
        self._node = -1
        self.reseed()

    def reseed(self) -> None:
        """Draw a new node; also after a fork, where the child must differ from its parent and holds nobody's lock."""
        drawn, before = int.from_bytes(os.urandom(3)), self._node
        self._lock = threading.Lock()
        self._node = drawn & ((1 << _NODE_BITS) - 1)
        if self._node == before:
            self._node ^= 1
        self._start = drawn >> _NODE_BITS & ((1 << _START_BITS) - 1)
        self._last = 0

    def next(self) -> int:
        with self._lock:
            stamp = ((time.time_ns() // 1_000_000 - _EPOCH_MS) << _SEQUENCE_BITS) + self._start
            if stamp <= self._last:
                stamp = self._last + 1
            self._last = stamp
        ms, sequence = stamp >> _SEQUENCE_BITS, stamp & _SEQUENCE
        return (ms << (_NODE_BITS + _SEQUENCE_BITS)) | (sequence << _NODE_BITS) | self._node


_source = _Source()
os.register_at_fork(after_in_child=_source.reseed)
