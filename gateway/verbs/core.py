"""A verb is one use of the house: what it asks, what it gives, and the function of a Work that does it.

The CLI and the HTTP API share them: the CLI runs a verb on the database it opened, or asks a running gateway for it
over the route that stands beside the function.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.identity import roles
from gateway.identity.service import Caller
from gateway.wiring import Gateway
from kernel.errors import Invalid
from kernel.ids import Id
from kernel.work import Work

BASE = "/v1"
"""Under which our own resources stand; a change that breaks a client gets another number."""
PAGE = 50
"""Rows of a list unless told."""
PAGE_LIMIT = 500
"""Rows of one list at most."""
OFFSET_LIMIT = 1_000_000
"""Skipping more costs the database more than any reader has use of; filter instead."""


class Asks(BaseModel):
    """What a verb asks; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def told(self) -> dict[str, Any]:
        """The fields by name, ids as ids."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class Gives(BaseModel):
    """What a verb gives."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Nothing(Asks):
    """No question."""


class PageAsked(Asks):
    """Which part of a list."""

    offset: int = Field(default=0, ge=0, le=OFFSET_LIMIT)
    limit: int = Field(default=PAGE, ge=1, le=PAGE_LIMIT)


_SURROGATE = re.compile("[\ud800-\udfff]")

A = TypeVar("A", bound=Asks)
B = TypeVar("B", bound=BaseModel)
T = TypeVar("T")


class Page(Gives, Generic[B]):
    """A part of a list, and how long the whole of it is."""

    items: list[B]
    total: int


@dataclass(frozen=True, slots=True)
class Verb(Generic[A, B]):
    """One use: `name` is what roles grant, the route what the API offers, `headers` the fields that travel as such."""

    name: str
    method: str
    path: str
    asks: type[A]
    gives: type[B]
    status: int
    summary: str
    work: Callable[[Work, A], B] | None = None
    edge: Callable[[Desk, A], Awaitable[B]] | None = None
    reads: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


class _Rehearsed(Exception):
    """Undoes the Work in which it is raised, and carries out what it gave."""

    def __init__(self, given: object) -> None:
        super().__init__("rehearsed")
        self.given = given


class Desk:
    """Where a caller's verbs are done: on an open gateway, each in one Work, if the caller's roles grant it."""

    def __init__(self, gateway: Gateway, caller: Caller) -> None:
        self.gateway = gateway
        self.caller = caller

    async def do(self, verb: Verb[A, B], asked: A) -> B:
        """Do it. Raises Forbidden, or whatever the verb raises."""
        roles.require(self.caller.actor, verb.name)
        if verb.edge is not None:
            return await verb.edge(self, asked)
        work = verb.work
        if work is None:
            raise TypeError(f"{verb.name} does nothing")
        return await (self.read if verb.reads else self.run)(lambda opened: work(opened, asked))

    async def run(self, fn: Callable[[Work], T]) -> T:
        """One committed Work of the caller."""
        tenant, actor = self.caller
        return await asyncio.wrap_future(self.gateway.database.submit(fn, tenant=tenant, actor=actor))

    async def rehearse(self, fn: Callable[[Work], T]) -> T:
        """One Work of the caller that may change everything and is undone: what it gives is what would have been."""

        def undone(work: Work) -> None:
            raise _Rehearsed(fn(work))

        try:
            await self.run(undone)
        except _Rehearsed as told:
            return cast(T, told.given)
        raise TypeError("a rehearsal must end by being undone")

    async def read(self, fn: Callable[[Work], T]) -> T:
        """One Work of the caller that changes nothing."""
        tenant, actor = self.caller
        return await asyncio.wrap_future(self.gateway.database.read(fn, tenant=tenant, actor=actor))


def reading(name: str, path: str) -> Callable[[Callable[[Work, A], B]], Verb[A, B]]:
    """A verb that looks and changes nothing."""

    def made(fn: Callable[[Work, A], B]) -> Verb[A, B]:
        asks, gives, summary = _signature(fn)
        return Verb(name, "GET", BASE + path, asks, gives, 200, summary, work=fn, reads=True)

    return made


def writing(
    name: str, path: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Callable[[Callable[[Work, A], B]], Verb[A, B]]:
    """A verb that changes something, in one Work; `status` 201 when it makes a resource."""

    def made(fn: Callable[[Work, A], B]) -> Verb[A, B]:
        asks, gives, summary = _signature(fn)
        return Verb(name, "POST", BASE + path, asks, gives, status, summary, work=fn, headers=headers or {})

    return made


def edging(name: str, path: str) -> Callable[[Callable[[Desk, A], Awaitable[B]]], Verb[A, B]]:
    """A verb that speaks to the outside, or takes several Works."""

    def made(fn: Callable[[Desk, A], Awaitable[B]]) -> Verb[A, B]:
        asks, gives, summary = _signature(fn)
        return Verb(name, "POST", BASE + path, asks, gives, 200, summary, edge=fn)

    return made


def _signature(fn: Callable[..., Any]) -> tuple[type[Any], type[Any], str]:
    hints = get_type_hints(fn)
    gives = hints.pop("return")
    return list(hints.values())[-1], gives, (fn.__doc__ or "").strip().partition("\n")[0]


def href(collection: str, thing: Id | str) -> str:
    """Where a resource stands."""
    return f"{BASE}/{collection}/{thing}"


def asked(verb: Verb[A, B], document: object) -> A:
    """What a verb asks, from data as it came in. Raises Invalid, which names the field and repeats no value."""
    _check_text(document, ())
    try:
        return verb.asks.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "body"
        fix = f"fields of {verb.name}: {', '.join(verb.asks.model_fields) or 'none'}"
        raise Invalid(first["msg"].removeprefix("Value error, "), field=name, fix=fix) from None


def _check_text(document: object, place: tuple[str, ...]) -> None:
    """Refuse text that no database keeps: a NUL, half of a surrogate pair."""
    if isinstance(document, str):
        if "\x00" in document or _SURROGATE.search(document):
            raise Invalid("not plain text", field=".".join(place) or "body", fix="leave out NUL and lone surrogates")
    elif isinstance(document, dict):
        for name, value in document.items():
            _check_text(str(name), (*place, "name"))
            _check_text(value, (*place, str(name)))
    elif isinstance(document, list):
        for position, value in enumerate(document):
            _check_text(value, (*place, str(position)))
