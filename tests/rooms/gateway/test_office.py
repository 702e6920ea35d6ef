"""What people in the office do: bills, accounts, debts, approvals, elements taken away, dialects looked at."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime import Runtime, running
from tests.rooms.gateway.conftest import Furnished, House, Said

Trunkline = Callable[..., Said]


@pytest.fixture
async def moving(house: House) -> AsyncIterator[Runtime]:
    """The house with its worker."""
    async with running(house.gateway) as runtime:
        yield runtime


async def account(house: House, **changes: Any) -> str:
    """A customer who pays by invoice and has no card."""
    body = {"name": "Bob", "email": "bob@example.org", "currency": "EUR", "zone": "Europe/Berlin", **changes}
    status, made, _ = await house.ask("POST", "/v1/customers", body)
    assert status == 201, made
    return str(made["accounts"][0]["id"])


async def line(house: House, runtime: Runtime, account_id: str, **item: Any) -> dict[str, Any]:
    """A line of the account's, up and billed."""
    body = {"account_id": account_id, "items": [{"action": "add", "offering": "home-500", **item}]}
    status, made, _ = await house.ask("POST", "/v1/orders", body, Idempotency_Key=f"k-{account_id}")
    assert status == 201, made
    await runtime.settled()
    _, (found,), _ = await house.ask("GET", f"/v1/subscriptions?account_id={account_id}")
    return dict(found)


async def bill(house: House, account_id: str) -> dict[str, Any]:
    """The account's only invoice."""
    _, (found,), _ = await house.ask("GET", f"/v1/invoices?account_id={account_id}")
    return dict(found)


async def test_a_bill_to_come_is_shown_and_not_stored(house: House, moving: Runtime) -> None:
    payer = await account(house)
    await line(house, moving, payer)
    status, told, _ = await house.ask("GET", f"/v1/accounts/{payer}/next-invoice")
    assert (status, told["on"], told["total"], told["currency"]) == (200, "2026-07-01", "39.00", "EUR")
    assert [(each["description"], each["net"]) for each in told["lines"]] == [("Home 500", "39.00")]
    status, error, _ = await house.ask("GET", f"/v1/accounts/{payer}/next-invoice?on=9999-12-31")
    assert (status, error["field"], error["fix"]) == (400, "on", "give a day within 366 days")
    assert (await bill(house, payer))["total"] == "68.00"


async def test_an_invoice_is_disputed_settled_and_given_up(house: House, moving: Runtime) -> None:
    payer = await account(house)
    await line(house, moving, payer)
    path = f"/v1/invoices/{(await bill(house, payer))['id']}"
    _, told, _ = await house.ask("GET", f"{path}/explanation")
    assert told["sentences"][0].startswith("1. Home 500 setup: 29.00 EUR, charged once for 2026-06-01")
    status, found, _ = await house.ask("POST", f"{path}/dispute", {"reason": "not mine"})
    assert (status, found["status"]) == (200, "disputed")
    assert (await house.ask("POST", f"{path}/dispute", {"reason": "not mine"}))[0] == 409
    _, found, _ = await house.ask("POST", f"{path}/settle-dispute")
    assert found["status"] == "open"
    _, found, _ = await house.ask("POST", f"{path}/write-off", {"reason": "kindness", "amount": "8.00"})
    assert (found["status"], found["open"]) == ("partPaid", "60.00")
    status, error, _ = await house.ask("POST", f"{path}/write-off", {"reason": "kindness", "amount": "60.01"})
    assert (status, error["field"]) == (409, "amount")
    _, found, _ = await house.ask("POST", f"{path}/write-off", {"reason": "gone away"})
    assert (found["status"], found["open"]) == ("writtenOff", "0.00")
    for deed in ("hold", "discard"):
        assert (await house.ask("POST", f"{path}/{deed}", {"reason": "too late"}))[0] == 409
    assert (await house.ask("POST", f"{path}/release"))[0] == 409


