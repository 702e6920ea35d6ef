"""Every error as one shape, whatever raised it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from gateway import outcomes
from gateway.http.routes import too_large
from gateway.outcomes import Broken, MethodNotAllowed
from kernel.errors import Invalid, NotFound, TrunklineError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = structlog.get_logger(__name__)


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with the error's shape; what nobody raised on purpose is logged whole and told as a fault of ours."""
    try:
        return await handler(request)
    except TrunklineError as error:
        return answer(error)
    except web.HTTPException as error:
        return answer(_ours(request, error))
    except Exception:  # the edge: a fault of ours must not break the connection, and the log has it all
        _log.exception("request failed", method=request.method, path=request.path)
        return answer(Broken("something went wrong here", fix="look into the gateway's log"))


def answer(error: TrunklineError) -> web.Response:
    """An error as a response."""
    status = outcomes.of(error).status
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return web.json_response(outcomes.body(error), status=status, headers=headers)


def _ours(request: web.Request, error: web.HTTPException) -> TrunklineError:
    match error:
        case web.HTTPNotFound():
            return NotFound(f"nothing stands at {request.path}", field="path", fix="see /openapi.json")
        case web.HTTPMethodNotAllowed():
            able = ", ".join(sorted(error.allowed_methods))
            return MethodNotAllowed(f"{request.method} is not for {request.path}", field="method", fix=f"use {able}")
        case web.HTTPRequestEntityTooLarge():
            return too_large()
    return Invalid(error.reason, field="request")
