"""`trunkline serve` and `trunkline worker`."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import office

if TYPE_CHECKING:
    from gateway.runtime import Runtime


def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on; TRUNKLINE_HTTP_HOST unless told")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on; TRUNKLINE_HTTP_PORT unless told")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="only the API; others carry the orders on")] = False,
) -> None:
    """Run the API and, in the same process, everything that moves by itself."""
    office.answered(lambda: _serve(host, port, moving=not no_worker))


def worker() -> None:
    """Run everything that moves by itself, without the API."""
    office.answered(_work)


async def _serve(host: str | None, port: int | None, *, moving: bool) -> None:
    from gateway import logs, settings
    from gateway.http.app import serving

    found = settings.load()
    logs.configure(found.log_level)
    at, number = host or found.http_host, found.http_port if port is None else port
    async with office.opened(found) as gateway, serving(gateway, host=at, port=number) as url:
        logs.logger("serve").info("listening", url=url, worker=moving)
        runtime = None
        if moving:
            from gateway.runtime import Runtime

            runtime = Runtime(gateway)
        await _until_told(runtime)


async def _work() -> None:
    from gateway import logs, settings
    from gateway.runtime import Runtime

    found = settings.load()
    logs.configure(found.log_level)
    async with office.opened(found) as gateway:
        logs.logger("worker").info("working")
        await _until_told(Runtime(gateway))


async def _until_told(runtime: Runtime | None) -> None:
    """Run until SIGTERM or SIGINT; what is in hand is finished, and a part that breaks ends all of it."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waiting = loop.create_task(told.wait())
    if runtime is None:
        await waiting
        return
    moving = loop.create_task(runtime.run())
    await asyncio.wait({moving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not moving.done():
        runtime.stop()
    await moving
