"""The test's own handle on the simulators: faults, state, logs, usage and reboots over loopback HTTP."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from aiohttp import web

from simulators import cpe_mqtt, faults, wire

T = TypeVar("T")

BODY_LIMIT_BYTES = 8 << 20  # a state of some ten thousand keys
QUANTITY_LIMIT = 10**12  # more messages than a meter sends in its life

FAULT_FIELDS: dict[str, tuple[type, ...]] = {
    "element": (str,),
    "kind": (str,),
    "match": (str, type(None)),
    "count": (int, type(None)),
    "delay_ms": (int,),
    "chance": (int, float),
}


class Element(Protocol):
    """What the control API can ask of any simulator."""

    def state(self) -> dict[str, dict[str, Any]]:
        """All state by key."""

    def change(self, key: str, fields: dict[str, Any]) -> None:
        """Change one key's fields; ValueError names what is wrong."""


class Control:
    """The routes, over the simulators they reach."""

    def __init__(
        self,
        plan: faults.Plan,
        *,
        elements: Mapping[str, Element],
        readable: Mapping[str, Callable[[], dict[str, Any]]],
        wires: Mapping[str, wire.Wire],
        reboots: Mapping[str, Callable[[], Awaitable[None]]],
        fleet: cpe_mqtt.Fleet,
    ) -> None:
        self._plan = plan
        self._elements = elements
        self._readable = readable
        self._wires = wires
        self._reboots = reboots
        self._fleet = fleet

    def app(self) -> web.Application:
        """The HTTP application."""
        app = web.Application(client_max_size=BODY_LIMIT_BYTES, middlewares=[explain])
        app.add_routes(
            [
                web.get("/faults", self.show_faults),
                web.post("/faults", self.add_fault),
                web.delete("/faults", self.clear_faults),
                web.get("/state/{element}", self.show_state),
                web.put("/state/{element}", self.change_state),
                web.get("/log/{element}", self.show_log),
                web.post("/usage", self.report_usage),
                web.post("/reboot", self.reboot),
            ]
        )
        return app

    async def show_faults(self, request: web.Request) -> web.Response:
        """Every planned fault with how often it struck."""
        return web.json_response([asdict(fault) for fault in self._plan.all()])

    async def add_fault(self, request: web.Request) -> web.Response:
        """Plan a fault."""
        body = await read_object(request)
        for name, value in body.items():
            if name not in FAULT_FIELDS:
                raise ValueError(f"field {name!r}: use {', '.join(FAULT_FIELDS)}")
            if isinstance(value, bool) or not isinstance(value, FAULT_FIELDS[name]):
                raise ValueError(f"{name}: not a value of its type")
        fault = self._plan.add(str(body.pop("element", "")), str(body.pop("kind", "")), **body)
        return web.json_response({"id": fault.id}, status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Forget every fault."""
        self._plan.clear()
        return web.Response(status=204)

    async def show_state(self, request: web.Request) -> web.Response:
        """An element's whole state."""
        return web.json_response(pick(self._readable, request.match_info["element"])())

    async def change_state(self, request: web.Request) -> web.Response:
        """Change state behind the system's back."""
        element = pick(self._elements, request.match_info["element"])
        for key, fields in (await read_object(request)).items():
            if not isinstance(fields, dict):
                raise ValueError(f"{key}: use an object of fields")
            element.change(key, fields)
        return web.json_response(element.state())

    async def show_log(self, request: web.Request) -> web.Response:
        """The commands that arrived after number N."""
        after = request.query.get("after", "0")
        if not after.isdecimal():
            raise ValueError(f"after {after!r}: use a number, 0 for all")
        return web.json_response(pick(self._wires, request.match_info["element"]).after(int(after)))

    async def report_usage(self, request: web.Request) -> web.Response:
        """Make a meter publish a usage report."""
        body = await read_object(request)
        meter, quantity, at = body.get("meter"), body.get("quantity"), body.get("at", now())
        if not isinstance(meter, str) or not meter:
            raise ValueError("meter: use the meter's name, such as messages")
        if type(quantity) is not int or not 0 <= quantity <= QUANTITY_LIMIT:
            raise ValueError(f"quantity: use a whole number from 0 to {QUANTITY_LIMIT}")
        if not isinstance(at, str) or dt.datetime.fromisoformat(at).tzinfo is None:
            raise ValueError("at: use RFC 3339 with an offset")
        try:
            event = await self._fleet.usage(str(body.get("device")), meter=meter, quantity=quantity, at=at)
        except KeyError as error:
            raise web.HTTPNotFound(text=f"no device {error}") from error
        except cpe_mqtt.Offline as error:
            raise web.HTTPConflict(text=str(error)) from error
        return web.json_response({"id": event}, status=201)

    async def reboot(self, request: web.Request) -> web.Response:
        """Restart an element and drop its sessions."""
        body = await read_object(request)
        await pick(self._reboots, str(body.get("element")))()
        return web.Response(status=204)


def now() -> str:
    """This instant in RFC 3339."""
    return dt.datetime.now(dt.UTC).isoformat()


def pick(things: Mapping[str, T], name: str) -> T:
    """The named element's thing, or 404."""
    if name not in things:
        raise web.HTTPNotFound(text=f"element {name!r}: use one of {', '.join(things)}")
    return things[name]


async def read_object(request: web.Request) -> dict[str, Any]:
    """The request's JSON object; ValueError for anything else."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise ValueError("body: use a JSON object") from error
    if not isinstance(body, dict):
        raise ValueError("body: use a JSON object")
    return body


@web.middleware
async def explain(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn a bad request into 400 with its reason."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason, "reason": error.text}, status=error.status)
    except ValueError as error:
        return web.json_response({"error": "invalid", "reason": str(error)}, status=400)
