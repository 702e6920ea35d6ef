"""Whatever the shipped specifications compose, the shipped dialects can say."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from adapters.elements import dialects
from oss.port import Command, Level
from oss.specs import service as specs
from oss.specs.compose import Intent, compose

CONFIG = Path(__file__).parents[2] / "config"
VALUES = {
    "alias": "svc_00000000000A1",
    "msisdn": "447700900123",
    "imsi": "001010000000001",
    "iccid": "8999001000000000004",
    "port": "3",
    "meter": "meter-0001",
}
SPOKEN = [
    ("mobile-line", "sim", "hlr_cli", "64"),
    ("fibre-access", "port", "olt_if_mib", "SOFT"),
    ("fixed-access", "port", "olt_if_mib", "SOFT"),
    ("meter", "meter", "meter_json", "slow"),
]


@pytest.mark.parametrize(("name", "alias", "dialect", "rate"), SPOKEN)
def test_every_composed_state_is_sayable(name: str, alias: str, dialect: str, rate: str) -> None:
    spec = specs.load(CONFIG / f"specs/{name}.yaml")
    words = dialects.load(CONFIG / f"dialects/{dialect}.yaml").dialect
    for level, throttle, present in itertools.product(Level, (None, rate), (True, False)):
        intent = Intent({"profile": "HOME500"}, level, throttle, present)
        for target in compose(spec, intent, VALUES, {alias: "element-1"}):
            command = Command("element-1", target.key, target.intent, target.state, 1, "k")
            words.intents[target.intent].admit(command)


def test_every_shipped_specification_is_spoken() -> None:
    assert {path.stem for path in (CONFIG / "specs").glob("*.yaml")} == {name for name, *_ in SPOKEN}
