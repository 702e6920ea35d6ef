"""The API: who may, what is answered, how errors look; each over the real application on a real database."""

from __future__ import annotations

import asyncio
import base64
import hmac
import io
import json
import time
from typing import Any

import pytest
import sqlalchemy as sa

from bss.customers import service as customers
from gateway.http import openapi
from gateway.http.routes import BODY_LIMIT_BYTES
from gateway.runtime import running
from gateway.verbs.table import VERBS
from kernel.database import Unavailable
from kernel.secrets import Secret
from kernel.work import SystemWork
from tests.rooms.gateway.conftest import House

HOME = [{"action": "add", "offering": "home-500"}]


def order(house: House, **changes: Any) -> dict[str, Any]:
    """An order by invoice."""
    return {"account_id": house.furnished.account, "items": HOME, **changes}


async def rows(house: House) -> dict[str, int]:
    """How many rows the tables have that an order touches."""
    names = ("product_order", "product_order_item", "service", "service_order", "event", "audit", "outbox")

    def count(work: SystemWork) -> dict[str, int]:
        return {name: work.connection.scalar(sa.text(f"SELECT count(*) FROM {name}")) or 0 for name in names}

    return await asyncio.wrap_future(house.gateway.database.read_system(count))


async def test_health_and_readiness_need_no_token(house: House) -> None:
    async with house.client.get("/health") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "pass"})
    async with house.client.get("/ready") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "pass", "waiting": 0})


@pytest.mark.parametrize("header", [None, "Bearer tl_wrong", "Bearer", "Basic YTpi"])
async def test_nobody_gets_in_without_a_token_that_holds(house: House, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    async with house.client.get("/v1/orders", headers=headers) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert (await answer.json())["field"] == "Authorization"


async def test_a_role_may_only_what_it_is_granted(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.furnished.viewer}"}
    async with house.client.get("/v1/customers", headers=headers) as answer:
        assert answer.status == 200
    body = {"name": "Eve", "email": "eve@example.org", "currency": "EUR", "zone": "UTC"}
    async with house.client.post("/v1/customers", headers=headers, json=body) as answer:
        assert (answer.status, await answer.json()) == (
            403,
            {
                "code": "forbidden",
                "reason": "Forbidden",
                "message": "token:viewer (viewer) may not customer.create",
                "status": "403",
                "field": "role",
                "fix": "it takes one of admin, billing, clerk",
                "referenceError": "urn:trunkline:error:forbidden",
                "@type": "Error",
            },
        )


async def test_a_created_resource_says_where_it_stands(house: House) -> None:
    body = {"name": "Eve", "email": "eve@example.org", "currency": "EUR", "zone": "Europe/Berlin"}
    status, made, headers = await house.ask("POST", "/v1/customers", body)
    assert (status, headers["Location"]) == (201, made["href"])
    status, found, _ = await house.ask("GET", made["href"])
    assert (status, found) == (200, made)
    assert [account["currency"] for account in found["accounts"]] == ["EUR"]


async def test_a_part_of_a_list_says_how_long_the_whole_is(house: House) -> None:
    for name in ("Bob", "Eve"):
        body = {"name": name, "email": "x@example.org", "currency": "EUR", "zone": "UTC"}
        await house.ask("POST", "/v1/customers", body)
    status, found, headers = await house.ask("GET", "/v1/customers?offset=1&limit=1")
    assert (status, [each["name"] for each in found]) == (206, ["Bob"])
    assert (headers["X-Total-Count"], headers["X-Result-Count"]) == ("3", "1")
    status, found, headers = await house.ask("GET", "/v1/customers")
    assert (status, [each["name"] for each in found]) == (200, ["Eve", "Bob", "Ada"])


async def test_a_repeated_order_is_the_same_order(house: House) -> None:
    status, first, headers = await house.ask("POST", "/v1/orders", order(house), Idempotency_Key="k-1")
    assert (status, headers["Location"]) == (201, f"/v1/orders/{first['id']}")
    before = await rows(house)
    _, again, _ = await house.ask("POST", "/v1/orders", order(house), Idempotency_Key="k-1")
    assert again["id"] == first["id"]
    other = order(house, items=[{"action": "add", "offering": "mobile"}])
    status, error, _ = await house.ask("POST", "/v1/orders", other, Idempotency_Key="k-1")
    assert (status, error["code"], error["field"]) == (409, "conflict", "key")
    assert await rows(house) == before


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"items": [{"action": "add", "offering": "nope"}]}, "offering", "unknown offering 'nope'"),
        (
            {"items": [{"action": "add", "offering": "mobile", "resources": {"msisdn": "12"}}]},
            "msisdn",
            "'12' is not valid",
        ),
        ({"items": []}, "items", "List should have at least 1 item after validation, not 0"),
        ({"colour": "red"}, "colour", "Extra inputs are not permitted"),
    ],
)
async def test_a_bad_order_changes_nothing_and_names_the_field(
    house: House, changes: dict[str, Any], field: str, message: str
) -> None:
    before = await rows(house)
    status, error, _ = await house.ask("POST", "/v1/orders", order(house, **changes), Idempotency_Key="k-2")
    assert (status, error["code"], error["field"], error["message"]) == (400, "invalid", field, message)
    assert error["fix"]
    assert await rows(house) == before


