from __future__ import annotations

import json
import time
from typing import Any

import aiohttp
import aiomqtt
import pytest

from tests.wire.simulators import child

pytestmark = pytest.mark.slow

DAY_S = 86_400
FACTORY = {"present": False, "enabled": False, "plan": "none", "interval_s": 0}


@pytest.fixture(params=["own broker", "broker found"])
def site(request: pytest.FixtureRequest, embedded: child.Child) -> dict[str, Any]:
    """The child with its own broker, and the one that found a broker here."""
    if request.param == "own broker":
        assert embedded.where["mqtt"]["embedded"] is True
        return embedded.where
    where: dict[str, Any] = request.getfixturevalue("simulators").where
    if where["mqtt"]["embedded"]:
        pytest.skip("no broker runs on this machine")
    return where


@pytest.fixture
def handle(site: dict[str, Any], http: aiohttp.ClientSession) -> child.Handle:
    return child.Handle(http, site["control"]["url"])


def desired(version: int, expires_in_s: float = DAY_S, **settings: Any) -> dict[str, Any]:
    return {"version": version, "expires_at": time.time() + expires_in_s, "desired": settings}


async def test_a_meter_becomes_what_it_is_told_and_says_so(site: dict[str, Any], handle: child.Handle) -> None:
    async with child.meeting(site["mqtt"]) as gateway:
        wanted = {"enabled": True, "plan": "meter-3", "interval_s": 60}
        reply = await gateway.ask("meter-0001", "desired", {"id": "c-1", **desired(1, **wanted)})
        state = (await handle.state("mqtt"))["meter-0001"]
        assert reply == {
            "id": "c-1",
            "version": 1,
            "result": "ok",
            "reason": None,
            "reported": {"present": True, **wanted},
            "boots": state["boots"],
        }
        assert state == {"present": True, **wanted, "version": 1, "boots": state["boots"]}
        assert await gateway.ask("meter-0001", "get", {"id": "c-2"}) == {**reply, "id": "c-2"}
        gone = await gateway.ask("meter-0001", "desired", desired(2, present=False))
        assert (gone["version"], gone["reported"]) == (2, FACTORY)


async def test_an_older_version_changes_nothing_and_an_expired_one_is_not_answered(
    site: dict[str, Any], handle: child.Handle
) -> None:
    async with child.meeting(site["mqtt"]) as gateway:
        await gateway.ask("meter-0002", "desired", desired(5, enabled=True, plan="new", interval_s=30))
        late = await gateway.ask("meter-0002", "desired", desired(4, enabled=False, plan="old", interval_s=30))
        assert (late["result"], late["version"], late["reported"]["plan"]) == ("ok", 5, "new")
        await gateway.send("meter-0002", "desired", desired(6, -1, plan="expired"))
        reply = await gateway.ask("meter-0002", "get", {})
        assert (reply["version"], reply["reported"]["plan"]) == (5, "new")
    assert [entry["effect"] for entry in await handle.log("mqtt", "expired")] == [False]


async def test_a_malformed_command_is_refused_by_name(site: dict[str, Any]) -> None:
    async with child.meeting(site["mqtt"]) as gateway:
        for body, reason in [
            (desired(9, colour="red"), "unknown field colour"),
            (desired(9, enabled=1), "bad value for enabled"),
            (desired(9, interval_s=True), "bad value for interval_s"),
            (desired(9, plan="a b"), "bad value for plan"),
            (desired(9, present=False, plan="x"), "present: false stands alone"),
            (desired(-1, plan="x"), "bad value for version"),
            ({"version": 9, "expires_at": "soon", "desired": {"plan": "x"}}, "bad value for expires_at"),
            ({**desired(9, plan="x"), "more": 1}, "unknown field more"),
            (desired(9), "bad value for desired"),
        ]:
            reply = await gateway.ask("meter-0003", "desired", body)
            assert (reply["result"], reply["reason"]) == ("refused", reason)
            assert (reply["version"], reply["reported"]) == (0, FACTORY)


async def test_usage_is_published_once_with_its_own_id(site: dict[str, Any], handle: child.Handle) -> None:
    async with child.meeting(site["mqtt"]) as gateway:
        body = {"device": "meter-0004", "meter": "messages", "quantity": 1000, "at": "2026-06-20T10:00:00+00:00"}
        status, answer = await handle.ask("POST", "/usage", body)
        heard = json.loads(await gateway.hear("meter-0004", "usage"))
        _, again = await handle.ask("POST", "/usage", body)
    assert status == 201
    assert heard == {"id": answer["id"], "meter": "messages", "quantity": 1000, "at": "2026-06-20T10:00:00+00:00"}
    assert again["id"] != answer["id"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"device": "meter-9999", "meter": "messages", "quantity": 1}, 404, "no device 'meter-9999'"),
        ({"device": "meter-0001", "meter": "", "quantity": 1}, 400, "meter: use the meter's name, such as messages"),
        (
            {"device": "meter-0001", "meter": "messages", "quantity": -1},
            400,
            "quantity: use a whole number from 0 to 1000000000000",
        ),
        (
            {"device": "meter-0001", "meter": "messages", "quantity": 1, "at": "2026-06-20"},
            400,
            "at: use RFC 3339 with an offset",
        ),
    ],
)
async def test_usage_that_cannot_be_is_refused(control: child.Handle, body: Any, status: int, reason: str) -> None:
    answered, answer = await control.ask("POST", "/usage", body)
    assert (answered, answer["reason"]) == (status, reason)


async def test_a_reboot_shows_in_presence_and_keeps_the_settings(site: dict[str, Any], handle: child.Handle) -> None:
    async with child.meeting(site["mqtt"]) as gateway:
        assert await gateway.hear("meter-0004", "presence") == "online"
        await handle.ask("PUT", "/state/mqtt", {"meter-0004": {"plan": "kept"}})
        before = await gateway.ask("meter-0004", "get", {})
        await handle.ask("POST", "/reboot", {"element": "mqtt"})
        assert await gateway.hear("meter-0004", "presence") == "offline"
        assert await gateway.hear("meter-0004", "presence") == "online"
        after = await gateway.ask("meter-0004", "get", {})
    assert (after["boots"], after["reported"]) == (before["boots"] + 1, before["reported"])


async def test_a_broker_that_speaks_version_5_carries_the_same_commands(simulators: child.Child) -> None:
    if simulators.where["mqtt"]["embedded"]:
        pytest.skip("no broker runs on this machine, and the embedded one speaks 3.1.1 only")
    async with child.meeting(simulators.where["mqtt"], protocol=aiomqtt.ProtocolVersion.V5) as gateway:
        assert (await gateway.ask("meter-0001", "get", {"id": "v5"}))["result"] == "ok"
