from __future__ import annotations

from typing import Any

import asyncssh
import pytest

from tests.wire.simulators import child

pytestmark = pytest.mark.slow


async def test_a_subscriber_is_created_shaped_shown_and_deleted(where: dict[str, Any]) -> None:
    async with child.shell(where["hlr"]) as hlr:
        imsi = "subscriber imsi 999700000000001"
        assert await hlr.say(f"{imsi} create") == ""
        assert await hlr.say(f"{imsi} show") == (
            "  imsi: 999700000000001\r\n  msisdn: -\r\n  profile: default\r\n  bar: none\r\n  rate: full\r\n"
        )
        for words in ("msisdn 491510000001", "profile home-5gb", "bar outgoing", "rate 128"):
            assert await hlr.say(f"{imsi} {words}") == ""
        assert await hlr.say(f"{imsi} show") == (
            "  imsi: 999700000000001\r\n  msisdn: 491510000001\r\n  profile: home-5gb\r\n"
            "  bar: outgoing\r\n  rate: 128\r\n"
        )
        assert "  999700000000001 491510000001 home-5gb outgoing 128\r\n" in await hlr.say("subscriber list")
        assert await hlr.say(f"{imsi} delete") == ""
        assert await hlr.say(f"{imsi} show") == "% No such subscriber\r\n"


async def test_it_says_no_in_its_own_words(where: dict[str, Any]) -> None:
    async with child.shell(where["hlr"]) as hlr:
        one, other = "subscriber imsi 999700000000002", "subscriber imsi 999700000000003"
        for line in (f"{one} create", f"{other} create", f"{one} msisdn 491510000002"):
            assert await hlr.say(line) == ""
        for line, words in {
            f"{one} create": "% Subscriber already exists",
            f"{other} msisdn 491510000002": "% MSISDN already in use",
            "subscriber imsi 999700000000999 bar all": "% No such subscriber",
            "subscriber imsi 999700000000999 delete": "% No such subscriber",
            f"{one} bar incoming": "% Invalid value",
            f"{one} rate 0": "% Invalid value",
            "subscriber imsi 12345 create": "% Invalid value",
            f"{one} explode": "% Unknown command",
            "reload": "% Unknown command",
            "show system " + "x" * 600: "% Invalid value",
        }.items():
            assert await hlr.say(line) == words + "\r\n"


async def test_a_number_is_free_again_when_its_subscriber_is_gone(where: dict[str, Any]) -> None:
    async with child.shell(where["hlr"]) as hlr:
        one, other = "subscriber imsi 999700000000004", "subscriber imsi 999700000000005"
        for line in (
            f"{one} create",
            f"{one} msisdn 491510000004",
            f"{one} delete",
            f"{other} create",
            f"{other} msisdn 491510000004",
            f"{other} msisdn 491510000004",
        ):
            assert await hlr.say(line) == ""


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
async def test_a_line_may_end_as_terminals_end_lines(where: dict[str, Any], end: str) -> None:
    async with child.shell(where["hlr"]) as hlr:
        assert await hlr.say("nonsense", end=end) == "% Unknown command\r\n"
        assert "  name: hlr-simulator\r\n  boots: " in await hlr.say("show system", end=end)


async def test_only_blanks_part_words_and_a_resized_terminal_stays(where: dict[str, Any]) -> None:
    async with child.shell(where["hlr"]) as hlr:
        assert await hlr.say("show\u2028system") == "% Unknown command\r\n"
        hlr.process.change_terminal_size(100, 40)
        assert await hlr.say("\tshow  system ") != ""
        assert await hlr.say("") == ""


async def test_one_command_can_be_run_without_a_shell(where: dict[str, Any]) -> None:
    async with child.connection(where["hlr"]) as connection:
        created = await connection.run("subscriber imsi 999700000000006 create")
        again = await connection.run("subscriber imsi 999700000000006 create")
    assert (created.stdout, created.exit_status) == ("", 0)
    assert (again.stdout, again.exit_status) == ("% Subscriber already exists\r\n", 1)


async def test_a_wrong_password_opens_nothing(where: dict[str, Any]) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        async with child.connection(where["hlr"], password=where["hlr"]["username"]):
            raise AssertionError("let in")


async def test_state_drifts_behind_the_systems_back(where: dict[str, Any], control: child.Handle) -> None:
    imsi = "999700000000007"
    wanted = {"msisdn": "491510000007", "bar": "all"}
    status, _ = await control.ask("PUT", "/state/hlr", {imsi: wanted})
    assert status == 200
    assert (await control.state("hlr"))[imsi] == {
        "present": True,
        "msisdn": "491510000007",
        "profile": "default",
        "bar": "all",
        "rate": "full",
    }
    async with child.shell(where["hlr"]) as hlr:
        assert "  bar: all\r\n" in await hlr.say(f"subscriber imsi {imsi} show")
        await control.ask("PUT", "/state/hlr", {imsi: {"present": False}})
        assert await hlr.say(f"subscriber imsi {imsi} show") == "% No such subscriber\r\n"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"12": {"bar": "all"}}, "IMSI '12': use 15 digits"),
        ({"999700000000008": {"colour": "red"}}, "field 'colour': use present, msisdn, profile, bar, rate"),
        ({"999700000000008": {"bar": "half"}}, "bar 'half': not a value this register knows"),
    ],
)
async def test_a_drift_that_cannot_be_is_refused(control: child.Handle, body: Any, reason: str) -> None:
    assert await control.ask("PUT", "/state/hlr", body) == (400, {"error": "invalid", "reason": reason})
    assert "999700000000008" not in await control.state("hlr")


async def test_a_reboot_drops_sessions_and_keeps_subscribers(where: dict[str, Any], control: child.Handle) -> None:
    async with child.shell(where["hlr"]) as hlr:
        assert await hlr.say("subscriber imsi 999700000000009 create") == ""
        boots = int((await hlr.say("show system")).split("boots: ")[1].split()[0])
        await control.ask("POST", "/reboot", {"element": "hlr"})
        with pytest.raises(asyncssh.ConnectionLost):
            await hlr.read()
    async with child.shell(where["hlr"]) as hlr:
        assert f"  boots: {boots + 1}\r\n" in await hlr.say("show system")
        assert "imsi: 999700000000009" in await hlr.say("subscriber imsi 999700000000009 show")
