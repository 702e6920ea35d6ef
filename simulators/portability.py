"""A clearing house for numbers: ports between operators, each of whom agrees, refuses or keeps silent as told."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators import faults, keys, wire

BODY_LIMIT_BYTES = 65_536  # the largest legal body has a few hundred bytes
PORTS_LIMIT = 100_000  # more than a demo moves in its life
NUMBER = re.compile(r"[0-9]{5,15}")
TEXT_LIMIT = 64  # characters of an operator's name
WORDS = ("confirmed", "refused", "pending")
DEFAULT_REASON = "contract still runs"


@dataclass
class Port:
    """One port as the clearing house keeps it."""

    id: str
    number: str
    other: str
    direction: str
    state: str = "open"


class ClearingHouse:
    """The clearing house on a TCP port."""

    def __init__(self, run: keys.Keys, at: wire.Wire) -> None:
        self.wire = at
        self.api_key = run.text("portability api key")
        self._run = run
        self._ports: dict[str, Port] = {}
        self._kept: dict[str, str] = {}
        self._says: dict[str, tuple[str, str | None]] = {}

    def app(self) -> web.Application:
        """The HTTP application."""
        app = web.Application(client_max_size=BODY_LIMIT_BYTES)
        app.add_routes(
            [
                web.post("/v1/ports", self.serve),
                web.get("/v1/ports/{id}", self.serve),
                web.post("/v1/ports/{id}/{verb:complete|withdraw}", self.serve),
                web.get("/v1/operations", self.serve),
                web.put("/v1/control/operators/{name}", self.instruct),
            ]
        )
        return app

    def state(self) -> dict[str, Any]:
        """Every port by its number."""
        return {port.number: dict(vars(port)) for port in self._ports.values()}

    async def instruct(self, request: web.Request) -> web.Response:
        """Set what an operator says from now on."""
        body = json.loads(await request.read())
        word, reason = body.get("word"), body.get("reason")
        if word not in WORDS:
            return answer(400, {"reason": f"word: use one of {', '.join(WORDS)}"})
        self._says[request.match_info["name"]] = (word, reason if word == "refused" else None)
        return answer(200, {"word": word})

    async def serve(self, request: web.Request) -> web.Response:
        """Judge, obey, log and answer one request."""
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return answer(401, {"reason": "unknown API key"})
        data = await request.read()
        text = f"{request.method} {request.path_qs} {data.decode(errors='replace')}".rstrip()
        act = faults.Act.READ if request.method == "GET" else faults.Act.CHANGE
        verdict = self.wire.judge(text, act=act)
        status, body, effect = (200, {}, False)
        if verdict.kind is faults.Kind.REFUSE:
            status, body = 409, {"reason": "the clearing house refused"}
        elif verdict.done:
            status, body, effect = self._obey(request, data)
        key = request.headers.get("Idempotency-Key")
        self.wire.record(text, key=key, effect=effect, fault=verdict.word)
        if verdict.delay_s:
            await asyncio.sleep(verdict.delay_s)
        if not verdict.answered and request.transport is not None:
            request.transport.abort()
        return answer(status, body)

    def _obey(self, request: web.Request, data: bytes) -> tuple[int, dict[str, Any], bool]:
        named, key = request.match_info.get("id"), request.headers.get("Idempotency-Key", "")
        if request.path == "/v1/operations":
            found = self._kept.get(request.query.get("idempotency_key", ""))
            return 200, {"found": found is not None, "id": found}, False
        if named is None:
            return self._open(key, data)
        port = self._ports.get(named)
        if port is None:
            return 404, {"reason": "unknown port"}, False
        verb = request.match_info.get("verb")
        return self._standing(port) if verb is None else self._end(port, verb)

    def _open(self, key: str, data: bytes) -> tuple[int, dict[str, Any], bool]:
        if key in self._kept:
            return 200, {"id": self._kept[key]}, False
        try:
            body = json.loads(data)
        except ValueError:
            body = None
        if not isinstance(body, dict) or not NUMBER.fullmatch(str(body.get("number", ""))):
            return 400, {"reason": "number: use 5 to 15 digits"}, False
        other, direction = body.get("other"), body.get("direction")
        if not isinstance(other, str) or not 0 < len(other) <= TEXT_LIMIT or direction not in ("in", "out"):
            return 400, {"reason": "other or direction: not understood"}, False
        if len(self._ports) >= PORTS_LIMIT:
            return 409, {"reason": "too many ports"}, False
        made = f"np_{self._run.raw(f'port {len(self._ports)}').hex()[:20]}"
        self._ports[made] = Port(made, str(body["number"]), other, direction)
        if key:
            self._kept[key] = made
        return 201, {"id": made}, True

    def _standing(self, port: Port) -> tuple[int, dict[str, Any], bool]:
        word, reason = self._says.get(port.other, ("confirmed", None))
        told = reason or DEFAULT_REASON if word == "refused" else None
        return 200, {"id": port.id, "word": word, "reason": told}, False

    def _end(self, port: Port, verb: str) -> tuple[int, dict[str, Any], bool]:
        wanted = {"complete": "completed", "withdraw": "withdrawn"}[verb]
        if port.state not in ("open", wanted):
            return 409, {"reason": f"port is {port.state}"}, False
        changed, port.state = port.state != wanted, wanted
        return 200, {"id": port.id}, changed


def answer(status: int, body: dict[str, Any]) -> web.Response:
    """A JSON answer."""
    return web.json_response(body, status=status)
