"""How each dialect says a difference and understands an answer."""

from __future__ import annotations

import json
import re

import pytest

from adapters.elements import dialects
from adapters.elements.grammar import Unsayable
from adapters.elements.mqtt.dialect import MqttDialect, MqttIntent, Slots, key_in, topic
from adapters.elements.snmp.dialect import SnmpDialect, SnmpIntent
from adapters.elements.ssh.dialect import SshDialect, SshIntent
from adapters.elements.ssh.telnet import TelnetStripper
from adapters.elements.transcript import TRANSCRIPT_LIMIT, Transcript
from oss.port import State
from tests.house.tree import ROOT

IMSI = "001010000000001"
SHOWN = "  imsi: 001010000000001\n  msisdn: 4915112345\n  profile: M5\n  bar: none\n  rate: 64"
ABSENT: State = {"present": False}


def shipped(name: str) -> dialects.Dialect:
    return dialects.load(ROOT / "config" / "dialects" / f"{name}.yaml").dialect


def subscriber() -> tuple[SshDialect, SshIntent]:
    dialect = shipped("hlr_cli")
    assert isinstance(dialect, SshDialect)
    return dialect, dialect.intents["subscriber"]


def port() -> SnmpIntent:
    dialect = shipped("olt_if_mib")
    assert isinstance(dialect, SnmpDialect)
    return dialect.intents["port"]


def meter() -> MqttIntent:
    dialect = shipped("meter_json")
    assert isinstance(dialect, MqttDialect)
    return dialect.intents["meter"]


OPEN: State = {"present": True, "msisdn": "4915112345", "profile": "M5", "bar": "none", "rate": "full"}


@pytest.mark.parametrize(
    ("wanted", "shown", "lines"),
    [
        (OPEN, None, ["create", "msisdn 4915112345", "profile M5"]),
        (OPEN, ABSENT, ["create", "msisdn 4915112345", "profile M5"]),
        ({**OPEN, "bar": "all"}, ABSENT, ["create", "bar all", "msisdn 4915112345", "profile M5"]),
        ({**OPEN, "rate": "64"}, OPEN, ["rate 64"]),
        (OPEN, {**OPEN, "msisdn": None}, ["msisdn 4915112345"]),
        ({"present": True, "bar": "outgoing"}, OPEN, ["bar outgoing"]),
        (OPEN, OPEN, []),
        (ABSENT, OPEN, ["delete"]),
        (ABSENT, None, ["delete"]),
        (ABSENT, ABSENT, []),
    ],
)
def test_a_command_line_says_the_difference(wanted: State, shown: State | None, lines: list[str]) -> None:
    _, intent = subscriber()
    assert intent.lines(IMSI, wanted, shown) == [f"subscriber imsi {IMSI} {line}" for line in lines]


def test_a_command_line_reads_what_it_is_shown() -> None:
    _, intent = subscriber()
    assert intent.parse(SHOWN) == {**OPEN, "rate": "64"}
    assert intent.parse(SHOWN.replace("4915112345", "-")) == {**OPEN, "rate": "64", "msisdn": None}
    assert intent.parse("garbage") == {}
    assert intent.rows("  001010000000001 4915112345 M5 none full\n  noise\n") == {IMSI: OPEN}


@pytest.mark.parametrize(
    ("answer", "means", "words"),
    [
        ("% No such subscriber", "absent", "% No such subscriber"),
        ("noise\n% MSISDN already in use\nmore", "refused", "% MSISDN already in use"),
    ],
)
def test_a_complaint_is_known_by_its_pattern(answer: str, means: str, words: str) -> None:
    dialect, _ = subscriber()
    found = dialect.complaint(answer)
    assert found is not None
    assert (found[0].means, found[1]) == (means, words)
    assert dialect.complaint(SHOWN) is None


UP: State = {"present": True, "admin": "up", "profile": "HOME500", "alias": "sub_1"}


@pytest.mark.parametrize(
    ("wanted", "shown", "cells"),
    [
        (UP, ABSENT, ["2.2.1.7.7=INTEGER: 1", '.2.7=OCTET STRING: "HOME500"', '.18.7=OCTET STRING: "sub_1"']),
        ({**UP, "admin": "down"}, UP, ["2.2.1.7.7=INTEGER: 2"]),
        (UP, UP, []),
        (ABSENT, UP, ["2.2.1.7.7=INTEGER: 2", '.2.7=OCTET STRING: "none"', '.18.7=OCTET STRING: ""']),
        (ABSENT, None, ["2.2.1.7.7=INTEGER: 2", '.2.7=OCTET STRING: "none"', '.18.7=OCTET STRING: ""']),
        (ABSENT, {**UP, "alias": ""}, ["2.2.1.7.7=INTEGER: 2", '.2.7=OCTET STRING: "none"']),
        (ABSENT, ABSENT, []),
    ],
)
def test_a_set_writes_the_difference(wanted: State, shown: State | None, cells: list[str]) -> None:
    said = [str(cell) for cell in port().cells("7", wanted, shown)]
    assert len(said) == len(cells)
    assert all(cell.endswith(end) for cell, end in zip(said, cells, strict=True))


