"""A session with a broker, over a client that plays a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from adapters.elements.deadlines import Timeouts
from adapters.elements.mqtt import session
from adapters.elements.mqtt.session import Session
from adapters.elements.mqtt.transport import Link, Login


class DeafClient:
    """Does not heed the first cancellation, as asyncio.wait_for does when its answer comes at the same moment."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.heard = 0
        self.messages = self._messages()

    def lose(self) -> None:
        return None

    async def subscribe(self, *_: Any, **__: Any) -> None:
        return None

    async def _messages(self) -> AsyncIterator[Any]:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.heard += 1
                if self.heard > 1:
                    raise
        yield None


class ScriptedLink:
    """Opens the one client."""

    def __init__(self, client: DeafClient) -> None:
        self._client = client

    @asynccontextmanager
    async def opened(self, _: Login) -> AsyncIterator[DeafClient]:
        try:
            yield self._client
        finally:
            self._client.left.set()


async def test_a_connection_that_overheard_its_end_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ASK_AGAIN_S", 0.05)
    client = DeafClient()
    made = Session(cast(Link, ScriptedLink(client)), prefix="town", login=Login, timeouts=Timeouts())
    await made.open()
    async with asyncio.timeout(10):
        await made.close()
    assert client.left.is_set()
    assert client.heard == 2
