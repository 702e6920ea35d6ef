"""A line under another SIM, number and port, back from its end, with a number from elsewhere: as elements show it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bss.porting import service as porting
from gateway.demo.town import CLERK, OPERATOR, Town
from gateway.identity.service import Caller
from gateway.verbs import core
from gateway.verbs.core import Desk
from gateway.verbs.planning import RehearsedGiven
from gateway.verbs.table import BY_NAME
from tests.stories.looking import Line, Port, line, port

pytestmark = pytest.mark.slow

OLD, NEW = "001010000000001", "001010000000002"
NUMBER, OTHER, THEIRS = "447700900000", "447700900001", "493012345678"


async def ask(town: Town, name: str, **document: Any) -> Any:
    """A verb of the clerk."""
    verb = BY_NAME[name]
    return await Desk(town.gateway, Caller(OPERATOR, CLERK)).do(verb, core.asked(verb, document))


async def test_a_line_moves_comes_back_and_brings_its_number(village: Town) -> None:
    town = village
    account, method, _ = await town.customer("Ada Berg")
    items = [{"action": "add", "offering": "mobile"}, {"action": "add", "offering": "home-500"}]
    await town.order(account, items, method_id=method, key="ada-1")
    lines = await town.lines(account)
    mobile, home = str(lines["mobile"].id), str(lines["home-500"].id)

    # another SIM: what is planned is what the register shows afterwards
    plan: RehearsedGiven = await ask(town, "line.plan", subscription_id=mobile, change="swap-sim")
    assert [(each.key, each.words[0]) for each in plan.commands] == [
        (NEW, f"subscriber imsi {NEW} create"),
        (OLD, f"subscriber imsi {OLD} delete"),
        (NEW, f"subscriber imsi {NEW} msisdn {NUMBER}"),
    ]
    assert await line(town, NEW) is None
    await ask(town, "line.swap-sim", subscription_id=mobile)
    await town.settled()
    assert await line(town, OLD) is None
    assert await line(town, NEW) == Line(NUMBER, "MOBILE", "none", "full")

    # another number, and another port
    await ask(town, "line.change-number", subscription_id=mobile, to=OTHER)
    await ask(town, "line.move", subscription_id=home, to="7")
    await town.settled()
    assert await line(town, NEW) == Line(OTHER, "MOBILE", "none", "full")
    assert (await port(town, "1"), await port(town, "7")) == (Port("down", "none"), Port("up", "HOME500"))

    # an end, and the end taken back within the rest of its number
    await ask(town, "line.terminate", subscription_id=mobile, cause="customer")
    await town.settled()
    assert await line(town, NEW) is None
    await town.advance(town.clock.now() + timedelta(days=3))
    await ask(town, "line.undo-terminate", subscription_id=mobile)
    await town.settled()
    assert await line(town, NEW) == Line(OTHER, "MOBILE", "none", "full")

    # a number of another operator, in its window
    opens = town.clock.now() + timedelta(days=1)
    window = {"window_from": opens.isoformat(), "window_until": (opens + timedelta(hours=2)).isoformat()}
    asked = {"account_id": str(account), "offering": "mobile", "number": THEIRS, "other": "telco-b"}
    made = await ask(town, "line.port-in", **asked, method_id=str(method), **window)
    await town.sim.clearing("telco-b", {"word": "pending"})
    await town.advance(opens + timedelta(minutes=10))
    assert str((await town.see(lambda work: porting.get(work, made.id))).state) in ("pending", "completed")
    await town.sim.clearing("telco-b", {"word": "confirmed"})
    await town.advance(opens + timedelta(hours=1))
    assert str((await town.see(lambda work: porting.get(work, made.id))).state) == "completed"
    state = await town.sim.control("GET", "/state/hlr")
    assert sorted(each["msisdn"] for each in state.values()) == [OTHER, THEIRS]
    assert (await town.sim.control("GET", "/state/portability"))[THEIRS]["state"] == "completed"

    # and away with another
    opens = town.clock.now() + timedelta(hours=1)
    window = {"window_from": opens.isoformat(), "window_until": (opens + timedelta(hours=2)).isoformat()}
    gone = await ask(town, "line.port-out", subscription_id=mobile, other="telco-c", **window)
    await town.advance(opens + timedelta(minutes=10))
    assert str((await town.see(lambda work: porting.get(work, gone.id))).state) == "completed"
    assert await line(town, NEW) is None
