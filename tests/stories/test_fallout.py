"""Fallout, incidents and cuts as the people on shift meet them, over the simulators' real protocols."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bss.customers.model import AccountId
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.ordering.model import ProductOrderId
from bss.subscriptions import service as subscriptions
from gateway import why
from gateway.demo.town import CLERK, OPERATOR, Town
from gateway.identity.service import Caller
from gateway.verbs import core
from gateway.verbs.core import Desk
from gateway.verbs.table import BY_NAME
from kernel.work import Actor
from oss.port import Level
from tests.stories import looking
from tests.stories.looking import Port, at

pytestmark = pytest.mark.slow


PORT = "1"
HOME = {"action": "add", "offering": "home-500", "on_error": "hold"}
MOBILE = {"action": "add", "offering": "mobile", "on_error": "hold"}
BORIS = Actor("noc:boris", frozenset({"operator"}))


class Shift:
    """A person at a desk, who works by verbs as the command line and the API do."""

    def __init__(self, town: Town, actor: Actor = CLERK) -> None:
        self.town, self.desk = town, Desk(town.gateway, Caller(OPERATOR, actor))

    async def do(self, name: str, **fields: object) -> dict:  # type: ignore[type-arg]
        """One verb; what it gives, as JSON."""
        verb = BY_NAME[name]
        given = await self.desk.do(verb, core.asked(verb, fields))
        document: dict = json.loads(given.model_dump_json())  # type: ignore[type-arg]
        return document


async def state(town: Town, order_id: ProductOrderId) -> str:
    return str((await town.see(lambda work: ordering.get(work, order_id))).state)


async def refused(town: Town, *, match: str, count: int = 1) -> None:
    """Let the OLT refuse the next commands that name it."""
    await town.sim.control("POST", "/faults", {"element": "olt", "kind": "refuse", "match": match, "count": count})


async def test_a_night_shift_mends_corrects_skips_and_calls_off(village: Town) -> None:
    town, shift = village, Shift(village)
    account, method, _ = await town.customer("Ada Berg")
    await _retried(town, shift, account, str(method))
    await _all_of_an_element(town, shift, account)
    await _called_off(town, shift, account)


async def _retried(town: Town, shift: Shift, account: AccountId, method: str) -> None:
    await refused(town, match="")
    order_id = await _order(town, account, "ada-1", HOME)
    assert await state(town, order_id) == "held"
    (row,) = (await shift.do("fallout.list"))["items"]
    assert (row["element"], row["key"], row["cause"]) == ("olt-1", PORT, "refused")
    assert row["transcript"] == f"/v1/orders/{row['order_id']}/transcript"
    assert [(a["kind"], a["element"]) for a in (await shift.do("alarm.list"))["items"]] == [("fallout", "olt-1")]
    await shift.do("fallout.take", id=row["id"], note="looking")
    (theirs,) = (await Shift(town, BORIS).do("fallout.retry", ids=[row["id"]]))["items"]
    assert (theirs["outcome"], "demo:clerk has" in theirs["message"]) == ("failed", True)
    (mine,) = (await shift.do("fallout.retry", ids=[row["id"]]))["items"]
    assert mine["outcome"] == "done"
    await town.settled()
    assert await state(town, order_id) == "completed"
    assert await looking.port(town, PORT) == Port("up", "HOME500")
    assert (await shift.do("alarm.list"))["items"] == []


async def _all_of_an_element(town: Town, shift: Shift, account: AccountId) -> None:
    """Three lines fall out; the first is tried alone, then the others go."""
    await refused(town, match="", count=3)
    orders = [await _order(town, account, f"ada-2{n}", HOME) for n in range(3)]
    assert [await state(town, each) for each in orders] == ["held"] * 3
    await refused(town, match="")
    tried = (await shift.do("fallout.retry", element="olt-1"))["items"]
    assert [each["outcome"] for each in tried] == ["failed", "notTried", "notTried"]
    tried = (await shift.do("fallout.retry", element="olt-1"))["items"]
    assert [each["outcome"] for each in tried] == ["done", "done", "done"]
    await town.settled()
    assert [await state(town, each) for each in orders] == ["completed"] * 3


async def _called_off(town: Town, shift: Shift, account: AccountId) -> None:
    await refused(town, match="")
    order_id = await _order(town, account, "ada-3", HOME, MOBILE)
    assert await state(town, order_id) == "held"
    given = await shift.do("order.cancel", order_id=str(order_id), reason="moved away")
    assert given["state"] in ("pendingCancellation", "cancelled")
    await town.settled()
    assert await state(town, order_id) == "cancelled"
    story = (await shift.do("order.timeline", order_id=str(order_id)))["items"]
    assert {"fact", "act", "said"} <= {moment["kind"] for moment in story}
    assert "order.withdrawn" in [moment["what"] for moment in story]


async def test_an_incident_lets_work_wait_spares_its_lines_and_answers_why(village: Town) -> None:
    town, shift = village, Shift(village)
    account, _, token = await town.customer("Ada Berg")
    await _order(town, account, "ada-1", HOME)
    line = (await town.lines(account))["home-500"]
    await town.sim.bank("PUT", f"/v1/control/tokens/{token}", {"mode": "decline", "reason": "do_not_honor"})
    await town.advance(at(7, 22))
    opened = await shift.do("incident.open", element="olt-1", reason="fibre cut in the ring")
    assert [each["account_id"] for each in (await shift.do("incident.show", incident_id=opened["id"]))["lines"]] == [
        str(account)
    ]
    waiting = await _order(town, account, "ada-2", HOME)
    steps = (await shift.do("order.show", order_id=str(waiting)))["service_orders"][0]["steps"]
    assert steps[0]["waits_for"] == f"{opened['id']} on olt-1: fibre cut in the ring"
    await town.advance(at(7, 24))
    assert await looking.letters(town, account) == ["invoice", "invoice", "payment-declined", "reminder", "soft"]
    assert await looking.port(town, PORT) == Port("up", "HOME500")
    await shift.do("incident.close", incident_id=opened["id"], resolution="spliced")
    await town.settled()
    assert await state(town, waiting) == "completed"
    await town.advance(at(7, 31))
    assert await looking.port(town, PORT) == Port("up", "SOFT")
    told = (await shift.do("line.why", subscription_id=str(line.id)))["why"]
    for part in ("Barred for outgoing services (soft)", "for nonPayment", "invoice INV", "rung 3", "olt-1 showed"):
        assert part in told
    assert "profile=SOFT" in told
    moments = (await shift.do("line.timeline", subscription_id=str(line.id)))["items"]
    assert [m["at"] for m in moments] == sorted(m["at"] for m in moments)
    assert {"fact", "act", "said", "deed"} == {moment["kind"] for moment in moments}
    assert token not in json.dumps(moments)


async def test_a_line_that_nobody_restricted_says_so(village: Town) -> None:
    account, _, _ = await village.customer("Ada Berg")
    await _order(village, account, "ada-1", HOME)
    line = (await village.lines(account))["home-500"]
    assert await village.see(lambda work: why.sentence(work, line)) == f"{line.id} is active and was never restricted."
    await village.do(lambda work: subscriptions.restrict(work, line.id, cause="customer", level=Level.HARD))
    await village.settled()
    told = await village.see(lambda work: why.sentence(work, line))
    assert told.startswith("Cut off (hard) since 01 Jun 2026 08:00 UTC for customer: restriction rst_")
    assert "olt-1 showed admin=down" in told
    await village.advance(village.clock.now() + timedelta(days=1))
    await village.do(lambda work: subscriptions.lift(work, line.id, cause="customer"))
    await village.settled()
    told = await village.see(lambda work: why.sentence(work, line))
    assert told.startswith(f"{line.id} is not restricted: the last restriction rst_")
    assert told.endswith("stood from 01 Jun 2026 08:00 UTC and was lifted 02 Jun 2026 08:00 UTC by demo:clerk.")


async def _order(town: Town, account: AccountId, key: str, *items: dict[str, str]) -> ProductOrderId:
    """An order by invoice, so that a debt may grow."""
    body = {"account_id": str(account), "items": list(items), "key": key}
    order = await town.do(lambda work: ordering.submit(work, requests.read(body)))
    await town.settled()
    return order.id
