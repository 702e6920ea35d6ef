"""Somebody changed a port by hand: each policy of the OLT over SNMP, and what a person sees of it."""

from __future__ import annotations

import asyncio

import pytest

from bss.customers.model import AccountId
from gateway.demo.town import Town
from oss.inventory import elements
from oss.inventory.model import Differs
from tests.stories import looking
from tests.stories.looking import Port
from tests.stories.test_fallout import PORT, Shift

pytestmark = pytest.mark.slow

HOME = {"action": "add", "offering": "home-500", "on_error": "hold"}


async def told(town: Town, policy: Differs) -> None:
    """Give the OLT a policy, and wait until the worker has it."""

    def fn(work) -> None:  # type: ignore[no-untyped-def]
        elements.get(work, "olt-1").differs = policy

    await town.do(fn)
    async with asyncio.timeout(10):
        while town.runtime.network.wary.get("olt-1", Differs.OVERWRITE) is not policy:
            town.runtime.worker.lease.hurry()
            await asyncio.sleep(0.02)


async def by_hand(town: Town, *, admin: str) -> None:
    await town.sim.control("PUT", "/state/olt", {PORT: {"admin": admin}})


@pytest.fixture
async def account(village: Town) -> AccountId:
    """A customer with a line on port 1."""
    account, method, _ = await village.customer("Ada Berg")
    await village.order(account, [HOME], method_id=method, key="ada-1")
    assert await looking.port(village, PORT) == Port("up", "HOME500")
    return account


async def changed(town: Town, account: AccountId) -> str:
    line = (await town.lines(account))["home-500"]
    item = {"action": "modify", "subscription_id": str(line.id), "offering": "home-1000", "on_error": "hold"}
    given = await Shift(town).do("order.submit", account_id=str(account), items=[item], key="ada-2")
    await town.settled()
    return str(given["id"])


async def test_overwrite_puts_it_as_it_was_ordered(village: Town, account: AccountId) -> None:
    await by_hand(village, admin="down")
    await changed(village, account)
    assert await looking.port(village, PORT) == Port("up", "HOME1000")


async def test_hold_asks_a_person_and_a_retry_replaces(village: Town, account: AccountId) -> None:
    town, shift = village, Shift(village)
    await told(town, Differs.HOLD)
    await by_hand(town, admin="down")
    await changed(town, account)
    assert await looking.port(town, PORT) == Port("down", "HOME500")
    (row,) = (await shift.do("fallout.list"))["items"]
    assert (row["cause"], row["element"]) == ("differs", "olt-1")
    assert row["message"] == "port on olt-1: it is not as it was left: admin was up, is down"
    await shift.do("fallout.retry", ids=[row["id"]])
    await town.settled()
    assert await looking.port(town, PORT) == Port("up", "HOME1000")


async def test_adopt_keeps_it_and_changes_what_was_ordered(village: Town, account: AccountId) -> None:
    await told(village, Differs.ADOPT)
    await by_hand(village, admin="down")
    order_id = await changed(village, account)
    assert await looking.port(village, PORT) == Port("down", "HOME1000")
    story = (await Shift(village).do("order.timeline", order_id=order_id))["items"]
    (kept,) = [moment["detail"] for moment in story if moment["what"] == "TaskAdopted"]
    assert (kept["element"], kept["kept"]) == ("olt-1", {"admin": "down"})
