"""What the HTTP application carries, and how its callers are known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from gateway.identity import service as identity
from gateway.identity.service import Caller
from gateway.wiring import Gateway

GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)


async def caller(gateway: Gateway, token: str) -> Caller:
    """Whom a token stands for now, by the machine's clock. Raises Unauthenticated."""
    now = datetime.now(UTC)
    return await asyncio.wrap_future(gateway.database.read_system(lambda work: identity.caller(work, token, now=now)))
