"""Elements as applied: their file, the dialect they speak, and whether they may be spoken to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kernel.errors import IllegalTransition, Invalid, NotFound
from kernel.work import Work
from oss.inventory import elements
from oss.inventory.machine import ElementState
from oss.inventory.model import Element
from tests.rooms.oss.inventory.conftest import CONFIG

Do = Callable[[Callable[[Work], Any]], Any]
FACTS = {
    "hlr": {"host": "127.0.0.1", "port": 2201, "username": "gateway", "host_key": "ssh-ed25519 AAAA"},
    "olt": {"host": "127.0.0.1", "port": 1161, "user": "ops", "auth_protocol": "SHA256", "priv_protocol": "AES128"},
    "mqtt": {"host": "127.0.0.1", "port": 1884, "prefix": "trunkline/7"},
}
ONE = "elements: [{name: box-1, protocol: carrier-pigeon, role: register, address: {loft: 3}}]"


def applied(work: Work, text: str = ONE) -> Element:
    [document] = elements.load(text)
    return elements.apply(work, document)


def test_the_demo_s_file_is_told_where_its_elements_are(do: Do) -> None:
    def all_applied(work: Work) -> list[Element]:
        for name in ("hlr_cli", "olt_if_mib", "meter_json"):
            elements.apply_dialect(work, {"dialect": name, "words": name})
        for document in elements.load(CONFIG / "elements/demo.yaml", facts=FACTS):
            elements.apply(work, document)
        return elements.all(work)

    found = {element.name: element for element in do(all_applied)}
    assert found.keys() == {"hlr-1", "olt-1", "broker-1"}
    assert found["hlr-1"].address == FACTS["hlr"]
    assert found["olt-1"].address == FACTS["olt"]
    assert found["olt-1"].credentials == {"auth_key": "olt-1/auth_key", "priv_key": "olt-1/priv_key"}
    spec = do(lambda work: elements.spec(work, "broker-1"))
    assert (spec.address["port"], spec.dialect) == (1884, {"dialect": "meter_json", "words": "meter_json"})
    assert spec.dialect_hash == found["broker-1"].dialect_hash


def test_a_fact_that_nobody_tells_is_named() -> None:
    with pytest.raises(Invalid, match=r"config/elements/demo.yaml:\d+ elements.0.address.host: nobody tells hlr.host"):
        elements.load(CONFIG / "elements/demo.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("elements: []", "text:1 elements"),
        ("elements:\n  - {name: Box, protocol: x, role: y}", "text:2 elements.0.name"),
        ("elements:\n  - {name: a, protocol: x, role: y, credentials: {password: Hunter2!}}", "credentials.password"),
        (
            "elements:\n  - {name: a, protocol: x, role: y}\n  - {name: a, protocol: x, role: y}",
            "text:3 elements.1.name",
        ),
        ("elements:\n  - {name: a, protocol: x, role: y, dialect: klingon}", "speaks 'klingon'"),
    ],
)
def test_a_wrong_file_says_where(do: Do, text: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        do(lambda work: applied(work, text))
    assert said in str(refused.value)


def test_the_same_document_is_the_same_version(do: Do) -> None:
    first, again = do(applied).version, do(applied).version
    moved = do(lambda work: applied(work, ONE.replace("loft: 3", "loft: 4")))
    assert first == again != moved.version
    assert (moved.address, moved.lane) == ({"loft": 4}, "box-1")
    assert len(do(elements.all)) == 1


def test_a_newer_dialect_is_spoken_next_and_the_pinned_one_stays(do: Do) -> None:
    spoken = ONE.replace("role:", "dialect: words, role:")
    old = do(lambda work: elements.apply_dialect(work, {"dialect": "words", "yes": "ja"}))
    do(lambda work: applied(work, spoken))
    new = do(lambda work: elements.apply_dialect(work, {"dialect": "words", "yes": "oui"}))
    assert do(lambda work: elements.get(work, "box-1")).dialect_hash == new
    assert do(lambda work: elements.spec(work, "box-1")).dialect["yes"] == "oui"
    assert do(lambda work: elements.spec(work, "box-1", dialect_hash=old)).dialect["yes"] == "ja"
    with pytest.raises(NotFound, match="has no version"):
        do(lambda work: elements.spec(work, "box-1", dialect_hash="0"))
    with pytest.raises(Invalid, match="dialect: has no name"):
        do(lambda work: elements.apply_dialect(work, {"yes": "ja"}))


def test_an_element_is_withdrawn_and_reinstated(do: Do) -> None:
    do(applied)
    assert do(lambda work: elements.withdraw(work, "box-1")).state is ElementState.MAINTENANCE
    assert do(applied).state is ElementState.MAINTENANCE
    with pytest.raises(IllegalTransition):
        do(lambda work: elements.withdraw(work, "box-1"))
    assert do(lambda work: elements.reinstate(work, "box-1")).state is ElementState.IN_SERVICE
    with pytest.raises(NotFound, match="applied are: box-1"):
        do(lambda work: elements.get(work, "box-2"))