async def test_an_account_is_changed_and_parked(house: House) -> None:
    payer = await account(house, payment_terms_days=30)
    path = f"/v1/accounts/{payer}"
    _, found, _ = await house.ask("GET", path)
    assert (found["payment_terms_days"], found["owed"], found["open_credit"]) == (30, "0.00", "0.00")
    body = {"country": "DE", "tax_id": "DE136695976", "email": "bills@example.org", "payment_terms_days": 7}
    status, found, _ = await house.ask("POST", path, body)
    assert (status, {name: found[name] for name in body}) == (200, body)
    for wrong, field in (({"country": "Germany"}, "country"), ({}, "account_id"), ({"billing_day": 3}, "billing_day")):
        status, error, _ = await house.ask("POST", path, wrong)
        assert (status, error["field"]) == (400, field)
    _, found, _ = await house.ask("POST", f"{path}/park", {"reason": "figures contradict"})
    assert found["parked_reason"] == "figures contradict"
    assert (await house.ask("POST", f"{path}/park", {"reason": "again"}))[0] == 409
    _, found, _ = await house.ask("POST", f"{path}/unpark")
    assert found["parked_reason"] is None


async def test_a_second_person_approves_what_the_first_asked_for(house: House, moving: Runtime) -> None:
    guarded = await line(house, moving, await account(house), protected=True)
    status, error, _ = await house.ask("POST", f"{guarded['href']}/restrict", {"cause": "fraud", "level": "hard"})
    assert (status, error["field"]) == (403, "approved_by")
    wanted = {"cause": "fraud", "reason": "calls to nowhere"}
    status, made, _ = await house.ask("POST", f"{guarded['href']}/restriction-requests", wanted)
    assert (status, made["decision"], made["requested_by"]) == (201, "waiting", "token:clerk")
    _, (found,), _ = await house.ask("GET", "/v1/approvals?waiting=true")
    assert found == made
    status, error, _ = await house.ask("POST", f"{made['href']}/approve")
    assert (status, error["code"], error["fix"]) == (403, "forbidden", "let another person decide")
    _, token, _ = await house.ask("POST", "/v1/tokens", {"name": "boss", "roles": ["operator"]})
    status, found, _ = await house.ask("POST", f"{made['href']}/approve", Authorization=f"Bearer {token['token']}")
    assert (status, found["decision"], found["decided_by"]) == (200, "approved", "token:boss")
    await moving.settled()
    _, shown, _ = await house.ask("GET", guarded["href"])
    assert (shown["restricted"], shown["confirmed_generation"]) == ("hard", shown["generation"])
    status, error, _ = await house.ask("POST", f"{made['href']}/reject", Authorization=f"Bearer {token['token']}")
    assert (status, error["message"]) == (409, f"{made['id']} is approved")


async def test_a_withdrawn_element_hears_nothing_until_it_is_back(house: House, moving: Runtime) -> None:
    payer = await account(house)
    served = await line(house, moving, payer)
    status, found, _ = await house.ask("POST", "/v1/elements/olt-1/withdraw")
    assert (status, found["state"]) == (200, "maintenance")
    assert (await house.ask("POST", "/v1/elements/olt-1/withdraw"))[0] == 409
    body = {"account_id": payer, "items": [{"action": "delete", "subscription_id": served["id"]}]}
    _, made, _ = await house.ask("POST", "/v1/orders", body, Idempotency_Key="end")
    _, found, _ = await house.ask("GET", made["href"])
    (step,) = found["service_orders"][0]["steps"]
    assert (found["state"], step["state"], step["waits_for"]) == ("inProgress", "ready", "olt-1 is in maintenance")
    _, found, _ = await house.ask("POST", "/v1/elements/olt-1/reinstate")
    assert found["state"] == "inService"
    await moving.settled()
    _, found, _ = await house.ask("GET", made["href"])
    assert found["state"] == "completed"


async def test_a_climb_is_paused_and_resumed(house: House, moving: Runtime) -> None:
    payer = await account(house)
    await line(house, moving, payer)
    await moving.advance(datetime(2026, 6, 17, 8, tzinfo=UTC))
    _, (case,), _ = await house.ask("GET", "/v1/dunning")
    _, found, _ = await house.ask("GET", f"/v1/dunning/{case['id']}")
    assert (found["owed"], found["ladder"], found["state"]) == ("68.00", "standard", "open")
    body = {"until": "2026-07-01T00:00:00+02:00", "reason": "promised to pay"}
    _, found, _ = await house.ask("POST", f"/v1/dunning/{case['id']}/pause", body)
    assert (found["state"], found["next_at"], found["reason"]) == ("paused", "2026-06-30T22:00:00Z", "promised to pay")
    status, error, _ = await house.ask("POST", f"/v1/dunning/{case['id']}/pause", {**body, "until": "2026-07-01"})
    assert (status, error["field"]) == (400, "until")
    _, found, _ = await house.ask("POST", f"/v1/dunning/{case['id']}/resume")
    assert (found["state"], found["reason"]) == ("open", None)


