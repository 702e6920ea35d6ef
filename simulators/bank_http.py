"""The bank's HTTP door: bearer key, idempotency, faults, and a notice of every change."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators import bank, faults, keys, webhooks, wire

BODY_LIMIT_BYTES = 65_536  # the largest legal body has a few hundred bytes
KEYS_LIMIT = 200_000  # idempotency keys kept; the oldest is forgotten first
KEY_LIMIT = 255  # characters of an idempotency key
URL_LIMIT = 2_000  # characters of a webhook's URL
SECRETS = ("number", "cvc")
REFUSED = bank.Outcome(409, {"error": "refused", "reason": "the bank refused"})

Operation = Callable[[dict[str, Any], bool], bank.Outcome]


@dataclass(frozen=True)
class Kept:
    """The answer that an idempotency key stands for."""

    fingerprint: str
    status: int
    body: dict[str, Any]


class BankServer:
    """The bank on a TCP port."""

    def __init__(self, run: keys.Keys, at: wire.Wire) -> None:
        self.wire = at
        self.api_key = run.text("bank api key")
        self.webhook_secret = f"whsec_{run.base64('bank webhook')}"
        self.notices = webhooks.Notices(self.webhook_secret)
        self.book = bank.Book(self._new_id)
        self._keys = run
        self._made = 0
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def _new_id(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}_{self._keys.raw(f'bank id {self._made}').hex()[:20]}"

    def app(self) -> web.Application:
        """The HTTP application."""
        app = web.Application(client_max_size=BODY_LIMIT_BYTES, middlewares=[self._guard])
        app.add_routes(
            [
                web.post("/v1/tokens", self.tokens),
                web.post("/v1/authorisations", self.authorisations),
                web.post("/v1/authorisations/{id}/capture", self.capture),
                web.post("/v1/authorisations/{id}/void", self.void),
                web.post("/v1/charges", self.charges),
                web.post("/v1/refunds", self.refunds),
                web.get("/v1/operations", self.operations),
                web.put("/v1/webhook", self.webhook),
                web.put("/v1/control/tokens/{token}", self.instruct),
            ]
        )
        return app

    async def tokens(self, request: web.Request) -> web.Response:
        """Exchange a card number for a token."""
        return await self._serve(request, lambda body, refuse: self.book.tokenise(body), act=faults.Act.SETUP)

    async def authorisations(self, request: web.Request) -> web.Response:
        """Hold an amount."""
        return await self._serve(request, lambda body, refuse: self.book.authorise(body, refuse=refuse), declines=True)

    async def charges(self, request: web.Request) -> web.Response:
        """Take an amount."""
        return await self._serve(request, lambda body, refuse: self.book.charge(body, refuse=refuse), declines=True)

    async def capture(self, request: web.Request) -> web.Response:
        """Take what is held."""
        held = request.match_info["id"]
        return await self._serve(request, lambda body, refuse: self.book.capture(held, body))

    async def void(self, request: web.Request) -> web.Response:
        """Release what is held."""
        held = request.match_info["id"]
        return await self._serve(request, lambda body, refuse: self.book.void(held))

    async def refunds(self, request: web.Request) -> web.Response:
        """Give back what was taken."""
        return await self._serve(request, lambda body, refuse: self.book.refund(body))

    async def operations(self, request: web.Request) -> web.Response:
        """What became of the request that carried an idempotency key."""
        wanted = request.query.get("idempotency_key", "")

        def look(body: dict[str, Any], refuse: bool) -> bank.Outcome:
            kept = self._kept.get(wanted)
            if kept is None:
                return bank.Outcome(200, {"found": False, "status": None, "body": None})
            return bank.Outcome(200, {"found": True, "status": kept.status, "body": kept.body})

        return await self._serve(request, look, act=faults.Act.READ)

    async def webhook(self, request: web.Request) -> web.Response:
        """Set where notices go; null stops them."""
        url = (await read_object(request)).get("url")
        if url is not None and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
            raise bank.BankError(400, "invalid", "url: use an http or https address, or null")
        if url is not None and len(url) > URL_LIMIT:
            raise bank.BankError(400, "invalid", f"url: use at most {URL_LIMIT} characters")
        self.notices.url = url
        return web.json_response({"url": url})

    async def instruct(self, request: web.Request) -> web.Response:
        """Make a token approve or decline from now on."""
        outcome = self.book.instruct(request.match_info["token"], await read_object(request))
        outcome.effect()
        return web.json_response(outcome.body, status=outcome.status)

    async def _serve(
        self,
        request: web.Request,
        operation: Operation,
        *,
        act: faults.Act = faults.Act.CHANGE,
        declines: bool = False,
    ) -> web.Response:
        """Judge, obey, log and answer one request."""
        body = {} if request.method == "GET" else await read_object(request)
        text = f"{request.method} {request.path_qs} {json.dumps(masked(body))}".removesuffix(" {}")
        key = request.headers.get("Idempotency-Key")
        verdict = self.wire.judge(text, act=act)
        replay = None
        outcome, effect = bank.Outcome(200, {}), False
        if verdict.kind is not faults.Kind.DROP:
            fingerprint = hashlib.sha256(
                f"{request.method} {request.path} {json.dumps(body, sort_keys=True)}".encode()
            ).hexdigest()
            replay = self._replay(key, fingerprint)
            outcome = replay or self._decide(operation, body, kind=verdict.kind, declines=declines)
            if replay is None and verdict.kind is not faults.Kind.LIE:
                effect = self._commit(outcome, key, fingerprint)
        self.wire.record(text, key=key, effect=effect, fault=verdict.word)
        if verdict.delay_s:
            await asyncio.sleep(verdict.delay_s)
        if not verdict.answered and request.transport is not None:
            request.transport.abort()
        headers = {"Idempotent-Replay": "true"} if replay is not None else None
        return web.json_response(outcome.body, status=outcome.status, headers=headers)

    def _decide(
        self, operation: Operation, body: dict[str, Any], *, kind: faults.Kind | None, declines: bool
    ) -> bank.Outcome:
        refuse = kind is faults.Kind.REFUSE
        if refuse and not declines:
            return REFUSED
        try:
            return operation(body, refuse)
        except bank.BankError as error:
            return bank.Outcome(error.status, error.body)

    def _commit(self, outcome: bank.Outcome, key: str | None, fingerprint: str) -> bool:
        outcome.effect()
        if key is not None:
            self._kept[key] = Kept(fingerprint, outcome.status, outcome.body)
            if len(self._kept) > KEYS_LIMIT:
                self._kept.popitem(last=False)
        if outcome.event is not None:
            notice = {"id": self._new_id("evt"), "type": outcome.event, "created": int(time.time())}
            self.notices.announce({**notice, "data": outcome.body})
        return outcome.effect is not bank.nothing

    def _replay(self, key: str | None, fingerprint: str) -> bank.Outcome | None:
        kept = self._kept.get(key) if key is not None else None
        if kept is None:
            return None
        if not hmac.compare_digest(kept.fingerprint, fingerprint):
            return bank.Outcome(409, {"error": "conflict", "reason": "Idempotency-Key: used with another body"})
        return bank.Outcome(kept.status, kept.body)

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.api_key}".encode()):
            return web.json_response({"error": "unauthorised", "reason": "bad api key"}, status=401)
        if len(request.headers.get("Idempotency-Key", "")) > KEY_LIMIT:
            reason = f"Idempotency-Key: use at most {KEY_LIMIT} characters"
            return web.json_response({"error": "invalid", "reason": reason}, status=400)
        try:
            return await handler(request)
        except bank.BankError as error:
            return web.json_response(error.body, status=error.status)
        except web.HTTPException as error:
            return web.json_response({"error": error.reason.lower(), "reason": error.text}, status=error.status)

    def state(self) -> dict[str, Any]:
        """The whole book by kind."""
        kinds = ("tokens", "authorisations", "charges", "refunds")
        shown: dict[str, Any] = {
            kind: {key: dict(vars(each)) for key, each in getattr(self.book, kind).items()} for kind in kinds
        }
        shown["captures"] = {key: each.id for key, each in self.book.captures.items()}
        shown["webhook"] = {
            "url": self.notices.url,
            "delivered": self.notices.delivered,
            "given_up": self.notices.given_up,
        }
        return shown

    async def stop(self) -> None:
        """Send no more notices."""
        await self.notices.stop()


def masked(body: dict[str, Any]) -> dict[str, Any]:
    """A body fit for the log: of a card number the last four digits, of a code nothing."""
    return {
        key: f"***{str(value)[-4:] if key == 'number' else ''}" if key in SECRETS else value
        for key, value in body.items()
    }


async def read_object(request: web.Request) -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object."""
    data = await request.read()
    try:
        body = json.loads(data) if data else {}
    except (ValueError, RecursionError) as error:
        raise bank.BankError(400, "invalid", "body: use a JSON object") from error
    if not isinstance(body, dict):
        raise bank.BankError(400, "invalid", "body: use a JSON object")
    return body
