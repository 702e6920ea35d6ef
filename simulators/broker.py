"""The broker the meters meet at: one that runs here already, one that was named, or our own."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiomqtt

if TYPE_CHECKING:
    from amqtt.broker import Broker

USUAL_HOST, USUAL_PORT = "127.0.0.1", 1883
LOOK_TIMEOUT_S = 1.0  # a broker on this machine answers within milliseconds
MISSING = "no broker: start one on 127.0.0.1:1883, name one with --broker host:port, or install trunkline[broker]"
LOGGER = "simulators.mqtt"  # where our MQTT clients write


@dataclass
class Meeting:
    """Where the broker is, and the embedded one if it is ours."""

    host: str
    port: int
    own: Broker | None = None

    @property
    def embedded(self) -> bool:
        """Whether the broker lives and ends with us."""
        return self.own is not None

    async def stop(self) -> None:
        """End our own broker."""
        if self.own is not None:
            await self.own.shutdown()


async def meet(named: tuple[str, int] | None, *, embed: bool) -> Meeting:
    """The broker that was named, else one that runs here, else our own; `embed` takes our own at once."""
    if named is not None:
        return Meeting(*named)
    if not embed and await _welcomes(USUAL_HOST, USUAL_PORT):
        return Meeting(USUAL_HOST, USUAL_PORT)
    return await _embed()


async def _welcomes(host: str, port: int) -> bool:
    try:
        async with aiomqtt.Client(host, port, timeout=LOOK_TIMEOUT_S, logger=logging.getLogger(LOGGER)):
            return True
    except (aiomqtt.MqttError, OSError):
        return False


async def _embed() -> Meeting:
    try:
        from amqtt.broker import Broker  # loaded only where no broker runs: it costs 0.2 s
    except ImportError:
        raise SystemExit(MISSING) from None
    settings: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    own = Broker(settings)
    await own.start()
    server: asyncio.Server = own._servers["default"].instance
    return Meeting("127.0.0.1", server.sockets[0].getsockname()[1], own)
