"""A dialect is checked to the last word, and a mistake is named by file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.elements import dialects, factory
from adapters.elements.memory import MemoryElement
from adapters.elements.ssh.dialect import SshDialect
from kernel.errors import Invalid
from oss.port import ElementSpec
from tests.house.tree import ROOT

SHIPPED = sorted((ROOT / "config" / "dialects").glob("*.yaml"))
HLR = (ROOT / "config" / "dialects" / "hlr_cli.yaml").read_text(encoding="utf-8")
OLT = (ROOT / "config" / "dialects" / "olt_if_mib.yaml").read_text(encoding="utf-8")
METER = (ROOT / "config" / "dialects" / "meter_json.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_dialect_is_named_as_its_file_and_hashes_the_same_each_time(path: Path) -> None:
    first, second = dialects.load(path), dialects.load(path)
    assert first.dialect.dialect == path.stem
    assert re.fullmatch(r"[0-9a-f]{64}", first.hash)
    assert first.hash == second.hash


def test_comments_and_key_order_do_not_change_the_hash_but_a_word_does() -> None:
    plain = dialects.digest({"a": 1, "b": [2]})
    assert plain == dialects.digest({"b": [2], "a": 1})
    assert plain != dialects.digest({"b": [3], "a": 1})
    with_comment = "# another comment\n" + HLR
    assert dialects.parse(with_comment, name="x").hash == dialects.parse(HLR, name="x").hash


def line_of(text: str, word: str) -> int:
    """The number of the first line that holds a word."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if word in line)


@pytest.mark.parametrize(
    ("shipped", "old", "new", "says"),
    [
        (HLR, "pattern: '[0-9]{15}'", "pattern: '[0-9'", "is no regular expression"),
        (HLR, "kind: choice", "kind: choise", "'choise'"),
        (HLR, "bar: [all]", "bar: [some]", "'some' is none of none, outgoing, all"),
        (HLR, "repeats: repeatable", "repeats: sometimes", "'repeatable' or 'once'"),
        (HLR, "subscriber imsi {key} delete", "subscriber imsi {imsi} delete", "only {key} may stand in it"),
        (HLR, "subscriber imsi {key} profile {value}", "subscriber {key.__class__}", "only {key}, {value} may stand"),
        (HLR, "prompt: 'HLR# '", "promt: 'HLR# '", "promt: Extra inputs are not permitted"),
        (HLR, "(?P<msisdn>", "(?P<number>", "needs the named groups"),
        (OLT, "oid: 1.3.6.1.4.1.32473.1.1.2", "oid: 1.3.6.one", "should match pattern"),
        (OLT, "syntax: INTEGER", "syntax: COUNTER", "'INTEGER', 'OCTET STRING' or 'Unsigned32'"),
        (OLT, "absent: {admin: down", "absent: {admin: off", "is none of up, down"),
        (METER, "topic: devices/{key}/get", "topic: devices/+/get", "should match pattern"),
        (METER, "payload: {id: $id}", "payload: {name: $id2}", "$id2 is none of"),
        (METER, "least: 0, most: 86400", "least: 9, most: 1", "least 9 is above most 1"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_place(shipped: str, old: str, new: str, says: str) -> None:
    assert old in shipped
    text = shipped.replace(old, new, 1)
    with pytest.raises(Invalid) as wrong:
        dialects.parse(text, name="box.yaml")
    assert says in wrong.value.message
    named = [int(number) for number in re.findall(r"^box\.yaml:(\d+): ", wrong.value.message, re.MULTILINE)]
    assert line_of(text, new) in named


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "x.yaml:1: a dialect is a mapping"),
        ("- a\n", "x.yaml:1: a dialect is a mapping"),
        ("dialect: a\nprotocol: gopher\n", "x.yaml:2: protocol 'gopher' is not known"),
        ("dialect: a\ndialect: b\n", "x.yaml:2: the key 'dialect' stands twice"),
        ("a: &x 1\nb: *x\n", "x.yaml:2: aliases are not allowed"),
        ("a: [1\nb: 2\n", "x.yaml:2: "),
        ("a: !!python/object:os.system x\n", "x.yaml:1: "),
        ("a: 1\n" * 100_000, "longer than 262144 characters"),
    ],
)
def test_a_file_that_is_no_dialect_is_refused(text: str, says: str) -> None:
    with pytest.raises(Invalid, match=re.escape(says)):
        dialects.parse(text, name="x.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"gone\.yaml cannot be read"):
        dialects.load(tmp_path / "gone.yaml")


def spec(protocol: str, dialect: str, **address: str | int) -> ElementSpec:
    source = dialects.parse(dialect, name="x")
    return ElementSpec("box-1", protocol, address, source.document, source.hash)


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (spec("ssh", HLR, host="h", username="u"), "address.host_key"),
        (spec("ssh", HLR, host="h", username="u", host_key="ssh-rsa nonsense"), "address.host_key"),
        (spec("snmp", OLT, host="h", port=0), "address.port"),
        (spec("mqtt", METER, host="h", prefix="a/#"), "address.prefix"),
        (spec("mqtt", METER, host="h", prefix="a", colour="red"), "address.colour"),
        (spec("ssh", OLT, host="h"), "protocol"),
    ],
)
def test_connect_names_what_is_wrong_with_an_element(made: ElementSpec, field: str) -> None:
    with pytest.raises(Invalid) as wrong:
        factory.connect(made, secrets=lambda reference: reference)
    assert wrong.value.field == field
    assert "box-1" in wrong.value.message


def test_a_memory_element_needs_no_dialect() -> None:
    made = factory.connect(ElementSpec("m", "memory", {}, {}, ""), secrets=lambda reference: reference)
    assert isinstance(made, MemoryElement)


def test_the_how_to_teaches_a_dialect_that_works() -> None:
    text = (ROOT / "docs" / "how-to" / "teach-it-your-box.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    dialect = dialects.parse(written, name="acme_bg9.yaml").dialect
    assert isinstance(dialect, SshDialect)
    intent = dialect.intents["session"]
    opened = {"present": True, "access": "open", "speed": 500}
    assert "```\n" + "\n".join(intent.lines("cust-4711", opened, None)) + "\n```" in text
    closed = intent.lines("cust-4711", {**opened, "access": "closed"}, opened)
    assert "```\n" + "\n".join(closed) + "\n```" in text
    assert intent.parse(" id cust-4711\n speed 500 Mbit/s\n access open") == opened
    with pytest.raises(Invalid) as wrong:
        dialects.parse(written.replace("[closed]}", "[shut]}", 1), name="config/dialects/acme_bg9.yaml")
    assert wrong.value.message in text
