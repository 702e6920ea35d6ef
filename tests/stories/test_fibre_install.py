"""A fibre line: somebody else approves it, the customer books a day, a technician comes, and only then the network."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bss.catalog import service as catalog
from gateway import seed
from gateway.demo.town import Town
from kernel.errors import Forbidden
from kernel.work import Actor
from oss.inventory.model import ServiceId
from tests.stories import looking
from tests.stories.looking import Port
from tests.stories.test_fallout import Shift, state

pytestmark = pytest.mark.slow

PLANNER = Actor("planning:ines", frozenset({"operator"}))
TECHNICIAN = Actor("field:omar", frozenset({"technician"}))
CALENDAR = Actor("system:calendar", frozenset({"partner"}))
CATALOG = seed.CONFIG / "catalog" / "fibre.yaml"
SECOND = "2"
"""The port of the order: the plan that was looked at before holds the first for its quarter of an hour."""
FIBRE = {"action": "add", "offering": "fibre-500"}


async def test_approval_appointment_and_visit_stand_before_the_port(village: Town) -> None:
    town = village
    clerk, planner, technician = Shift(town), Shift(town, PLANNER), Shift(town, TECHNICIAN)
    await town.do(lambda work: catalog.apply(work, CATALOG))
    account, method, _ = await town.customer("Ada Berg")
    planned = await clerk.do("order.plan", account_id=str(account), items=[FIBRE], method_id=str(method))
    assert [step["words"][0] for step in planned["commands"] if not step["element"]][::3] == [
        "wait for planning to complete it with route within 5d, else hold",
        "wait for 2h",
    ]
    assert [step["name"] for step in planned["undo"]] == ["undo port"]
    order_id = await town.order(account, [FIBRE], method_id=method, key="ada-1")
    assert await state(town, order_id) == "inProgress"
    (approval,) = (await planner.do("task.list"))["items"]
    assert (approval["name"], approval["assigned"]) == ("approval", "planning")
    with pytest.raises(Forbidden, match="demo:clerk placed the order"):
        await clerk.do("task.complete", task_id=approval["id"], values={"route": "DU-1203"})
    await planner.do("task.complete", task_id=approval["id"], values={"route": "DU-1203"})

    service = ServiceId.parse(approval["service_id"])
    booked = {"event": "appointmentBooked", "correlation": str(service), "reference": "cal-77"}
    told = await Shift(town, CALENDAR).do("task.signal", **booked, values={"day": "2026-06-09"})
    assert (len(told["tasks"]), told["kept_until"]) == (1, None)
    await town.advance(town.clock.now() + timedelta(days=8))
    assert await looking.port(town, SECOND) == Port("down", "none")
    (visit,) = (await technician.do("task.list", kind="manual"))["items"]
    await technician.do("task.complete", task_id=visit["id"], values={"terminal": "ABCD12345678", "power_dbm": "-18.5"})
    await town.settled()
    assert await looking.port(town, SECOND) == Port("up", "HOME500")
    assert await state(town, order_id) == "inProgress"
    await town.advance(town.clock.now() + timedelta(hours=3))
    assert await state(town, order_id) == "completed"
    story = (await clerk.do("order.timeline", order_id=str(order_id)))["items"]
    acts = [(m["what"], m["actor"]) for m in story if m["kind"] == "act" and m["what"].startswith("task.")]
    assert acts == [
        ("task.completed", "planning:ines"),
        ("task.signalled", "system:calendar"),
        ("task.completed", "field:omar"),
    ]
    line = (await town.lines(account))["fibre-500"]
    assert line.activated_at == town.clock.now() - timedelta(hours=1)


async def test_a_visit_that_nobody_makes_waits_for_a_person(village: Town) -> None:
    town, clerk = village, Shift(village)
    await town.do(lambda work: catalog.apply(work, CATALOG))
    account, method, _ = await town.customer("Ben Arp")
    order_id = await town.order(account, [FIBRE], method_id=method, key="ben-1")
    await town.advance(town.clock.now() + timedelta(days=6))
    assert await state(town, order_id) == "held"
    (row,) = (await clerk.do("fallout.list"))["items"]
    assert (row["element"], row["cause"]) == ("manual", "timeout")
    assert row["suggestion"] == "retry to wait once more, skip it, or take the order back"
    await clerk.do("fallout.undo", ids=[row["id"]], reason="the customer gave up")
    await town.settled()
    assert await state(town, order_id) == "failed"
    assert (await clerk.do("task.list"))["items"] == []
