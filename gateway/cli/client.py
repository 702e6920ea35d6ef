"""The same verbs over HTTP, asked of a running gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from pydantic import SecretStr, ValidationError

from gateway import outcomes
from gateway.verbs.core import A, B, Page, Verb
from kernel.errors import Invalid, Unanswered, Unreachable

TIMEOUT_S = 60.0
"""The longest a verb takes: doctor on a large database, or an element that is asked who it is."""
CONNECT_S = 5.0
"""A gateway that is there accepts at once."""
ANSWER_LIMIT_BYTES = 64 << 20
"""The largest answer read: a list of 500 orders has a few."""


class Remote:
    """A client of one gateway; a context, so that its connections end."""

    def __init__(self, url: str, *, token: SecretStr | None) -> None:
        if not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", url):
            raise Invalid(f"{url!r} is no address", field="TRUNKLINE_URL", fix="such as http://127.0.0.1:8080")
        self._url = url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, connect=CONNECT_S)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def do(self, verb: Verb[A, B], asked: A) -> B:
        """Ask for it. Raises what the verb raises there, Unreachable or Unanswered."""
        fields: dict[str, Any] = asked.model_dump(mode="json", exclude_none=True)
        path = re.sub(r"\{(\w+)\}", lambda slot: quote(str(fields.pop(slot[1])), safe=""), verb.path)
        headers = {header: str(fields.pop(field)) for field, header in verb.headers.items() if field in fields}
        query = {name: str(value) for name, value in fields.items()} if verb.method == "GET" else None
        body = fields if verb.method != "GET" else None
        status, told, total = await self._exchange(verb.method, path, query=query, body=body, headers=headers)
        if status >= 400:
            raise outcomes.raised(told if isinstance(told, dict) else {})
        document = {"items": told, "total": total} if isinstance(told, list) else told
        try:
            return verb.gives.model_validate(document)
        except ValidationError as error:
            raise _other_version(verb.gives, error) from error

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> tuple[int, Any, int]:
        try:
            async with self._session.request(
                method, self._url + path, params=query, json=body, headers=headers, allow_redirects=False
            ) as answer:
                raw = await answer.content.read(-1) if (answer.content_length or 0) <= ANSWER_LIMIT_BYTES else b""
                return answer.status, json.loads(raw), int(answer.headers.get("X-Total-Count", 0))
        except aiohttp.ClientConnectorError as error:
            fix = "start it with `trunkline serve`, or unset TRUNKLINE_URL"
            raise Unreachable(f"no gateway answers at {self._url}", field="TRUNKLINE_URL", fix=fix) from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            message = f"{self._url} gave no answer of a gateway: {type(error).__name__}"
            raise Unanswered(message, field="TRUNKLINE_URL", fix="look before you repeat it") from error


def _other_version(gives: type[Any], error: ValidationError) -> Unanswered:
    kind = gives.__name__ if not issubclass(gives, Page) else "list"
    return Unanswered(
        f"the gateway's {kind} is not understood: {error.error_count()} fields",
        field="TRUNKLINE_URL",
        fix="use a command line of the gateway's version",
    )