def test_a_row_in_factory_state_is_absent_and_an_unknown_number_shows() -> None:
    assert port().state({"admin": 2, "profile": "none", "alias": ""}) == ABSENT
    assert port().state({"admin": None, "profile": None, "alias": None}) == ABSENT
    assert port().state({"admin": 3, "profile": "none", "alias": ""})["admin"] == 3


@pytest.mark.parametrize("key", ["", "0x7", "7.", "7 8", "7\n"])
def test_a_key_that_is_no_index_is_refused(key: str) -> None:
    with pytest.raises(Unsayable):
        port().admit_key(key)


ON: State = {"present": True, "enabled": True, "plan": "iot", "interval_s": 60}


@pytest.mark.parametrize(
    ("wanted", "shown", "wishes"),
    [
        (ON, ABSENT, {"enabled": True, "plan": "iot", "interval_s": 60}),
        (ON, None, {"enabled": True, "plan": "iot", "interval_s": 60}),
        ({**ON, "enabled": False}, ON, {"enabled": False}),
        ({"present": True}, ABSENT, {"present": True}),
        (ABSENT, ON, {"present": False}),
    ],
)
def test_a_device_is_told_the_difference(wanted: State, shown: State | None, wishes: State) -> None:
    assert meter().wishes(wanted, shown) == wishes


def test_a_payload_is_json_whatever_the_id_holds() -> None:
    filled = meter().desired.fill(Slots('a"},{"b', version=3, expires_at=9, state={"plan": "x"}))
    assert json.loads(filled) == {"id": 'a"},{"b', "version": 3, "expires_at": 9, "desired": {"plan": "x"}}


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"result": "ok", "version": 1, "reported": {}}, True),
        ({"result": "ok", "version": "1", "reported": {}}, False),
        ({"result": "ok", "version": 2**63, "reported": {}}, False),
        ({"result": "ok", "version": 1, "reported": []}, False),
        ({"result": None, "version": 1, "reported": {}}, False),
        ({}, False),
    ],
)
def test_an_answer_of_the_wrong_shape_does_not_fit(body: dict[str, object], fits: bool) -> None:
    assert meter().reply.fits(body) is fits


def test_what_a_device_reports_is_read_by_its_fields_only() -> None:
    reported = {"present": True, "enabled": True, "plan": ["x"], "interval_s": 60, "colour": "red"}
    assert meter().state(reported) == {"present": True, "enabled": True, "interval_s": 60}
    assert meter().state({"present": False, "enabled": True}) == ABSENT


@pytest.mark.parametrize("key", ["a/b", "+", "#", "a b", ""])
def test_a_key_that_is_no_topic_level_is_refused(key: str) -> None:
    with pytest.raises(Unsayable):
        meter().admit_key(key)


def test_a_topic_is_told_from_its_neighbours() -> None:
    assert topic("a/b", "devices/{key}/get", "m-1") == "a/b/devices/m-1/get"
    assert key_in("a/b", "devices/{key}/get", "a/b/devices/m-1/get") == "m-1"
    assert key_in("a/b", "devices/{key}/get", "a/b/devices/m-1/x/get") is None
    assert key_in("a.b", "devices/{key}/get", "aXb/devices/m-1/get") is None


@pytest.mark.parametrize(
    ("chunks", "left"),
    [
        ([b"plain"], b"plain"),
        ([b"\xff\xfb\x01\xff\xfd\x03hello"], b"hello"),
        ([b"a\xff", b"\xfd\x03b"], b"ab"),
        ([b"a\xff\xff", b"b"], b"a\xffb"),
        ([b"\xff\xfa\x18\x00vt", b"100\xff\xf0x"], b"x"),
        ([b"\xff\xf9prompt> "], b"prompt> "),
    ],
)
def test_telnet_commands_are_taken_out_of_the_stream(chunks: list[bytes], left: bytes) -> None:
    stripper = TelnetStripper()
    assert b"".join(stripper.strip(chunk) for chunk in chunks) == left


def test_a_transcript_shows_who_said_what_without_secrets() -> None:
    transcript = Transcript([re.compile(r"ki (\w+)"), re.compile(r"pin=\d+")])
    transcript.said("set ki 00112233 opc x")
    transcript.heard("ok\nki 00112233 pin=1234")
    assert transcript.text() == "> set ki *** opc x\n< ok\n< ki *** ***"


def test_a_transcript_has_an_end() -> None:
    transcript = Transcript()
    for _ in range(3000):
        transcript.heard("x" * 100)
    assert len(transcript.text()) <= TRANSCRIPT_LIMIT + 20
    assert transcript.text().endswith("[cut]")
