"""A payment gateway over HTTP and JSON: bearer key, Idempotency-Key, amounts in minor units."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from bss.payments.port import Receipt
from kernel.errors import Refused, Unanswered, Unreachable
from kernel.money import Money
from kernel.secrets import Secret

CONNECT_S = 5.0
"""To open a connection: past it the gateway never heard us."""
TOTAL_S = 30.0
"""For a whole answer: past it nobody knows what the gateway did."""
BODY_LIMIT_BYTES = 65_536
"""The largest answer read: a receipt has a few hundred bytes."""
CONNECTIONS = 8
"""At most so many at once, so that a slow gateway does not eat our sockets."""

_NOT_YET = frozenset({401, 403, 429})
"""It turned us away at the door: our key is wrong, or we are too many; the payer is not declined for that."""


class HttpGateway:
    """One gateway; its session opens with the first call."""

    def __init__(self, url: str, *, api_key: Secret, connect_s: float = CONNECT_S, total_s: float = TOTAL_S) -> None:
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s, sock_connect=connect_s)
        self._session: aiohttp.ClientSession | None = None

    async def authorise(self, *, token: str, amount: Money, reference: str, idempotency_key: str) -> Receipt:
        """Hold an amount on a method."""
        body = {"token": token, **_amount(amount), "currency": amount.currency, "reference": reference}
        return await self._do("authorisations", body, key=idempotency_key)

    async def capture(self, *, authorisation: str, amount: Money, idempotency_key: str) -> Receipt:
        """Take what is held."""
        return await self._do(f"authorisations/{_segment(authorisation)}/capture", _amount(amount), key=idempotency_key)

    async def void(self, *, authorisation: str, idempotency_key: str) -> Receipt:
        """Release a hold."""
        return await self._do(f"authorisations/{_segment(authorisation)}/void", {}, key=idempotency_key)

    async def charge(self, *, token: str, amount: Money, reference: str, idempotency_key: str) -> Receipt:
        """Take an amount at once."""
        body = {"token": token, **_amount(amount), "currency": amount.currency, "reference": reference}
        return await self._do("charges", body, key=idempotency_key)

    async def refund(self, *, taken: str, amount: Money, idempotency_key: str) -> Receipt:
        """Give back some of what a charge or a capture took."""
        source = "capture" if taken.startswith("cap_") else "charge"
        return await self._do("refunds", {source: taken, **_amount(amount)}, key=idempotency_key)

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """What became of the instruction with that key."""
        _, found = await self._exchange("GET", "operations", params={"idempotency_key": idempotency_key})
        if found.get("found") is not True:
            return None
        status, body = found.get("status"), found.get("body")
        if not isinstance(status, int) or not isinstance(body, dict):
            raise Unanswered("the look-up's answer is not understood", field="gateway")
        return _receipt(status, body)

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _do(self, path: str, body: Mapping[str, object], *, key: str) -> Receipt:
        return _receipt(*await self._exchange("POST", path, body=body, headers={"Idempotency-Key": key}))

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        where = f"{self._url}/v1/{path}"
        try:
            async with self._open().request(
                method, where, json=body, headers=headers, params=params, allow_redirects=False
            ) as answer:
                return answer.status, await _object(answer)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(f"the payment gateway was not reached: {type(error).__name__}") from error
        except TimeoutError as error:
            raise Unanswered("the payment gateway did not answer in time") from error
        except aiohttp.ClientError as error:
            raise Unanswered(f"the payment gateway broke off: {type(error).__name__}") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                headers={"Authorization": f"Bearer {self._api_key.reveal()}"},
            )
        return self._session


def _amount(amount: Money) -> dict[str, object]:
    return {"amount_minor": amount.minor}


def _segment(reference: str) -> str:
    """A gateway's id as a path segment; one with other characters cannot be the gateway's."""
    if not reference.replace("_", "").replace("-", "").isalnum():
        raise Refused(f"{reference!r} is not an id of the payment gateway", field="authorisation")
    return reference


async def _object(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    data = await answer.content.read(BODY_LIMIT_BYTES + 1)
    while len(data) <= BODY_LIMIT_BYTES and (more := await answer.content.read(BODY_LIMIT_BYTES + 1)):
        data += more
    try:
        found = json.loads(data) if len(data) <= BODY_LIMIT_BYTES else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _receipt(status: int, body: Mapping[str, object]) -> Receipt:
    """The receipt of an answer, or the failure it tells of."""
    reason = str(body.get("reason") or body.get("error") or f"status {status}")
    if status in _NOT_YET:
        raise Unreachable(f"the payment gateway turned us away: {reason}", fix="check the gateway's API key")
    if 400 <= status < 500:
        raise Refused(reason)
    reference = body.get("id")
    if not 200 <= status < 300 or not isinstance(reference, str):
        raise Unanswered(f"the payment gateway's answer is not understood: {reason}")
    return Receipt(reference)
