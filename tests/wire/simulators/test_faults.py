from __future__ import annotations

import time
from typing import Any

import aiohttp
import asyncssh
import pytest
from pysnmp.proto.rfc1902 import OctetString

from tests.wire.simulators import child

pytestmark = pytest.mark.slow

ALIAS = "1.3.6.1.2.1.31.1.1.1.18"
SILENCE = "No SNMP response received before timeout"


async def test_the_hlr_breaks_each_way_and_heals(where: dict[str, Any], control: child.Handle) -> None:
    imsi = "999700000000101"
    command = f"subscriber imsi {imsi}"
    await control.ask("PUT", "/state/hlr", {imsi: {}})
    await control.fault("hlr", "refuse", match=f"{imsi} bar", count=1)
    await control.fault("hlr", "lie", match=f"{imsi} rate", count=1)
    await control.fault("hlr", "lose", match=f"{imsi} profile", count=1)
    await control.fault("hlr", "drop", match=f"{imsi} msisdn", count=1)
    async with child.shell(where["hlr"]) as hlr:
        assert await hlr.say(f"{command} bar all") == "% Operation refused\r\n"
        assert await hlr.say(f"{command} rate 64") == ""
        assert "  bar: none\r\n  rate: full\r\n" in await hlr.say(f"{command} show")
        with pytest.raises(asyncssh.ConnectionLost):
            await hlr.say(f"{command} profile done")
    async with child.shell(where["hlr"]) as hlr:
        assert "  profile: done\r\n" in await hlr.say(f"{command} show")
        with pytest.raises(asyncssh.ConnectionLost):
            await hlr.say(f"{command} msisdn 491510000101")
    async with child.shell(where["hlr"]) as hlr:
        assert "  msisdn: -\r\n" in await hlr.say(f"{command} show")
        for words in ("bar all", "rate 64", "profile done", "msisdn 491510000101"):
            assert await hlr.say(f"{command} {words}") == ""
    assert [(each["text"].split()[3], each["fault"], each["effect"]) for each in await control.log("hlr", imsi)] == [
        ("bar", "refuse", False),
        ("rate", "lie", False),
        ("show", None, False),
        ("profile", "lose", True),
        ("show", None, False),
        ("msisdn", "drop", False),
        ("show", None, False),
        ("bar", None, True),
        ("rate", None, True),
        ("profile", None, False),
        ("msisdn", None, True),
    ]


async def test_a_read_is_broken_only_when_it_is_named(where: dict[str, Any], control: child.Handle) -> None:
    imsi = "999700000000102"
    await control.ask("PUT", "/state/hlr", {imsi: {}})
    await control.fault("hlr", "refuse", match=imsi)
    async with child.shell(where["hlr"]) as hlr:
        assert f"imsi: {imsi}" in await hlr.say(f"subscriber imsi {imsi} show")
        await control.fault("hlr", "refuse", match=f"{imsi} show", count=1)
        assert await hlr.say(f"subscriber imsi {imsi} show") == "% Operation refused\r\n"


async def test_without_a_match_the_first_changes_are_hit_and_reads_are_not(
    where: dict[str, Any], control: child.Handle
) -> None:
    await control.fault("hlr", "lie", count=2)
    async with child.shell(where["hlr"]) as hlr:
        command = "subscriber imsi 999700000000103"
        assert await hlr.say(f"{command} create") == ""
        assert await hlr.say(f"{command} show") == "% No such subscriber\r\n"
        assert await hlr.say(f"{command} create") == ""
        assert await hlr.say(f"{command} show") == "% No such subscriber\r\n"
        assert await hlr.say(f"{command} create") == ""
        assert "imsi: 999700000000103" in await hlr.say(f"{command} show")
    faults = (await control.ask("GET", "/faults"))[1]
    assert [(each["kind"], each["count"], each["hits"]) for each in faults] == [("lie", 2, 2)]


async def test_a_slow_answer_comes_late_and_is_done(where: dict[str, Any], control: child.Handle) -> None:
    imsi = "999700000000104"
    await control.fault("hlr", "slow", match=imsi, count=1, delay_ms=120)
    async with child.shell(where["hlr"]) as hlr:
        began = time.monotonic()
        assert await hlr.say(f"subscriber imsi {imsi} create") == ""
        assert time.monotonic() - began >= 0.12
    assert imsi in await control.state("hlr")


async def test_effects_are_counted_and_a_page_goes_on_where_the_last_ended(
    where: dict[str, Any], control: child.Handle
) -> None:
    start = (await control.ask("GET", "/log/hlr"))[1]
    assert start["effects"] == sum(entry["effect"] for entry in start["entries"])
    async with child.shell(where["hlr"]) as hlr:
        for words in ("create", "bar all", "bar all", "show", "delete"):
            await hlr.say(f"subscriber imsi 999700000000105 {words}")
    after = (await control.ask("GET", f"/log/hlr?after={start['next']}"))[1]
    assert [entry["n"] - start["next"] for entry in after["entries"]] == [1, 2, 3, 4, 5]
    assert [entry["effect"] for entry in after["entries"]] == [True, True, False, False, True]
    assert after["effects"] == start["effects"] + 3
    assert (await control.ask("GET", f"/log/hlr?after={after['next']}"))[1]["entries"] == []


