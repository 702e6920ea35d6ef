"""A clearing house for numbers over HTTP and JSON: bearer key, Idempotency-Key, instants in RFC 3339."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from bss.porting.port import Standing, Wanted, Word
from kernel.errors import Refused, Unanswered, Unreachable
from kernel.secrets import Secret

CONNECT_S = 5.0
"""To open a connection: past it the clearing house never heard us."""
TOTAL_S = 30.0
"""For a whole answer: past it nobody knows what the clearing house did."""
BODY_LIMIT_BYTES = 65_536
"""The largest answer read: a port has a few hundred bytes."""
CONNECTIONS = 4
"""At most so many at once: ports are few."""
_NOT_YET = frozenset({401, 403, 429})
"""It turned us away at the door: the port is not refused for that."""


class HttpPortability:
    """One clearing house; its session opens with the first call."""

    def __init__(self, url: str, *, api_key: Secret, connect_s: float = CONNECT_S, total_s: float = TOTAL_S) -> None:
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s, sock_connect=connect_s)
        self._session: aiohttp.ClientSession | None = None

    async def request(self, wanted: Wanted, *, idempotency_key: str) -> str:
        """Ask for a port."""
        body = {
            "number": wanted.number,
            "other": wanted.other,
            "direction": str(wanted.direction),
            "from": wanted.window_from.isoformat(),
            "until": wanted.window_until.isoformat(),
        }
        return _id(await self._do("POST", "ports", body=body, key=idempotency_key))

    async def status(self, reference: str) -> Standing:
        """What the other operator has said."""
        found = await self._do("GET", f"ports/{_segment(reference)}")
        try:
            word = Word(str(found.get("word")))
        except ValueError:
            raise Unanswered("the clearing house's answer is not understood", field="word") from None
        reason = found.get("reason")
        return Standing(word, reason if isinstance(reason, str) else None)

    async def complete(self, reference: str, *, idempotency_key: str) -> None:
        """Say that the number has moved."""
        await self._do("POST", f"ports/{_segment(reference)}/complete", body={}, key=idempotency_key)

    async def withdraw(self, reference: str, *, idempotency_key: str) -> None:
        """Call a port off."""
        await self._do("POST", f"ports/{_segment(reference)}/withdraw", body={}, key=idempotency_key)

    async def lookup(self, idempotency_key: str) -> str | None:
        """What became of a request."""
        found = await self._do("GET", "operations", params={"idempotency_key": idempotency_key})
        return _id(found) if found.get("found") is True else None

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _do(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        key: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        headers = None if key is None else {"Idempotency-Key": key}
        where = f"{self._url}/v1/{path}"
        try:
            async with self._open().request(
                method, where, json=body, headers=headers, params=params, allow_redirects=False
            ) as answer:
                return _understood(answer.status, await answer.content.read(BODY_LIMIT_BYTES))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(f"the clearing house was not reached: {type(error).__name__}") from error
        except TimeoutError as error:
            raise Unanswered("the clearing house did not answer in time") from error
        except aiohttp.ClientError as error:
            raise Unanswered(f"the clearing house broke off: {type(error).__name__}") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                headers={"Authorization": f"Bearer {self._api_key.reveal()}"},
            )
        return self._session


def _understood(status: int, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    body = found if isinstance(found, dict) else {}
    reason = str(body.get("reason") or f"status {status}")
    if status in _NOT_YET:
        raise Unreachable(f"the clearing house turned us away: {reason}", fix="check the clearing house's API key")
    if 400 <= status < 500:
        raise Refused(reason)
    if not 200 <= status < 300 or not isinstance(found, dict):
        raise Unanswered(f"the clearing house's answer is not understood: {reason}")
    return body


def _id(body: Mapping[str, object]) -> str:
    reference = body.get("id")
    if not isinstance(reference, str):
        raise Unanswered("the clearing house's answer is not understood", field="id")
    return reference


def _segment(reference: str) -> str:
    """The clearing house's id as a path segment; one with other characters cannot be its own."""
    if not reference.replace("_", "").replace("-", "").isalnum():
        raise Refused(f"{reference!r} is not an id of the clearing house", field="reference")
    return reference
