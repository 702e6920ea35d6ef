"""Orders with a date: they wait until it has come by the business clock, and are looked at once more then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bss.ordering.model import ProductOrderId
from bss.subscriptions import service as subscriptions
from gateway.demo.town import Town
from kernel.errors import Invalid
from tests.stories import looking
from tests.stories.looking import Port, at, paid
from tests.stories.test_fallout import PORT, Shift, state

pytestmark = pytest.mark.slow

HOME = {"action": "add", "offering": "home-500"}


async def test_an_order_waits_for_its_date_and_is_paid_for_then(village: Town) -> None:
    town, shift = village, Shift(village)
    account, method, _ = await town.customer("Ada Berg")
    asked = {"account_id": str(account), "items": [HOME], "method_id": str(method), "start_at": at(6, 20).isoformat()}
    order = await shift.do("order.submit", **asked, key="ada-1")
    assert (order["state"], [gate["name"] for gate in order["gates"]]) == ("pending", ["payment", "start"])
    await town.advance(at(6, 19, 23))
    assert await looking.port(town, PORT) == Port("down", "none")
    assert await paid(town, account) == []
    await town.advance(at(6, 20, 11))
    assert await looking.port(town, PORT) == Port("up", "HOME500")
    assert [kind for kind, _ in await paid(town, account)] == ["succeeded"]
    line = (await town.lines(account))["home-500"]
    assert line.activated_at == at(6, 20)
    again = await shift.do("order.submit", **asked, key="ada-1")
    assert (again["id"], again["state"]) == (order["id"], "completed")


async def test_a_dated_end_of_a_line_that_has_gone_is_called_off_and_says_why(village: Town) -> None:
    town, shift = village, Shift(village)
    account, method, _ = await town.customer("Ben Arp")
    await town.order(account, [HOME], method_id=method, key="ben-1")
    line = (await town.lines(account))["home-500"]
    item = {"action": "delete", "subscription_id": str(line.id)}
    asked = {"account_id": str(account), "items": [item], "start_at": at(6, 20).isoformat()}
    order = await shift.do("order.submit", **asked, key="ben-2")
    await town.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    await town.advance(at(6, 21))
    shown = await shift.do("order.show", order_id=order["id"])
    assert shown["state"] == "cancelled"
    assert shown["reason"].startswith("on its date it could not begin: ")


async def test_a_date_is_ahead_and_an_order_can_be_called_off_before_it(village: Town) -> None:
    town, shift = village, Shift(village)
    account, method, _ = await town.customer("Cleo Dahl")
    end = {"account_id": str(account), "items": [HOME], "method_id": None}
    for wrong, said in ((town.clock.now(), "is over"), (town.clock.now() + timedelta(days=400), "366 days ahead")):
        with pytest.raises(Invalid, match=said):
            await shift.do("order.submit", **end, start_at=wrong.isoformat(), key="cleo-1")
    with pytest.raises(Invalid, match="needs its offset"):
        await shift.do("order.submit", **end, start_at="2026-06-20T10:00:00", key="cleo-1")
    dated = {**end, "start_at": at(6, 20).isoformat()}
    order = await shift.do("order.submit", **{**dated, "method_id": str(method)}, key="cleo-2")
    given = await shift.do("order.cancel", order_id=order["id"], reason="moved away")
    assert given["state"] == "cancelled"
    await town.advance(at(6, 22))
    assert await state(town, ProductOrderId.parse(given["id"])) == "cancelled"