async def test_the_olt_breaks_each_way(where: dict[str, Any], control: child.Handle) -> None:
    for kind in ("refuse", "lie", "lose", "drop"):
        await control.fault("olt", kind, match=f"{ALIAS}.7={kind}", count=1)
    await control.fault("olt", "slow", match="=late", count=1, delay_ms=120)
    seen = []
    async with child.managing(where["olt"]) as olt:
        for word in ("refuse", "lie", "lose", "drop", "late"):
            olt.patience_s = 0.15 if word in ("lose", "drop") else child.ANSWER_S
            answer = await olt.set((f"{ALIAS}.7", OctetString(word)))
            seen.append((answer, (await control.state("olt"))["7"]["alias"]))
    assert seen == [
        (("", "noAccess", 1), ""),
        (("", "noError", 0), ""),
        ((SILENCE, "noError", 0), "lose"),
        ((SILENCE, "noError", 0), "lose"),
        (("", "noError", 0), "late"),
    ]


async def test_the_meter_breaks_each_way(where: dict[str, Any], control: child.Handle) -> None:
    for kind in ("refuse", "lie", "lose", "drop"):
        await control.fault("mqtt", kind, match=f'"plan": "{kind}"', count=1)
    seen = []
    async with child.meeting(where["mqtt"]) as gateway:
        for version, word in enumerate(("refuse", "lie", "lose", "drop"), start=100):
            body = {"version": version, "expires_at": time.time() + 60, "desired": {"plan": word}}
            await gateway.send("meter-0005", "desired", {"id": word, **body})
            after = await gateway.ask("meter-0005", "get", {"id": f"after {word}"})
            seen.append(after["reported"]["plan"] == word)
        replies = [
            (each["command"], each["fault"], each["effect"]) for each in await control.log("mqtt", '"expires_at"')
        ]
    assert seen == [False, False, True, False]
    assert replies[-4:] == [
        ("refuse", "refuse", False),
        ("lie", "lie", False),
        ("lose", "lose", True),
        ("drop", "drop", False),
    ]


async def test_a_lying_meter_reports_what_was_asked_and_a_busy_one_refuses(
    where: dict[str, Any], control: child.Handle
) -> None:
    await control.fault("mqtt", "lie", match="meter-0006/desired", count=1)
    async with child.meeting(where["mqtt"]) as gateway:
        body = {"version": 200, "expires_at": time.time() + 60, "desired": {"plan": "pretended"}}
        lied = await gateway.ask("meter-0006", "desired", body)
        assert (lied["result"], lied["version"], lied["reported"]["plan"]) == ("ok", 200, "pretended")
        await control.fault("mqtt", "refuse", count=1)
        busy = await gateway.ask("meter-0006", "desired", body)
    assert (busy["result"], busy["reason"]) == ("refused", "device busy")
    assert (await control.state("mqtt"))["meter-0006"]["plan"] != "pretended"


async def test_chance_is_repeated_by_the_seed(embedded: child.Child, http: aiohttp.ClientSession) -> None:
    handle = child.Handle(http, embedded.where["control"]["url"])
    await handle.fault("hlr", "refuse", chance=0.5)
    async with child.shell(embedded.where["hlr"]) as hlr:
        answers = [await hlr.say(f"subscriber imsi 99970000000020{n} create") for n in range(10)]
    await handle.ask("DELETE", "/faults")
    assert "".join("x" if answer else "." for answer in answers) == "..xxxxx.x."


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"element": "router", "kind": "lie"}, "element 'router': use one of hlr, olt, mqtt, bank, portability"),
        ({"element": "hlr", "kind": "explode"}, "kind 'explode': use one of refuse, drop, lie, lose, slow"),
        ({"element": "hlr", "kind": "lie", "count": 0}, "count 0: use 1 or more, or leave it out for every command"),
        ({"element": "hlr", "kind": "slow", "delay_ms": -1}, "delay_ms -1: use 0 to 600000"),
        ({"element": "hlr", "kind": "lie", "match": 5}, "match: not a value of its type"),
        (
            {"element": "hlr", "kind": "lie", "often": 1},
            "field 'often': use element, kind, match, count, delay_ms, chance",
        ),
    ],
)
async def test_a_fault_that_cannot_be_is_refused(control: child.Handle, body: Any, reason: str) -> None:
    assert await control.ask("POST", "/faults", body) == (400, {"error": "invalid", "reason": reason})
    assert await control.ask("GET", "/faults") == (200, [])
