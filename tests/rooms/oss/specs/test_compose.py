"""What each element must show, by literal tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernel.errors import Invalid
from oss.port import Confirm, Level, Value
from oss.specs import service as specs
from oss.specs.compose import Intent, Target, compose

CONFIG = Path(__file__).parents[4] / "config/specs"
MOBILE = specs.load(CONFIG / "mobile-line.yaml")
FIXED = specs.load(CONFIG / "fixed-access.yaml")
METER = specs.load(CONFIG / "meter.yaml")
SIM = {"msisdn": "447700900123", "imsi": "001010000000001", "iccid": "8999001000000000004", "alias": "svc_1"}
GOLD = {"profile": "GOLD"}
SOFT, HARD = Level.SOFT, Level.HARD


@pytest.mark.parametrize(
    ("intent", "bar", "rate"),
    [
        (Intent(GOLD), "none", "full"),
        (Intent(GOLD, SOFT), "outgoing", "full"),
        (Intent(GOLD, HARD), "all", "full"),
        (Intent(GOLD, throttle="64"), "none", "64"),
        (Intent(GOLD, SOFT, throttle="64"), "outgoing", "64"),
        (Intent(GOLD, HARD, throttle="64"), "all", "64"),
    ],
)
def test_a_mobile_line(intent: Intent, bar: str, rate: str) -> None:
    state: dict[str, Value] = {"present": True, "msisdn": "447700900123", "profile": "GOLD", "bar": bar, "rate": rate}
    assert compose(MOBILE, intent, SIM, {"sim": "hlr-1"}) == [
        Target("subscriber", "hlr-1", "001010000000001", "subscriber", state, True, Confirm.READ, (), ("msisdn",))
    ]


@pytest.mark.parametrize(
    ("intent", "state"),
    [
        (Intent({"profile": "HOME500"}), {"admin": "up", "profile": "HOME500"}),
        (Intent({"profile": "HOME500"}, SOFT), {"admin": "up", "profile": "SOFT"}),
        (Intent({"profile": "HOME500"}, HARD), {"admin": "down", "profile": "HOME500"}),
        (Intent({"profile": "HOME500"}, throttle="SLOW"), {"admin": "up", "profile": "SLOW"}),
        (Intent({"profile": "HOME500"}, SOFT, throttle="SLOW"), {"admin": "up", "profile": "SOFT"}),
        (Intent({"profile": "HOME500"}, HARD, throttle="SLOW"), {"admin": "down", "profile": "SLOW"}),
    ],
)
def test_a_fixed_access_where_the_restriction_wins_over_the_throttle(intent: Intent, state: dict[str, Any]) -> None:
    [target] = compose(FIXED, intent, {"port": "3", "alias": "svc_1"}, {"port": "olt-1"})
    assert (target.element, target.key, target.intent) == ("olt-1", "3", "port")
    assert target.state == {"present": True, "alias": "svc_1", **state}


@pytest.mark.parametrize(
    ("intent", "enabled", "interval_s"),
    [
        (Intent({"profile": "IOT1"}), True, 60),
        (Intent({"profile": "IOT1"}, SOFT), True, 60),
        (Intent({"profile": "IOT1"}, HARD), False, 60),
        (Intent({"profile": "IOT1"}, throttle="slow"), True, 3600),
        (Intent({"profile": "IOT1"}, HARD, throttle="slow"), False, 3600),
    ],
)
def test_a_meter(intent: Intent, enabled: bool, interval_s: int) -> None:
    [target] = compose(METER, intent, {"meter": "meter-0001", "alias": "svc_1"}, {"meter": "broker-1"})
    assert target.state == {"present": True, "enabled": enabled, "plan": "IOT1", "interval_s": interval_s}


@pytest.mark.parametrize("level", list(Level))
def test_what_shall_not_be_is_absent_whatever_else_is_wanted(level: Level) -> None:
    [target] = compose(MOBILE, Intent(GOLD, level, throttle="64", present=False), SIM, {"sim": "hlr-1"})
    assert target.state == {"present": False}
    assert target.key == "001010000000001"


CHAIN = """
name: chain
resources: [{pool: port, as: port}]
components:
  - {name: last, on: port, intent: a, key: "{port}", requires: [middle], state: {x: 1}}
  - {name: middle, on: port, intent: b, key: "{port}", requires: [first], state: {x: true}, confirm: poll}
  - {name: first, on: port, intent: c, key: "p-{port}", state: {x: "{port}-{alias}"}, enforcing: false, confirm: reply}
"""


def test_each_component_stands_behind_what_it_requires() -> None:
    targets = compose(specs.load(CHAIN), Intent(), {"port": "3", "alias": "me"}, {"port": "olt-1"})
    assert [(t.name, t.requires, t.confirm, t.enforcing) for t in targets] == [
        ("first", (), Confirm.REPLY, False),
        ("middle", ("first",), Confirm.POLL, True),
        ("last", ("middle",), Confirm.READ, True),
    ]
    assert [t.state for t in targets] == [
        {"present": True, "x": "3-me"},
        {"present": True, "x": True},
        {"present": True, "x": 1},
    ]
    assert targets[0].key == "p-3"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Invalid, match="imsi"):
        compose(MOBILE, Intent(GOLD), {"msisdn": "447700900123"}, {"sim": "hlr-1"})
    with pytest.raises(Invalid, match="sim"):
        compose(MOBILE, Intent(GOLD), SIM, {})
    with pytest.raises(Invalid, match="profile"):
        compose(MOBILE, Intent(), SIM, {"sim": "hlr-1"})


def test_a_value_is_never_read_as_a_template() -> None:
    [target] = compose(FIXED, Intent({"profile": "X"}), {"port": "3", "alias": "{imsi}"}, {"port": "olt-1"})
    assert target.state["alias"] == "{imsi}"


def test_an_intent_survives_its_document() -> None:
    intent = Intent(GOLD, SOFT, throttle="64", present=False)
    assert intent.document() == {"profile": {"profile": "GOLD"}, "level": "soft", "throttle": "64", "present": False}
    assert Intent.of(intent.document()) == intent