async def test_an_order_needs_its_key(house: House) -> None:
    status, error, _ = await house.ask("POST", "/v1/orders", order(house))
    assert (status, error["field"], error["message"]) == (400, "Idempotency-Key", "the header is missing")


async def test_an_order_is_delivered_billed_and_told(house: House) -> None:
    async with running(house.gateway) as runtime:
        _, made, _ = await house.ask("POST", "/v1/orders", order(house), Idempotency_Key="k-3")
        await runtime.settled()
    _, found, _ = await house.ask("GET", made["href"])
    assert (found["state"], [item["state"] for item in found["items"]]) == ("completed", ["completed"])
    assert [(step["element"], step["state"]) for step in found["service_orders"][0]["steps"]] == [("olt-1", "done")]
    _, story, _ = await house.ask("GET", f"{made['href']}/timeline")
    told = [moment["what"] for moment in story if moment["kind"] == "fact"]
    assert (told[0], told[-1]) == ("ProductOrderAcknowledged", "ProductOrderCompleted")
    _, lines, _ = await house.ask("GET", f"/v1/subscriptions?account_id={house.furnished.account}")
    assert [(line["offering"], line["state"], line["restricted"]) for line in lines] == [("home-500", "active", "none")]
    _, bills, _ = await house.ask("GET", "/v1/invoices")
    assert [(bill["total"], bill["status"]) for bill in bills] == [("68.00", "paid")]
    _, bill, _ = await house.ask("GET", bills[0]["href"])
    assert [line["net"] for line in bill["lines"]] == ["29.00", "39.00"]