async def test_usage_is_counted_by_line_and_period_and_a_rejection_has_its_reason(
    house: House, moving: Runtime
) -> None:
    metered = await line(house, moving, await account(house), offering="meter", resources={"meter": "meter-0001"})
    event = {"meter": "messages", "kind": "meter", "value": "meter-0001", "quantity": 5, "at": "2026-06-01T08:00:00Z"}
    events = [{**event, "event_id": "a"}, {**event, "event_id": "b", "value": "meter-0009"}]
    await moving.advance(datetime(2026, 6, 1, 9, tzinfo=UTC))
    _, taken, _ = await house.ask("POST", "/v1/usage", {"events": events})
    _, (counter,), _ = await house.ask("GET", f"/v1/usage?account_id={metered['account_id']}")
    assert (counter["meter"], counter["quantity"], counter["period_start"]) == ("messages", 5, "2026-06-01")
    _, found, _ = await house.ask("GET", f"/v1/usage/{metered['id']}")
    assert (found["counters"], [each["event_id"] for each in found["records"]]) == ([counter], ["a"])
    _, found, _ = await house.ask("GET", f"/v1/usage-batches/{taken['batch_id']}")
    assert (found["received"], found["accepted"], found["rejected"]) == (2, 1, 1)
    assert [(each["event_id"], each["reason"]) for each in found["rejections"]] == [("b", "unknownIdentity")]


# ---- on the command line


def test_a_dialect_is_checked_and_a_sample_is_said(trunkline: Trunkline, tmp_path: Path) -> None:
    path = "config/dialects/hlr_cli.yaml"
    said = trunkline("dialect", "check", path, "--sample", "key=001010000000007", "-o", "json")
    found = json.loads(said.out)
    assert (said.code, found["protocol"], [each["intent"] for each in found["samples"]]) == (0, "ssh", ["subscriber"])
    assert found["samples"][0]["words"][0] == "subscriber imsi 001010000000007 create"
    assert trunkline("dialect", "show", "hlr_cli").code == 4
    applied = json.loads(trunkline("dialect", "apply", path, "-o", "json").out)
    assert applied[0]["hash"] == found["hash"]
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(Path(path).read_text().replace("msisdn: ['subscriber", "number: ['subscriber"))
    said = trunkline("dialect", "check", str(wrong))
    assert (said.code, said.out, f"{wrong}:" in said.err) == (1, "", True)
    assert trunkline("dialect", "check", path, "--sample", "colour=red").code == 1
    assert trunkline("dialect", "check", path, "--sample", "key").code == 2


def test_lines_are_changed_and_ended_by_options(trunkline: Trunkline, furnished: Furnished) -> None:
    words = ("order", "submit", "--account", furnished.account)
    assert trunkline(*words, "--offering", "home-500", "--key", "a", "--wait", "20").code == 0
    (served,) = json.loads(trunkline("subscription", "list", "-o", "json").out)
    change = (*words, "--change", f"{served['id']}=home-1000", "--key", "b", "--wait", "20", "-o", "json")
    assert json.loads(trunkline(*change).out)["items"][0]["action"] == "modify"
    table = trunkline(*words, "--end", served["id"], "--key", "c", "--wait", "20").out
    assert "\nitems\nnumber  action  state" in table
    assert "\nservice_orders 1 steps\nseq" in table
    (served,) = json.loads(trunkline("subscription", "list", "-o", "json").out)
    assert (served["offering"], served["state"], served["throttle"]) == ("home-1000", "terminated", None)
    assert trunkline(*words, "--change", "home-1000").code == 2


def test_an_approval_is_asked_for_by_option(trunkline: Trunkline) -> None:
    line_id = "sub_0000000000000"
    assert trunkline("line", "restrict", line_id, "--level", "hard", "--approval", "fraud").code == 4
    assert trunkline("line", "restrict", line_id, "--level", "soft", "--approval", "fraud").code == 2


def test_a_payment_is_waited_for(trunkline: Trunkline, furnished: Furnished) -> None:
    words = ("payment", "charge", furnished.account, "--amount", "5.00", "--key", "a", "--wait", "20", "-o", "json")
    said = trunkline(*words)
    found = json.loads(said.out)
    assert (said.code, found["state"], found["captured"]) == (0, "succeeded", "5.00")
    assert said.err == f"{found['id']} succeeded\n"
