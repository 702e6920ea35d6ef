"""The meters' connections: each device its own MQTT session, back again whenever the broker is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Callable
from typing import Any

import aiomqtt

from simulators import broker, cpe, keys, wire

TCP_NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # without it a reply waits 40 ms for an ACK
RETRY_S = 0.3  # between attempts to reach the broker
CONNECT_TIMEOUT_S = 5.0
START_WAIT_S = 5.0  # how long start waits for the meters before it goes on without them
INBOX_LIMIT = 1_000  # messages a device keeps while it is slow; more are lost, as on a real one
KEEPALIVE_S = 30
ASK_AGAIN_S = 2.0  # a task that goes on though cancelled is told again so late: longer than a good-bye


class Offline(Exception):
    """The device has no session with the broker now."""


class Link:
    """One device's session with the broker."""

    def __init__(self, meter: cpe.Meter, at: wire.Wire, *, prefix: str, client: Callable[..., aiomqtt.Client]) -> None:
        self.meter = meter
        self.online = asyncio.Event()
        self._wire = at
        self._base = f"{prefix}/devices/{meter.id}"
        self._name = f"{prefix.rpartition('/')[2]}-{meter.id}"
        self._sessions = 0
        self._new_client = client
        self._client: aiomqtt.Client | None = None
        self._restart = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            with contextlib.suppress(aiomqtt.MqttError, OSError):
                await self._session()
            await asyncio.sleep(0 if self._restart.is_set() else RETRY_S)
            self._restart.clear()

    async def _session(self) -> None:
        will = aiomqtt.Will(f"{self._base}/presence", b"offline", qos=1, retain=True)
        self._sessions += 1  # a new name each time: amqtt may end a session that took over its own old name
        async with self._new_client(identifier=f"{self._name}-{self._sessions}", will=will) as client:
            await client.subscribe([(f"{self._base}/desired", 1), (f"{self._base}/get", 1)])
            await client.publish(f"{self._base}/presence", b"online", qos=1, retain=True)
            self._client = client
            self.online.set()
            try:
                await self._until_restart(client)
            finally:
                self.online.clear()
                self._client = None
                with contextlib.suppress(aiomqtt.MqttError):
                    await client.publish(f"{self._base}/presence", b"offline", qos=1, retain=True, timeout=1)

    async def _until_restart(self, client: aiomqtt.Client) -> None:
        listening = asyncio.create_task(self._listen(client))
        restart = asyncio.create_task(self._restart.wait())
        try:
            await asyncio.wait((listening, restart), return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
        finally:
            await _ended(listening, restart)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            verdict, reply = cpe.obey(self.meter, self._wire, str(message.topic), payload)
            if verdict.delay_s:
                await asyncio.sleep(verdict.delay_s)
            if reply is not None:
                await client.publish(f"{self._base}/reported", json.dumps(reply), qos=1)

    async def publish_usage(self, event: dict[str, Any]) -> None:
        """Report usage, or raise Offline."""
        if self._client is None:
            raise Offline(f"{self.meter.id} has no session with the broker")
        await self._client.publish(f"{self._base}/usage", json.dumps(event), qos=1)

    async def forget(self, client: aiomqtt.Client) -> None:
        """Take the device's retained presence off a broker that others use too."""
        await client.publish(f"{self._base}/presence", None, qos=1, retain=True)

    def reboot(self) -> None:
        """Start again: one boot more and a new session."""
        self.meter.boots += 1
        self.online.clear()
        self._restart.set()


class Fleet:
    """All simulated meters behind one broker."""

    def __init__(self, run: keys.Keys, at: wire.Wire, *, meters: int) -> None:
        self.wire = at
        self.run_id = run.raw("run id").hex()[:12]
        self.prefix = f"trunkline/{self.run_id}"
        self._count = meters
        self._events = 0
        self._host, self._port = "127.0.0.1", 1883
        self._links: dict[str, Link] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def _client(self, **options: Any) -> aiomqtt.Client:
        return aiomqtt.Client(
            self._host,
            self._port,
            logger=logging.getLogger(broker.LOGGER),
            clean_session=True,
            keepalive=KEEPALIVE_S,
            timeout=CONNECT_TIMEOUT_S,
            max_queued_incoming_messages=INBOX_LIMIT,
            socket_options=[TCP_NODELAY],
            **options,
        )

    async def start(self, host: str, port: int) -> None:
        """Connect every meter, and wait a while for them."""
        self._host, self._port = host, port
        for number in range(1, self._count + 1):
            meter = cpe.Meter(f"meter-{number:04}")
            self._links[meter.id] = Link(meter, self.wire, prefix=self.prefix, client=self._client)
        self._tasks = [asyncio.create_task(link.run()) for link in self._links.values()]
        await self._gathered()

    async def _gathered(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_WAIT_S):
                for link in self._links.values():
                    await link.online.wait()

    async def usage(self, device: str, *, meter: str, quantity: int, at: str) -> str:
        """Make a device report usage and give back the event's id; KeyError for an unknown device, or Offline."""
        link = self._links[device]
        self._events += 1
        event = f"{self.run_id}-{device}-{self._events}"
        await link.publish_usage({"id": event, "meter": meter, "quantity": quantity, "at": at})
        return event

    async def reboot(self) -> None:
        """Restart every meter, and wait a while until they are back."""
        for link in self._links.values():
            link.reboot()
        await self._gathered()

    def state(self) -> dict[str, dict[str, Any]]:
        """Every meter's settings, version and boots by device id."""
        return {
            name: {**link.meter.settings, "version": link.meter.version, "boots": link.meter.boots}
            for name, link in self._links.items()
        }

    def change(self, key: str, fields: dict[str, Any]) -> None:
        """Make a meter as told, behind the back of whoever provisions it; ValueError names what is wrong."""
        if key not in self._links:
            raise ValueError(f"device {key!r}: use meter-0001 to meter-{self._count:04}")
        self._links[key].meter.change(fields)

    async def stop(self) -> None:
        """Disconnect every meter and leave nothing retained."""
        await _ended(*self._tasks)
        with contextlib.suppress(aiomqtt.MqttError, OSError):
            async with self._client(identifier=f"{self.run_id}-leaving") as client:
                for link in self._links.values():
                    await link.forget(client)


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    """End tasks of ours, whatever they end with."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=ASK_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
