"""A dry run: what is printed is what the elements hear later, nothing before; a plan that has gone stale is refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from bss.catalog import service as catalog
from bss.customers import service as customers
from bss.ledger import service as ledger
from bss.ledger.model import TaxStatus
from bss.ordering import service as ordering
from bss.subscriptions import service as subscriptions
from gateway import seed
from gateway.demo.town import CLERK, OPERATOR, Town
from gateway.identity.service import Caller
from gateway.verbs import core
from gateway.verbs.core import Desk
from gateway.verbs.planning import PlanGiven, RehearsedGiven
from gateway.verbs.table import BY_NAME
from kernel.errors import Conflict, Invalid, NotFound
from kernel.work import Work
from oss.inventory import elements, pools
from oss.orders import views
from tests.stories import looking
from tests.stories.test_main_job import ICCID, IMSI, METER, MSISDN, PORT, bundle

pytestmark = pytest.mark.slow

WIRES = ("hlr", "olt", "mqtt")
"""The simulators of the three protocols."""
EXPIRES = re.compile(r'"expires_at":\d+')
"""The one thing that cannot be known beforehand: by when a device must have obeyed counts from the sending."""


async def ask(town: Town, name: str, **document: Any) -> Any:
    """A verb of the clerk."""
    verb = BY_NAME[name]
    return await Desk(town.gateway, Caller(OPERATOR, CLERK)).do(verb, core.asked(verb, document))


async def spoken(town: Town) -> list[str]:
    """Everything that was said to an element so far and changes something, from the words kept with the orders."""
    said = await town.see(views.spoken)
    lines = [line[2:] for each in said for line in each.text.splitlines() if line.startswith("> ")]
    return [line for line in lines if not _asks(line)]


def _asks(line: str) -> bool:
    return line.startswith(("show ", "GET ")) or line.endswith(" show") or line.partition(" {")[0].endswith("/get")


def exact(lines: Sequence[str]) -> list[str]:
    """The words without the moment of their sending."""
    return [EXPIRES.sub('"expires_at":0', line) for line in lines]


async def heard(town: Town) -> dict[str, int]:
    """How much each element has heard, questions included."""
    logs = {name: await town.sim.control("GET", f"/log/{name}") for name in WIRES}
    return {name: len(log["entries"]) for name, log in logs.items()}


def words(given: RehearsedGiven) -> list[str]:
    return [line for each in given.commands for line in each.words]


async def free(town: Town) -> dict[str, int]:
    counts = await town.see(lambda work: pools.counts(work, tenant=OPERATOR))
    return {pool: next(n for state, n in states.items() if state == "free") for pool, states in counts.items()}


# ---- the story


async def test_what_is_planned_is_what_is_said(town: Town) -> None:
    account, method, _ = await town.customer("Ada Berg")
    quiet, stock = await heard(town), await free(town)
    order = {"account_id": str(account), "items": bundle(METER), "method_id": str(method)}
    plan: PlanGiven = await ask(town, "order.plan", **order)

    assert [(each.element, each.protocol, each.key) for each in plan.commands] == [
        ("olt-1", "snmp", PORT),
        ("hlr-1", "ssh", IMSI),
        ("broker-1", "mqtt", METER),
    ]
    assert [(each.element, each.name) for each in plan.undo] == [
        ("broker-1", "undo meter"),
        ("hlr-1", "undo subscriber"),
        ("olt-1", "undo port"),
    ]
    assert {(each.pool, each.value) for each in plan.held} == {
        *(("port", PORT), ("msisdn", MSISDN), ("sim", ICCID), ("meter", METER))
    }
    assert plan.until == town.clock.now() + timedelta(minutes=15)
    assert [line.net for line in plan.invoice.lines] == ["29.00", "39.00", "15.00", "3.00"]
    assert (plan.invoice.total, plan.invoice.tax, plan.amount) == ("86.00", "0.00", "86.00")

    assert await heard(town) == quiet
    assert await town.see(lambda work: ordering.of_account(work, account)) == []
    assert await free(town) == {pool: count - 1 for pool, count in stock.items()}

    made = await ask(town, "order.submit", **order, key="ada-1", plan=plan.checksum)
    await town.settled()
    shown = await ask(town, "order.show", order_id=made.id)
    assert (shown.state, shown.amount) == ("completed", plan.amount)
    assert [each.id for each in shown.service_orders] == [each.order_id for each in plan.orders]
    assert sorted(exact(await spoken(town))) == sorted(exact(words(plan)))
    bill = await looking.bill(town, account)
    assert looking.nets(bill) == [line.net for line in plan.invoice.lines]
    assert bill["total"] == plan.invoice.total
    assert await free(town) == {pool: count - 1 for pool, count in stock.items()}
    await the_undo_is_what_the_elements_can_say(plan)
    await a_change_and_a_restriction_are_planned_and_said(town, order)


async def the_undo_is_what_the_elements_can_say(plan: PlanGiven) -> None:
    undo = {each.element: each.words for each in plan.undo}
    assert any(IMSI in line for line in undo["hlr-1"])
    assert all(undo.values())


async def a_change_and_a_restriction_are_planned_and_said(town: Town, order: dict[str, Any]) -> None:
    account = order["account_id"]
    line = (await _lines(town, account))["home-500"]
    change = [{"action": "modify", "subscription_id": str(line.id), "offering": "home-1000"}]
    before = await spoken(town)
    plan: PlanGiven = await ask(town, "order.plan", account_id=account, items=change)
    assert (plan.held, len(plan.commands)) == ([], 1)
    assert [each.net for each in plan.invoice.lines] == ["59.00", "15.00", "3.00", "-39.00", "59.00"]
    assert await spoken(town) == before
    await ask(town, "order.submit", account_id=account, items=change, key="ada-2", plan=plan.checksum)
    await town.settled()
    assert (await spoken(town))[len(before) :] == words(plan)

    before = await spoken(town)
    told = {"subscription_id": str(line.id), "cause": "customer"}
    for verb in ("restrict", "lift"):
        level = {"level": "hard"} if verb == "restrict" else {}
        rehearsed: RehearsedGiven = await ask(town, "line.plan", **told, change=verb, **level)
        assert await spoken(town) == before
        await ask(town, f"line.{verb}", **told, **level)
        await town.settled()
        assert (await spoken(town))[len(before) :] == words(rehearsed)
        before = await spoken(town)
    end: RehearsedGiven = await ask(town, "line.plan", **told, change="terminate")
    assert [each.verb for each in end.orders] == ["terminate"]
    assert (await _lines(town, account))["home-1000"].state == "active"


async def _lines(town: Town, account_id: str) -> dict[str, Any]:
    found = await ask(town, "subscription.list", account_id=account_id)
    return {each.offering: each for each in found.items}


# ---- stale plans


async def test_a_plan_that_has_gone_stale_is_refused_and_names_what_changed(village: Town) -> None:
    account, method, _ = await village.customer("Ada Berg")
    order = {"account_id": str(account), "items": [{"action": "add", "offering": "home-500"}]}
    rows = await _counts(village)

    async def refused(plan: PlanGiven, **over: Any) -> str:
        with pytest.raises(Conflict) as caught:
            await ask(village, "order.submit", **{**order, **over}, key="ada-1", plan=plan.checksum)
        assert caught.value.field == "plan"
        return caught.value.message

    plan: PlanGiven = await ask(village, "order.plan", **order)
    assert await refused(plan, method_id=str(method)) == "the plan is for another order"

    dearer = (seed.CONFIG / "catalog" / "demo.yaml").read_text(encoding="utf-8").replace('"39.00"', '"41.00"')
    await village.do(lambda work: catalog.apply(work, dearer))
    told = await refused(plan)
    assert re.fullmatch(
        r"the plan is stale: offering home-500 was [0-9a-f]{12}, is [0-9a-f]{12}; owed at once before tax was"
        r" 68\.00 EUR, is 70\.00 EUR; price access of home-500 was 39\.00 EUR, is 41\.00 EUR",
        told,
    )

    plan = await ask(village, "order.plan", **order)
    await village.do(lambda work: elements.withdraw(work, "olt-1") and None)
    assert re.search(r"stale: element olt-1 was \w+ inService, is \w+ maintenance$", await refused(plan))
    await village.do(lambda work: elements.reinstate(work, "olt-1") and None)

    await village.do(_tax)
    assert re.search(r"country", str((await _unplannable(village, order)).message))
    assert (await _counts(village))["product_order"] == rows["product_order"] == 0


def _tax(work: Work) -> None:
    seller = ledger.only_seller(work)
    seller.tax_status, seller.exemption_reason = TaxStatus.REGISTERED, None


async def _unplannable(town: Town, order: dict[str, Any]) -> Any:
    with pytest.raises(Invalid) as caught:
        await ask(town, "order.plan", **order)
    return caught.value


async def test_what_happens_to_a_line_makes_its_plan_stale(village: Town) -> None:
    account, method, _ = await village.customer("Ada Berg")
    await village.order(account, [{"action": "add", "offering": "home-500"}], method_id=method, key="ada-1")
    line = (await village.lines(account))["home-500"]
    change = [{"action": "modify", "subscription_id": str(line.id), "offering": "home-1000"}]
    plan: PlanGiven = await ask(village, "order.plan", account_id=str(account), items=change)
    await ask(village, "line.restrict", subscription_id=str(line.id), cause="customer", level="soft")
    await village.settled()
    with pytest.raises(Conflict, match=rf"generation of {line.service_id} was 1, is 2"):
        await ask(village, "order.submit", account_id=str(account), items=change, key="ada-2", plan=plan.checksum)
    again: PlanGiven = await ask(village, "order.plan", account_id=str(account), items=change)
    await ask(village, "order.submit", account_id=str(account), items=change, key="ada-2", plan=again.checksum)
    await village.settled()
    assert (await village.lines(account))["home-1000"].state == "active"


async def test_a_plan_shows_the_tax_of_the_customers_country(village: Town) -> None:
    account, method, _ = await village.customer("Ada Berg")

    def place(work: Work) -> None:
        _tax(work)
        customers.account(work, account).country = "DE"

    await village.do(place)
    items = [{"action": "add", "offering": "home-500"}]
    plan: PlanGiven = await ask(village, "order.plan", account_id=str(account), items=items, method_id=str(method))
    assert [(each.net, each.tax, each.tax_rate) for each in plan.invoice.lines] == [
        ("29.00", "5.51", "19"),
        ("39.00", "7.41", "19"),
    ]
    assert (plan.invoice.tax, plan.invoice.total, plan.amount) == ("12.92", "80.92", "80.92")


async def test_what_nobody_submits_goes_back_after_a_quarter_of_an_hour(village: Town) -> None:
    account, _, _ = await village.customer("Ada Berg")
    stock = await free(village)
    order = {"account_id": str(account), "items": [{"action": "add", "offering": "mobile"}]}
    plan: PlanGiven = await ask(village, "order.plan", **order)
    other: PlanGiven = await ask(village, "order.plan", **order)
    assert plan.checksum != other.checksum
    assert {each.value for each in plan.held}.isdisjoint({each.value for each in other.held})
    await village.advance(plan.until)
    assert await free(village) == stock
    with pytest.raises(NotFound, match=f"no plan {plan.checksum}"):
        await ask(village, "order.submit", **order, key="ada-1", plan=plan.checksum)


async def test_a_plan_is_submitted_once_and_repeated_by_its_key(village: Town) -> None:
    account, _, _ = await village.customer("Ada Berg")
    order = {"account_id": str(account), "items": [{"action": "add", "offering": "meter"}]}
    plan: PlanGiven = await ask(village, "order.plan", **order)
    first = await ask(village, "order.submit", **order, key="ada-1", plan=plan.checksum)
    assert (await ask(village, "order.submit", **order, key="ada-1", plan=plan.checksum)).id == first.id
    with pytest.raises(NotFound, match="no plan"):
        await ask(village, "order.submit", **order, key="ada-2", plan=plan.checksum)
    await village.settled()
    found = await village.see(lambda work: subscriptions.of_account(work, account))
    assert [str(each.state) for each in found] == ["active"]
    with pytest.raises(Conflict, match="'ada-1' was used for an order"):
        await ask(village, "order.plan", **order, key="ada-1")


async def _counts(town: Town) -> dict[str, int]:
    return await asyncio.wrap_future(town.gateway.database.read_system(looking.rows))
