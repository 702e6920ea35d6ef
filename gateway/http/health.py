"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from aiohttp import web

from gateway.http import keys
from kernel.work import SystemWork

READY_WITHIN_S = 2.0
"""A database that takes longer to say one is not ready."""


async def health(request: web.Request) -> web.Response:
    """The process lives."""
    return web.json_response({"status": "pass"})


async def ready(request: web.Request) -> web.Response:
    """The database answers; 503 when it does not."""
    database = request.app[keys.GATEWAY].database
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            await asyncio.wrap_future(database.read_system(_one))
    except (sa.exc.SQLAlchemyError, TimeoutError):
        return web.json_response({"status": "fail", "database": "does not answer"}, status=503)
    return web.json_response({"status": "pass", "waiting": database.waiting()})


def _one(work: SystemWork) -> int:
    return int(work.connection.exec_driver_sql("SELECT 1").scalar_one())
