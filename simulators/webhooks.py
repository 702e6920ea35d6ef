"""The bank's notices to its customer's server, signed as Standard Webhooks."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from typing import Any

import aiohttp

QUEUE_LIMIT = 10_000  # notices that wait; past it new ones are given up, and the customer must ask
RETRY_DELAYS_S = (0.2, 0.5, 1.0)  # three more attempts after the first
TIMEOUT_S = 5.0


def sign(secret: str, *, key: str, timestamp: int, body: bytes) -> str:
    """The webhook-signature of one attempt; the secret is whsec_ and base64."""
    signed = f"{key}.{timestamp}.".encode() + body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


class Notices:
    """Sends every notice in order, each until it is accepted or given up."""

    def __init__(self, secret: str) -> None:
        self.url: str | None = None
        self.delivered = 0
        self.given_up = 0
        self._secret = secret
        self._queue: asyncio.Queue[tuple[str, str, bytes]] = asyncio.Queue(QUEUE_LIMIT)
        self._task: asyncio.Task[None] | None = None

    def announce(self, notice: dict[str, Any]) -> None:
        """Queue a notice for the URL that is set now; without one it is not sent."""
        if self.url is None:
            return
        if self._queue.full():
            self.given_up += 1
            return
        self._queue.put_nowait((self.url, notice["id"], json.dumps(notice).encode()))
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                url, key, body = await self._queue.get()
                if await self._deliver(session, url, key=key, body=body):
                    self.delivered += 1
                else:
                    self.given_up += 1

    async def _deliver(self, session: aiohttp.ClientSession, url: str, *, key: str, body: bytes) -> bool:
        for delay_s in (*RETRY_DELAYS_S, None):
            if await self._attempt(session, url, key=key, body=body):
                return True
            if delay_s is not None:
                await asyncio.sleep(delay_s)
        return False

    async def _attempt(self, session: aiohttp.ClientSession, url: str, *, key: str, body: bytes) -> bool:
        timestamp = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": key,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secret, key=key, timestamp=timestamp, body=body),
        }
        try:
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def stop(self) -> None:
        """Send no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
