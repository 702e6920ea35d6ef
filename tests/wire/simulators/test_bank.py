from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.wire.simulators import child

pytestmark = pytest.mark.slow

CARD = {"number": "4242424242424242", "expiry_month": 12, "expiry_year": 2030, "cvc": "123"}


@dataclass
class Bank:
    """The bank's API with its key."""

    session: aiohttp.ClientSession
    url: str
    api_key: str
    headers: dict[str, str] | None = None

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """One request; the status and the JSON answer."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self.session.request(method, self.url + path, json=body, headers=headers) as answer:
            self.headers = dict(answer.headers)
            return answer.status, await answer.json()

    async def token(self, number: str = CARD["number"]) -> str:  # type: ignore[assignment]
        status, answer = await self.ask("POST", "/v1/tokens", {**CARD, "number": number})
        assert status == 201
        return str(answer["token"])

    async def authorise(self, token: str, amount_minor: int = 8600) -> str:
        status, answer = await self.ask("POST", "/v1/authorisations", order(token, amount_minor))
        assert (status, answer["state"]) == (201, "authorised")
        return str(answer["id"])


def order(token: str, amount_minor: int) -> dict[str, Any]:
    return {"token": token, "amount_minor": amount_minor, "currency": "EUR", "reference": "order 1"}


@pytest.fixture
def bank(where: dict[str, Any], http: aiohttp.ClientSession) -> Bank:
    return Bank(http, where["bank"]["url"], where["bank"]["api_key"])


async def test_a_card_becomes_a_token_and_its_number_is_nowhere(bank: Bank, control: child.Handle) -> None:
    status, answer = await bank.ask("POST", "/v1/tokens", CARD)
    token = answer.pop("token")
    assert (status, answer) == (201, {"brand": "visa", "last4": "4242", "expiry_month": 12, "expiry_year": 2030})
    assert token.startswith("tok_")
    for shown in (await control.state("bank"), await control.log("bank", "tokens")):
        assert CARD["number"] not in json.dumps(shown)
    assert '"number": "***4242"' in (await control.log("bank", "tokens"))[-1]["text"]


async def test_money_is_held_taken_once_and_given_back_once(bank: Bank, control: child.Handle) -> None:
    held = await bank.authorise(await bank.token())
    capture = f"/v1/authorisations/{held}/capture"
    assert (await bank.ask("POST", capture, {"amount_minor": 8601}))[0] == 409
    status, taken = await bank.ask("POST", capture, {"amount_minor": 8600})
    assert (status, taken["state"], taken["amount_minor"]) == (201, "succeeded", 8600)
    assert await bank.ask("POST", capture, {"amount_minor": 8600}) == (
        409,
        {"error": "conflict", "reason": "authorisation is captured"},
    )
    assert (await bank.ask("POST", f"/v1/authorisations/{held}/void"))[0] == 409
    assert (await bank.ask("POST", "/v1/refunds", {"capture": taken["id"], "amount_minor": 8000}))[0] == 201
    assert await bank.ask("POST", "/v1/refunds", {"capture": taken["id"], "amount_minor": 601}) == (
        409,
        {"error": "conflict", "reason": "amount_minor: more than was captured"},
    )
    kept = (await control.state("bank"))["authorisations"][held]
    assert (kept["state"], kept["captured_minor"], kept["refunded_minor"]) == ("captured", 8600, 8000)


async def test_a_hold_is_released_as_often_as_asked(bank: Bank) -> None:
    held = await bank.authorise(await bank.token())
    for _ in range(2):
        status, answer = await bank.ask("POST", f"/v1/authorisations/{held}/void")
        assert (status, answer["state"]) == (200, "voided")
    assert (await bank.ask("POST", f"/v1/authorisations/{held}/capture", {"amount_minor": 1}))[0] == 409


async def test_a_charge_is_taken_or_declined_with_its_reason(bank: Bank) -> None:
    good, bad = await bank.token(), await bank.token("4000000000000002")
    poor = await bank.token("4000000000009995")
    status, taken = await bank.ask("POST", "/v1/charges", order(good, 8850))
    assert (status, taken["state"], taken["amount_minor"]) == (201, "succeeded", 8850)
    for token, reason in ((bad, "do_not_honor"), (poor, "insufficient_funds")):
        status, answer = await bank.ask("POST", "/v1/charges", order(token, 8850))
        assert (status, answer["error"], answer["reason"]) == (402, "declined", reason)
    instruct = f"/v1/control/tokens/{good}"
    await bank.ask("PUT", instruct, {"mode": "decline", "reason": "expired_card"})
    assert (await bank.ask("POST", "/v1/authorisations", order(good, 1)))[1]["reason"] == "expired_card"
    await bank.ask("PUT", instruct, {"mode": "approve"})
    assert (await bank.ask("POST", "/v1/charges", order(good, 1)))[0] == 201


async def test_a_repeated_key_gives_the_same_answer_and_takes_nothing_twice(bank: Bank, control: child.Handle) -> None:
    token, key = await bank.token(), uuid.uuid4().hex
    first = await bank.ask("POST", "/v1/charges", order(token, 500), key=key)
    again = await bank.ask("POST", "/v1/charges", order(token, 500), key=key)
    assert again == first
    assert bank.headers is not None
    assert bank.headers["Idempotent-Replay"] == "true"
    assert await bank.ask("POST", "/v1/charges", order(token, 501), key=key) == (
        409,
        {"error": "conflict", "reason": "Idempotency-Key: used with another body"},
    )
    found = await bank.ask("GET", f"/v1/operations?idempotency_key={key}")
    assert found == (200, {"found": True, "status": 201, "body": first[1]})
    charges = (await control.state("bank"))["charges"].values()
    assert [each["amount_minor"] for each in charges if each["token"] == token] == [500]
    entries = [each for each in await control.log("bank", "/v1/charges") if each["key"] == key]
    assert [each["effect"] for each in entries] == [True, False, False]


@pytest.mark.parametrize(
    ("path", "change", "status", "reason"),
    [
        ("/v1/tokens", {"number": "4242424242424241"}, 400, "number: not a card number"),
        ("/v1/tokens", {"expiry_month": 13}, 400, "expiry_month: use 1 to 12"),
        ("/v1/charges", {"token": "tok_unknown"}, 404, "unknown token"),
        ("/v1/charges", {"amount_minor": 0}, 400, "amount_minor: use 1 to 1000000000000"),
        ("/v1/charges", {"amount_minor": 1.5}, 400, "amount_minor: use 1 to 1000000000000"),
        ("/v1/charges", {"currency": "euro"}, 400, "currency: use three capital letters"),
        ("/v1/refunds", {"charge": "chg_unknown"}, 404, "unknown charge"),
    ],
)
async def test_a_request_that_cannot_be_is_refused_by_name(
    bank: Bank, path: str, change: dict[str, Any], status: int, reason: str
) -> None:
    body = CARD if path == "/v1/tokens" else order(await bank.token(), 100)
    answered, answer = await bank.ask("POST", path, {**body, **change})
    assert (answered, answer["reason"]) == (status, reason)


async def test_a_stranger_is_not_served(bank: Bank) -> None:
    bank.api_key = "guess"
    assert await bank.ask("GET", "/v1/operations?idempotency_key=x") == (
        401,
        {"error": "unauthorised", "reason": "bad api key"},
    )


async def test_it_breaks_each_way_and_the_key_tells_what_was_done(bank: Bank, control: child.Handle) -> None:
    token = await bank.token()
    seen = {}
    for kind in ("refuse", "lie", "lose", "drop", "slow"):
        key = uuid.uuid4().hex
        await control.fault("bank", kind, match="/v1/charges", count=1, delay_ms=50)
        try:
            answer: Any = (await bank.ask("POST", "/v1/charges", order(token, 700), key=key))[0]
        except aiohttp.ClientConnectionError:
            answer = "closed"
        seen[kind] = (answer, (await bank.ask("GET", f"/v1/operations?idempotency_key={key}"))[1]["status"])
    assert seen == {
        "refuse": (402, 402),
        "lie": (201, None),
        "lose": ("closed", 201),
        "drop": ("closed", None),
        "slow": (201, 201),
    }
    charges = (await control.state("bank"))["charges"].values()
    assert len([each for each in charges if each["token"] == token]) == 2


@pytest.fixture
async def inbox() -> AsyncIterator[tuple[str, asyncio.Queue[tuple[Any, bytes]], list[int]]]:
    """A customer's server: its address, what it heard, and the statuses it gives first."""
    heard: asyncio.Queue[tuple[Any, bytes]] = asyncio.Queue()
    statuses: list[int] = []

    async def take(request: web.Request) -> web.Response:
        heard.put_nowait((request.headers, await request.read()))
        return web.Response(status=statuses.pop(0) if statuses else 204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", heard, statuses
    await runner.cleanup()


async def test_every_change_is_announced_signed_and_again_until_heard(
    where: dict[str, Any], bank: Bank, inbox: tuple[str, asyncio.Queue[tuple[Any, bytes]], list[int]]
) -> None:
    url, heard, statuses = inbox
    statuses.append(500)
    assert await bank.ask("PUT", "/v1/webhook", {"url": url}) == (200, {"url": url})
    held = await bank.authorise(await bank.token())
    await bank.ask("POST", f"/v1/authorisations/{held}/capture", {"amount_minor": 8600})
    async with asyncio.timeout(child.ANSWER_S):
        notices = [await heard.get() for _ in range(3)]
    await bank.ask("PUT", "/v1/webhook", {"url": None})
    bodies = [json.loads(body) for _, body in notices]
    assert [each["type"] for each in bodies] == [
        "authorisation.authorised",
        "authorisation.authorised",
        "authorisation.captured",
    ]
    assert bodies[0] == bodies[1]
    assert bodies[0]["data"]["id"] == held
    secret = base64.b64decode(where["bank"]["webhook_secret"].removeprefix("whsec_"))
    for headers, body in notices:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{signature}"
        assert headers["webhook-id"] == json.loads(body)["id"]
