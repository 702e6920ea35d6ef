"""Verbs as routes: path, query, headers and body in, a resource or a list out, each request one verb."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from gateway.http import keys
from gateway.identity import service as identity
from gateway.outcomes import TooLarge
from gateway.verbs.core import Desk, Page, PageAsked, Verb, asked
from gateway.verbs.table import VERBS
from kernel.errors import Invalid

BODY_LIMIT_BYTES = 4 << 20
"""The largest body: a delivery of 10,000 usage events, or a stock file of 40,000 SIMs."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes() -> list[web.RouteDef]:
    """A route for each verb."""
    return [web.route(verb.method, verb.path, _handler(verb)) for verb in VERBS]


def _handler(verb: Verb[Any, Any]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        gateway = request.app[keys.GATEWAY]
        token = identity.bearer(request.headers.get("Authorization"))
        caller = await keys.caller(gateway, token)
        document = await _document(verb, request)
        return _answer(verb, await Desk(gateway, caller).do(verb, asked(verb, document)), document)

    return handle


async def _document(verb: Verb[Any, Any], request: web.Request) -> dict[str, Any]:
    """What was asked, from all the places in which it may stand; the path wins, the body may not contradict it."""
    found: dict[str, Any] = await body(request) if verb.method == "POST" else dict(request.query)
    for field, header in verb.headers.items():
        if header in request.headers:
            found[field] = request.headers[header]
        elif field not in found:
            raise Invalid("the header is missing", field=header, fix="a text of your own for each new request")
    for name, value in request.match_info.items():
        if found.get(name, value) != value:
            raise Invalid("the body names another one than the path", field=name, fix="leave it out of the body")
        found[name] = value
    return found


async def body(request: web.Request) -> dict[str, Any]:
    """The request's JSON object; an absent body is an empty one. Raises Invalid or TooLarge."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large() from None
    if not raw:
        return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise Invalid("not JSON", field="body", fix="send one JSON object in UTF-8") from None
    if not isinstance(found, dict):
        raise Invalid("not a JSON object", field="body", fix="send one JSON object in UTF-8")
    return found


def too_large() -> TooLarge:
    """The error of a body beyond the limit."""
    return TooLarge(f"more than {BODY_LIMIT_BYTES} bytes", field="body", fix="send it in several requests")


def _answer(verb: Verb[Any, Any], given: BaseModel, document: dict[str, Any]) -> web.Response:
    headers: dict[str, str] = {}
    if not isinstance(given, Page) or type(given).model_fields.keys() != Page.model_fields.keys():
        if verb.status == 201 and (href := getattr(given, "href", None)):
            headers["Location"] = str(href)
        return _json(given.model_dump(mode="json"), status=verb.status, headers=headers)
    items = given.model_dump(mode="json")["items"]
    headers = {"X-Total-Count": str(given.total), "X-Result-Count": str(len(items))}
    whole = len(items) == given.total or not issubclass(verb.asks, PageAsked)
    return _json(items, status=200 if whole else 206, headers=headers)


def _json(document: Any, *, status: int, headers: dict[str, str]) -> web.Response:
    return web.json_response(document, status=status, headers=headers)
