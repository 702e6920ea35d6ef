"""Dry runs at the edge: as people read them, over both ways in, and with nothing left behind when one fails."""

from __future__ import annotations

import json
from collections.abc import Callable

import sqlalchemy as sa

from kernel.work import SystemWork, Work
from oss.inventory import pools
from tests.rooms.gateway.conftest import CLERK, OPERATOR, Furnished, House, Said

Trunkline = Callable[..., Said]
MOBILE = {"action": "add", "offering": "mobile"}


def free(house: House) -> dict[str, int]:
    read = house.gateway.database.read(
        lambda work: pools.counts(work, tenant=OPERATOR), tenant=OPERATOR, actor=CLERK
    ).result()
    return {pool: next(n for state, n in states.items() if state == "free") for pool, states in read.items()}


def plans(house: House) -> int:
    def count(work: SystemWork) -> int:
        return int(work.connection.scalar(sa.text("SELECT count(*) FROM product_order_plan")) or 0)

    return house.gateway.database.run_system(count)


def test_a_plan_reads_as_commands_what_is_held_the_invoice_and_the_undo(
    trunkline: Trunkline, furnished: Furnished
) -> None:
    said = trunkline("order", "plan", "--account", furnished.account, "--offering", "home-500")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "would be sent, in this order:"
    assert lines[1] == "  olt-1 (memory): port 1"
    assert lines[2].startswith("    set port 1 present=True admin=up alias=svc_")
    assert lines[3].startswith("held until 20")
    assert lines[4] == "  port 1 on olt-1"
    assert "Home 500 setup" in lines[6]
    assert "tax     0.00 (0 %: small business, section 19 UStG)" in lines[6]
    assert lines[-5:-3] == ["  olt-1 (memory): undo port 1", "    remove port 1"]
    checksum = lines[-2].removeprefix("checksum: ")
    assert len(checksum) == 16
    said = trunkline(
        *("order", "submit", "--account", furnished.account, "--offering", "home-500"),
        *("--key", "k", "--plan", checksum, "-o", "json"),
    )
    assert (said.code, json.loads(said.out)["state"]) == (0, "inProgress")
    said = trunkline(
        *("order", "submit", "--account", furnished.account, "--offering", "home-500"),
        *("--key", "k2", "--plan", checksum, "-o", "json"),
    )
    assert (said.code, json.loads(said.err)["code"]) == (4, "notFound")


async def test_a_plan_over_http_is_submitted_by_its_checksum(house: House) -> None:
    order = {"account_id": house.furnished.account, "items": [MOBILE]}
    status, plan, _ = await house.ask("POST", "/v1/orders/plan", order)
    assert (status, plan["amount"], plan["invoice"]["total"]) == (200, "15.00", "15.00")
    held = {each["pool"]: each["value"] for each in plan["held"]}
    status, made, _ = await house.ask(
        "POST", "/v1/orders", {**order, "plan": plan["checksum"]}, Idempotency_Key="ada-1"
    )
    assert status == 201
    line = made["items"][0]["subscription_id"]
    _, shown, _ = await house.ask("GET", f"/v1/subscriptions/{line}")
    assert (shown["values"]["msisdn"], shown["values"]["iccid"]) == (held["msisdn"], held["sim"])
    assert plans(house) == 0


async def test_a_stale_plan_is_a_conflict_of_its_field(house: House) -> None:
    order = {"account_id": house.furnished.account, "items": [MOBILE]}
    _, plan, _ = await house.ask("POST", "/v1/orders/plan", order)
    elsewhere = {**order, "items": [{**MOBILE, "resources": {"msisdn": "447700900009"}}], "plan": plan["checksum"]}
    status, told, _ = await house.ask("POST", "/v1/orders", elsewhere, Idempotency_Key="ada-1")
    assert (status, told["code"], told["field"]) == (409, "conflict", "plan")


async def test_a_plan_that_cannot_be_made_holds_nothing(house: House) -> None:
    stock = free(house)
    taken = {"action": "add", "offering": "meter", "resources": {"meter": "meter-0001"}}
    order = {"account_id": house.furnished.account, "items": [MOBILE, taken, taken]}
    status, told, _ = await house.ask("POST", "/v1/orders/plan", order)
    assert (status, told["field"]) == (409, "meter")

    def unsayable(work: Work) -> None:
        work.connection.exec_driver_sql("UPDATE element SET dialect = 'gone', dialect_hash = 'none'")

    house.gateway.database.run(unsayable, tenant=OPERATOR, actor=CLERK)
    status, _, _ = await house.ask("POST", "/v1/orders/plan", {**order, "items": [MOBILE]})
    assert status == 404
    assert (free(house), plans(house)) == (stock, 0)


def test_a_line_says_what_restricting_it_would_send(trunkline: Trunkline, furnished: Furnished) -> None:
    said = trunkline("line", "restrict", "sub_0000000000000", "--dry-run", "-o", "json")
    assert (said.code, json.loads(said.err)["code"]) == (4, "notFound")