async def test_a_line_is_restricted_and_lifted(house: House) -> None:
    async with running(house.gateway) as runtime:
        await house.ask("POST", "/v1/orders", order(house), Idempotency_Key="k-4")
        await runtime.settled()
        _, (line,), _ = await house.ask("GET", "/v1/subscriptions")
        status, placed, _ = await house.ask("POST", f"{line['href']}/restrict", {"cause": "lost", "level": "hard"})
        assert (status, placed["cause"], placed["level"]) == (200, "lost", "hard")
        await runtime.settled()
        _, line, _ = await house.ask("GET", line["href"])
        assert (line["restricted"], line["confirmed_generation"]) == ("hard", line["generation"])
        status, lifted, _ = await house.ask("POST", f"{line['href']}/lift", {"cause": "lost"})
        assert (status, [each["id"] for each in lifted]) == (200, [placed["id"]])
        await runtime.settled()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/customers/cus_0000000000000", 404, "notFound"),
        ("GET", "/v1/customers/17", 400, "invalid"),
        ("GET", "/v1/invoices/inv_0000000000000", 404, "notFound"),
        ("GET", "/v1/payments/pay_0000000000000", 404, "notFound"),
        ("GET", "/v1/orders/por_0000000000000", 404, "notFound"),
        ("GET", "/v1/orders/sor_0000000000000", 404, "notFound"),
        ("GET", "/v1/orders/nothing", 400, "invalid"),
        ("GET", "/v1/customers?limit=9999", 400, "invalid"),
        ("GET", "/v1/customers?colour=red", 400, "invalid"),
        ("POST", "/v1/elements/nope/probe", 404, "notFound"),
        ("DELETE", "/v1/customers", 405, "methodNotAllowed"),
        ("GET", "/v2/customers", 404, "notFound"),
    ],
)
async def test_errors_have_one_shape(house: House, method: str, path: str, status: int, code: str) -> None:
    found, error, _ = await house.ask(method, path)
    assert (found, error["code"], error["status"], error["@type"]) == (status, code, str(status), "Error")
    assert error["message"]
    assert error["field"]


async def test_a_body_that_is_no_object_is_named(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.furnished.token}", "Idempotency-Key": "k"}
    for sent, message in ((b"{", "not JSON"), (b"[]", "not a JSON object"), (b"[" * 100_000, "not JSON")):
        async with house.client.post("/v1/orders", data=sent, headers=headers) as answer:
            assert (answer.status, (await answer.json())["message"]) == (400, message)


@pytest.mark.parametrize("name", ["a\x00b", "\ud800"])
async def test_text_that_no_database_keeps_is_refused(house: House, name: str) -> None:
    body = {"name": name, "email": "eve@example.org", "currency": "EUR", "zone": "UTC"}
    status, error, _ = await house.ask("POST", "/v1/customers", body)
    assert (status, error["field"], error["message"]) == (400, "name", "not plain text")


async def test_an_id_larger_than_any_is_refused(house: House) -> None:
    status, error, _ = await house.ask("GET", "/v1/customers/cus_ZZZZZZZZZZZZZ")
    assert (status, error["field"]) == (400, "customer_id")


async def test_a_fault_of_ours_is_told_without_its_inside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(customers, "get", broken)
    status, error, _ = await house.ask("GET", "/v1/customers/cus_0000000000000")
    assert (status, error["code"], "inside" in json.dumps(error)) == (500, "internal", False)


async def test_a_body_beyond_the_limit_is_refused(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.furnished.token}"}
    async with house.client.post(
        "/v1/usage", data=io.BytesIO(b" " * (BODY_LIMIT_BYTES + 1)), headers=headers
    ) as answer:
        assert (answer.status, (await answer.json())["code"]) == (413, "tooLarge")


async def test_the_path_wins_over_the_body(house: House) -> None:
    path = f"/v1/accounts/{house.furnished.account}/payment-methods"
    body = {"account_id": "acc_0000000000000", "token": "tok_b", "brand": "visa", "last4": "1111"}
    status, error, _ = await house.ask("POST", path, body)
    assert (status, error["field"]) == (400, "account_id")


async def test_usage_is_taken_in_once(house: House) -> None:
    event = {
        "event_id": "e-1",
        "meter": "messages",
        "kind": "meter",
        "value": "meter-0001",
        "quantity": 5,
        "at": "2026-06-01T07:59:00Z",
    }
    status, found, _ = await house.ask("POST", "/v1/usage", {"events": [event]})
    assert (status, found["accepted"], [each["reason"] for each in found["rejected"]]) == (200, 0, ["unknownIdentity"])
    status, error, _ = await house.ask("POST", "/v1/usage", {"events": [{**event, "quantity": "many"}]})
    assert (status, error["field"]) == (400, "events.0.quantity")


