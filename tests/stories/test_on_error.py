"""A step of an order fails: it is all taken back, waits for a person, or goes on with the part that is on."""

from __future__ import annotations

import pytest

from bss.catalog import service as catalog
from gateway.demo.town import Town
from oss.specs import service as specs
from tests.stories import looking
from tests.stories.looking import Port
from tests.stories.test_fallout import Shift, refused, state

pytestmark = pytest.mark.slow

TWIN = """
name: twin
resources: [{pool: meter, as: meter}, {pool: port, as: port}]
components:
  - {name: meter, on: meter, intent: meter, key: '{meter}', state: {enabled: true, plan: METER, interval_s: 60}}
  - {name: port, on: port, intent: port, key: '{port}', requires: [meter], state: {admin: up, profile: HOME500}}
"""
OFFER = """
currency: EUR
offerings:
  - code: twin
    name: Twin
    specification: twin
    prices:
      - {code: readings, name: Readings, kind: recurring, amount: "5.00", revenue: recurring, paysFor: meter}
      - {code: access, name: Access, kind: recurring, amount: "30.00", revenue: recurring, paysFor: port}
"""
METER, PORT = "meter-0001", "1"


@pytest.mark.parametrize(
    ("on_error", "ended", "enabled"),
    [("rollback", "failed", False), ("hold", "held", True), ("partial", "partial", True)],
)
async def test_a_failed_step_does_what_its_order_says(village: Town, on_error: str, ended: str, enabled: bool) -> None:
    town, shift = village, Shift(village)
    await town.do(lambda work: (specs.apply(work, TWIN), catalog.apply(work, OFFER)))
    account, method, _ = await town.customer("Ada Berg")
    await refused(town, match="")
    item = {"action": "add", "offering": "twin", "on_error": on_error}
    order_id = await town.order(account, [item], method_id=method, key="ada-1")
    assert await state(town, order_id) == ended
    assert await looking.port(town, PORT) == Port("down", "none")
    assert (await looking.meter(town, METER)).enabled is enabled
    waiting = [row["cause"] for row in (await shift.do("fallout.list"))["items"]]
    assert waiting == (["refused"] if on_error == "hold" else [])
    if on_error == "partial":
        assert looking.nets(await looking.bill(town, account)) == ["5.00"]
