"""Where the command line's verbs are done: in a running gateway when TRUNKLINE_URL names one, else on the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import typer

from gateway.cli import output as printing
from gateway.cli.output import DocumentFormat, Format

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gateway.settings import Settings
    from gateway.verbs.core import Verb
    from gateway.wiring import Gateway

T = TypeVar("T")


class Doer(Protocol):
    """Whoever does verbs: a desk on an open gateway, or a client of a running one."""

    async def do(self, verb: Verb[Any, Any], asked: Any) -> Any:
        """Do it, or raise what the verb raises."""
        ...


def ask(
    name: str,
    document: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    *,
    output: Format | DocumentFormat = Format.TABLE,
    columns: Sequence[str] = (),
) -> Any:
    """Do one verb and print what it gives; an error, in a document that is still to be read too, ends the command."""
    given = answered(lambda: _asked_once(name, document), output=output)
    printing.emit(given, output, columns=columns)
    return given


def answered(work: Callable[[], Coroutine[Any, Any, T]], *, output: str = Format.TABLE) -> T:
    """What a coroutine gives; an error of the house is told on stderr and ends the command with its code."""
    from gateway import outcomes
    from kernel.errors import TrunklineError

    try:
        return asyncio.run(work())
    except TrunklineError as error:
        printing.complain(error, output)
        raise typer.Exit(int(outcomes.of(error).exit)) from None


async def done(doer: Doer, name: str, document: Mapping[str, Any]) -> BaseModel:
    """One verb by name; what is not told (None) is left out."""
    from gateway.verbs import core
    from gateway.verbs.table import BY_NAME

    verb = BY_NAME[name]
    told = {field: value for field, value in document.items() if value is not None}
    given: BaseModel = await doer.do(verb, core.asked(verb, told))
    return given


@asynccontextmanager
async def office(*, moving: bool = False) -> AsyncIterator[Doer]:
    """Whoever does verbs, by this process's settings.

    `moving` also carries orders on meanwhile where nobody else can: on a SQLite database of our own.
    """
    from gateway import logs, settings

    found = settings.load()
    logs.configure("warning" if found.log_level == "info" else found.log_level)
    async with AsyncExitStack() as stack:
        if found.url is not None:
            from gateway.cli.client import Remote

            yield await stack.enter_async_context(Remote(found.url, token=found.token))
            return
        gateway = await stack.enter_async_context(opened(found))
        doer = await _desk(gateway, found)
        if moving and gateway.database.sqlite:
            from gateway.runtime import running

            await stack.enter_async_context(running(gateway))
        yield doer


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway of this process's own, for the length of a block."""
    from gateway import dispatch
    from gateway.wiring import open_gateway

    gateway = await asyncio.to_thread(open_gateway, settings, subscriptions=dispatch.SUBSCRIPTIONS)
    try:
        yield gateway
    finally:
        await gateway.close()


async def _desk(gateway: Gateway, settings: Settings) -> Doer:
    from datetime import UTC, datetime

    from gateway.identity import service as identity
    from gateway.verbs.core import Desk
    from kernel.ids import TenantId

    if settings.token is None:
        return Desk(gateway, identity.local(TenantId(settings.tenant)))
    token, now = settings.token.get_secret_value(), datetime.now(UTC)
    read = gateway.database.read_system(lambda work: identity.caller(work, token, now=now))
    return Desk(gateway, await asyncio.wrap_future(read))


async def _asked_once(name: str, document: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> BaseModel:
    told = document() if callable(document) else document
    async with office() as doer:
        return await done(doer, name, told)