async def test_a_currency_that_is_not_the_accounts_is_refused(house: House) -> None:
    body = {"account_id": house.furnished.account, "amount": "1.00", "currency": "USD"}
    status, error, _ = await house.ask("POST", "/v1/payments", body, Idempotency_Key="p-1")
    assert (status, error["field"]) == (400, "currency")


async def test_a_repeated_charge_is_one_payment(house: House) -> None:
    body = {"account_id": house.furnished.account, "amount": "12.00"}
    status, first, headers = await house.ask("POST", "/v1/payments", body, Idempotency_Key="p-1")
    assert (status, first["amount"], headers["Location"]) == (201, "12.00", first["href"])
    status, again, _ = await house.ask("POST", "/v1/payments", body, Idempotency_Key="p-1")
    assert (status, again) == (201, first)
    status, error, _ = await house.ask("POST", "/v1/payments", {**body, "amount": "13.00"}, Idempotency_Key="p-1")
    assert (status, error["field"]) == (409, "key")
    _, found, _ = await house.ask("GET", "/v1/payments")
    assert [each["id"] for each in found] == [first["id"]]


async def test_a_database_that_cannot_answer_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise Unavailable("10000 Works are waiting", fix="try again in a moment")

    monkeypatch.setattr(house.gateway.database, "submit", full)
    body = {"name": "Eve", "email": "eve@example.org", "currency": "EUR", "zone": "UTC"}
    status, error, _ = await house.ask("POST", "/v1/customers", body)
    assert (status, error["code"], error["fix"]) == (503, "unavailable", "try again in a moment")


async def test_the_banks_notices_must_be_signed(house: House) -> None:
    body = json.dumps({"type": "charge.succeeded", "data": _charge("tnt_0000000000001.pay_0000000000000")}).encode()
    async with house.client.post("/webhooks/bank", data=body) as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "notFound")
    key = base64.b64encode(b"k" * 32).decode()
    name = house.gateway.settings.bank_webhook_secret
    house.gateway.database.run_system(lambda work: house.gateway.vault.put(work, name, Secret(f"whsec_{key}")))
    async with house.client.post("/webhooks/bank", data=body, headers=_signed(b"wrong" * 8, body)) as answer:
        assert answer.status == 403
    async with house.client.post("/webhooks/bank", data=body, headers=_signed(b"k" * 32, body)) as answer:
        assert (answer.status, await answer.json()) == (200, {"effect": "unknown payment"})
    foreign = json.dumps({"type": "charge.succeeded", "data": _charge("another shop")}).encode()
    async with house.client.post("/webhooks/bank", data=foreign, headers=_signed(b"k" * 32, foreign)) as answer:
        assert (answer.status, await answer.json()) == (200, {"effect": "none"})


def _charge(reference: str) -> dict[str, Any]:
    return {"id": "ch_1", "reference": reference, "amount_minor": 100, "currency": "EUR"}


def _signed(key: bytes, body: bytes) -> dict[str, str]:
    stamp = str(int(time.time()))
    mark = hmac.digest(key, f"n-1.{stamp}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(mark).decode()}"
    return {"webhook-id": "n-1", "webhook-timestamp": stamp, "webhook-signature": signature}


def test_the_description_names_every_verb_and_every_reference_in_it_stands() -> None:
    document = openapi.document()
    assert document["openapi"] == "3.1.0"
    named = {each["operationId"] for path in document["paths"].values() for each in path.values()}
    assert named == {verb.name for verb in VERBS}
    text = json.dumps(document)
    wanted = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert wanted - document["components"]["schemas"].keys() == set()
    submit = document["paths"]["/v1/orders"]["post"]
    assert [(p["name"], p["in"], p["required"]) for p in submit["parameters"]] == [("Idempotency-Key", "header", True)]
    assert "key" not in submit["requestBody"]["content"]["application/json"]["schema"]["properties"]


async def test_the_description_is_served(house: House) -> None:
    async with house.client.get("/openapi.json") as answer:
        assert (answer.status, await answer.json()) == (200, openapi.document())
