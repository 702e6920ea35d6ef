"""Each room keeps its own words: a foreign word in an identifier is a thing in the wrong room."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.house.tree import ROOT, parsed, relative, sources

MONEY_SIDE = {
    *("billing", "catalog", "catalogue", "credit", "currency", "customer", "debit", "discount", "dunning", "invoice"),
    *("journal", "ledger", "offering", "payer", "payment", "price", "proration", "refund", "revenue", "subscription"),
    *("tariff", "tax", "vat"),
}
NETWORK_SIDE = {
    *("apn", "bng", "cpe", "eid", "hlr", "iccid", "imei", "imsi", "msisdn", "olt", "onu", "sim", "subscriber"),
}
WIRES = {
    *("asyncssh", "mqtt", "oid", "prompt", "pysnmp", "snmp", "ssh", "telnet", "topic", "varbind", "vty", "webhook"),
}
FOREIGN = {
    "kernel": (MONEY_SIDE - {"currency"}) | NETWORK_SIDE | WIRES,  # Money has a currency and stands in the kernel
    "oss": MONEY_SIDE | WIRES,
    "bss": WIRES | {"dialect", "hlr", "olt", "onu", "vendor"},
    "adapters/elements": MONEY_SIDE - {"credit", "subscription"},  # both are words of wires, too
}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words(identifier: str) -> set[str]:
    """The words of an identifier in lower case, plurals also in the singular: `unpaidInvoices` has `invoice`."""
    found = {word.lower() for word in WORD.findall(identifier)}
    singular = {word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s") for word in found}
    return found | singular | {word.removesuffix("es") for word in found}


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a source gives or uses, with its line; strings and comments are prose."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for field in ("name", "id", "attr", "arg", "asname", "module"):
            if isinstance(value := getattr(node, field, None), str):
                yield line, value


def foreign(tree: ast.Module, unwanted: set[str]) -> set[tuple[int, str]]:
    """The identifiers of a source that contain an unwanted word."""
    return {(line, name) for line, name in identifiers(tree) if words(name) & unwanted}


def allowed() -> list[dict[str, Any]]:
    """The reasons list."""
    return list(yaml.safe_load((ROOT / "tests/house/words.yaml").read_text(encoding="utf-8")))


def standing() -> list[tuple[str, int, str]]:
    """Every foreign identifier of the house: file, line, name."""
    return [
        (relative(path), line, name)
        for room, unwanted in FOREIGN.items()
        for path in sources(room)
        for line, name in sorted(foreign(parsed(path), unwanted))
    ]


def excused(file: str, name: str) -> bool:
    """Whether the reasons list lets this file (or its folder) use the name."""
    return any(file.startswith(entry["where"]) and entry["name"] == name for entry in allowed())


def test_no_room_uses_a_foreign_word() -> None:
    assert [f"{file}:{line} {name}" for file, line, name in standing() if not excused(file, name)] == []


def test_every_excuse_has_a_reason_and_is_still_needed() -> None:
    for entry in allowed():
        assert entry.keys() == {"where", "name", "reason"}
        assert len(entry["reason"]) > 20
        assert any(f.startswith(entry["where"]) and n == entry["name"] for f, _, n in standing()), entry


@pytest.mark.parametrize(
    ("room", "text"),
    [
        ("kernel", "class InvoiceId: ..."),
        ("kernel", "def f(msisdn): ..."),
        ("oss", "order.unpaidInvoices = 1"),
        ("oss", "from bss import payments"),
        ("oss", "PRICE_LIMIT = 3"),
        ("oss", "for currencies in taxes: ..."),
        ("oss", "f(snmp_oid=1)"),
        ("bss", "def bar(ssh_session): ..."),
        ("bss", "MQTTTopic = 1"),
        ("adapters/elements", "customer_id = 1"),
    ],
)
def test_a_foreign_word_is_found(room: str, text: str) -> None:
    assert foreign(ast.parse(text), FOREIGN[room])


@pytest.mark.parametrize(
    "text", ["void = avoid = 1", "'the invoice'", "sshd_like = taxi = 1", "prices = 1  # bss's own"]
)
def test_ordinary_names_are_left_alone(text: str) -> None:
    assert foreign(ast.parse(text), FOREIGN["bss"]) == set()
