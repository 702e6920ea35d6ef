"""The HTTP application: a route for each verb, health, the description, and the payment gateway's door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.http import health, keys, openapi, webhooks
from gateway.http.errors import explain
from gateway.http.routes import BODY_LIMIT_BYTES, routes
from gateway.wiring import Gateway
from kernel.errors import Conflict

SHUTDOWN_S = 5.0
"""Requests under way may take so long to end."""


def build(gateway: Gateway) -> web.Application:
    """The application over an open gateway."""
    app = web.Application(middlewares=[explain], client_max_size=BODY_LIMIT_BYTES)
    app[keys.GATEWAY] = gateway
    app.add_routes(
        [
            web.get("/health", health.health),
            web.get("/ready", health.ready),
            web.get("/openapi.json", openapi.serve),
            web.post("/webhooks/bank", webhooks.bank),
            *routes(),
        ]
    )
    return app


@asynccontextmanager
async def serving(gateway: Gateway, *, host: str, port: int) -> AsyncIterator[str]:
    """The application listening for the length of a block; its URL. Raises Conflict when the port is taken."""
    runner = web.AppRunner(build(gateway), access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        bound: tuple[str, int] = runner.addresses[0]
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        await asyncio.shield(runner.cleanup())


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        message = f"cannot listen on {host}:{port}: {error.strerror}"
        raise Conflict(message, field="TRUNKLINE_HTTP_PORT", fix="stop what listens there, or take another") from error
