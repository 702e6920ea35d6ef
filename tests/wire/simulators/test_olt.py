from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pysnmp.proto.rfc1902 import Integer32, OctetString

from tests.wire.simulators import child

pytestmark = pytest.mark.slow

ADMIN, OPER = "1.3.6.1.2.1.2.2.1.7", "1.3.6.1.2.1.2.2.1.8"
NAME, ALIAS = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.31.1.1.1.18"
PROFILE = "1.3.6.1.4.1.32473.1.1.2"


async def test_a_port_comes_up_with_its_profile_and_goes_away(where: dict[str, Any], control: child.Handle) -> None:
    async with child.managing(where["olt"]) as olt:
        up = (
            (f"{ADMIN}.1", Integer32(1)),
            (f"{PROFILE}.1", OctetString("HOME500")),
            (f"{ALIAS}.1", OctetString("A 1")),
        )
        assert await olt.set(*up) == ("", "noError", 0)
        assert await olt.get(f"{ADMIN}.1", f"{OPER}.1", f"{PROFILE}.1", f"{ALIAS}.1") == [
            "1",
            "1",
            "HOME500",
            "A 1",
        ]
        assert (await control.state("olt"))["1"] == {
            "present": True,
            "admin": "up",
            "profile": "HOME500",
            "alias": "A 1",
        }
        down = ((f"{ADMIN}.1", Integer32(2)), (f"{PROFILE}.1", OctetString("none")), (f"{ALIAS}.1", OctetString("")))
        assert await olt.set(*down) == ("", "noError", 0)
        assert (await control.state("olt"))["1"]["present"] is False


async def test_a_set_with_one_bad_varbind_does_nothing(where: dict[str, Any], control: child.Handle) -> None:
    bad = [
        (f"{PROFILE}.2", OctetString("two words"), "wrongValue"),
        (f"{ADMIN}.2", Integer32(3), "wrongValue"),
        (f"{ADMIN}.2", OctetString("1"), "wrongType"),
        (f"{ALIAS}.2", Integer32(1), "wrongType"),
        (f"{ALIAS}.2", OctetString("x" * 65), "wrongLength"),
        (f"{OPER}.2", Integer32(1), "notWritable"),
        (f"{NAME}.2", OctetString("x"), "notWritable"),
        (f"{ADMIN}.9999", Integer32(1), "noCreation"),
        ("1.3.6.1.4.1.32473.9.9.0", Integer32(1), "noCreation"),
    ]
    async with child.managing(where["olt"]) as olt:
        for oid, value, status in bad:
            assert await olt.set((f"{PROFILE}.2", OctetString("HOME1000")), (oid, value)) == ("", status, 2)
    assert (await control.state("olt"))["2"] == {"present": False, "admin": "down", "profile": "none", "alias": ""}


async def test_it_can_be_walked(where: dict[str, Any]) -> None:
    async with child.managing(where["olt"]) as olt:
        assert await olt.walk(NAME) == ["gpon-0/1", "gpon-0/2", "gpon-0/3"]
        assert await olt.get("1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.5.0") == ["Trunkline OLT simulator", "olt-simulator"]
        assert await olt.get("1.3.6.1.2.1.99.0") == ["No Such Instance currently exists at this OID"]


async def test_a_wrong_key_hears_nothing(where: dict[str, Any], control: child.Handle) -> None:
    async def ask(**wrong: str) -> str:
        async with child.managing(where["olt"], patience_s=0.2, **wrong) as olt:
            return (await olt.set((f"{ALIAS}.3", OctetString("stranger"))))[0]

    heard = await asyncio.gather(ask(priv_key="not the key"), ask(auth_key="not the key"), ask(user="stranger"))
    assert heard == ["No SNMP response received before timeout"] * 3
    assert await control.log("olt", "stranger") == []


async def test_state_drifts_behind_the_systems_back(where: dict[str, Any], control: child.Handle) -> None:
    status, state = await control.ask("PUT", "/state/olt", {"4": {"admin": "up", "profile": "SOFT", "alias": "odd"}})
    assert (status, state["4"]["present"]) == (200, True)
    async with child.managing(where["olt"]) as olt:
        assert await olt.get(f"{OPER}.4", f"{PROFILE}.4", f"{ALIAS}.4") == ["1", "SOFT", "odd"]
        await control.ask("PUT", "/state/olt", {"4": {"present": False}})
        assert await olt.get(f"{OPER}.4", f"{PROFILE}.4", f"{ALIAS}.4") == ["2", "none", ""]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"99999": {"admin": "up"}}, "port '99999': use 1 to 16"),
        ({"5": {"profile": "a b"}}, "port 5: wrongValue"),
        ({"5": {"admin": 1}}, "field 'admin' = 1: use present, admin (up|down), profile, alias"),
    ],
)
async def test_a_drift_that_cannot_be_is_refused(control: child.Handle, body: Any, reason: str) -> None:
    assert await control.ask("PUT", "/state/olt", body) == (400, {"error": "invalid", "reason": reason})


async def test_a_reboot_makes_managers_get_in_step_again(where: dict[str, Any], control: child.Handle) -> None:
    boots = "1.3.6.1.6.3.10.2.1.2.0"
    async with child.managing(where["olt"]) as olt:
        before = await olt.get("1.3.6.1.2.1.1.5.0", boots)
        await control.ask("POST", "/reboot", {"element": "olt"})
        after = await olt.get("1.3.6.1.2.1.1.5.0", boots)
    assert (before[0], int(after[1])) == ("olt-simulator", int(before[1]) + 1)


async def test_every_arrival_is_logged_and_only_a_change_is_an_effect(
    where: dict[str, Any], control: child.Handle
) -> None:
    async with child.managing(where["olt"]) as olt:
        for _ in range(2):
            await olt.set((f"{ALIAS}.6", OctetString("logged")))
    entries = await control.log("olt", f"{ALIAS}.6=logged")
    assert [(each["text"], each["key"], each["effect"]) for each in entries] == [
        (f"SET {ALIAS}.6=logged", "6", True),
        (f"SET {ALIAS}.6=logged", "6", False),
    ]
