"""Whatever is put into a parameter of any shipped dialect, the element receives exactly the expected words, or none."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.elements import dialects, factory
from adapters.elements.grammar import AnyGrammar, Boolean, Choice, Integer, Secret, Text
from adapters.elements.intents import Intent
from adapters.elements.mqtt.dialect import MqttIntent, Slots, key_in, topic
from adapters.elements.snmp.dialect import SnmpIntent
from adapters.elements.ssh.dialect import SshDialect, SshIntent
from kernel.errors import ElementError, Invalid
from oss.port import Command, ElementSpec, Value
from tests.house.tree import ROOT
from tests.wire.adapters import hostile
from tests.wire.adapters.hostile import PROMPT, Hostile

pytestmark = pytest.mark.slow

SOURCES = {path.stem: dialects.load(path) for path in sorted((ROOT / "config" / "dialects").glob("*.yaml"))}
PIECES = [
    *("\n", "\r\n", "\x00", "\x1b[2J", "\u2028", "\x85", "\t", "?", "\xff\xfb", "#", "+", "/", "/../", "$(id)", "`id`"),
    *(
        ";reboot",
        "|cat",
        "&&x",
        "' ; '",
        '"',
        "}",
        "{key}",
        "{value}",
        "%s",
        " }; flush ruleset",
        "\\",
        "../",
        "$id",
        "..1",
    ),
]


def parameters() -> Iterator[tuple[str, str, str]]:
    """Every key and field of every intent of every shipped dialect."""
    for name, source in SOURCES.items():
        for intent, words in source.dialect.intents.items():
            yield from ((name, intent, field) for field in ("key", *words.fields))


def good(grammar: AnyGrammar) -> st.SearchStrategy[Value]:
    """Values that the grammar has."""
    match grammar:
        case Text() | Secret():
            flags = re.compile(grammar.pattern, re.ASCII)
            return st.from_regex(flags, fullmatch=True).filter(lambda text: len(text) <= grammar.longest)
        case Choice():
            return st.sampled_from(grammar.values)
        case Integer():
            return st.integers(grammar.least, grammar.most)
        case Boolean():
            return st.booleans()


def anything(grammar: AnyGrammar) -> st.SearchStrategy[Value]:
    """Good values, any text, and good values with something hostile put into them."""
    texts = good(grammar).map(str)
    pieces = st.sampled_from(PIECES)
    mixed = st.tuples(texts, pieces, st.integers(0, 300)).map(
        lambda each: each[0][: each[2]] + each[1] + each[0][each[2] :]
    )
    return st.one_of(good(grammar), st.text(max_size=40), mixed, st.integers(), st.booleans(), st.none())


def chosen(data: st.DataObject, intent: Intent, field: str) -> tuple[str, str, Value] | None:
    """A key, a field and a value, of which one is anything; None when the intent does not admit them."""
    grammar: AnyGrammar = intent.key if field == "key" else intent.fields[field]
    value = data.draw(anything(grammar))
    if field == "key":
        key, (name, kind) = str(value), next(iter(intent.fields.items()))
        value = data.draw(good(kind))
    else:
        key, name = str(data.draw(good(intent.key))), field
    command = Command("e", key, next(iter(intent.fields)), {"present": True, name: value}, 1, "k")
    try:
        intent.admit(command)
    except (Invalid, ElementError):
        return None
    return key, name, value


@pytest.mark.parametrize(("dialect", "name", "field"), list(parameters()))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_admitted_parameter_says_exactly_its_own_words(
    dialect: str, name: str, field: str, data: st.DataObject
) -> None:
    source = SOURCES[dialect]
    intent = source.dialect.intents[name]
    found = chosen(data, intent, field)
    if found is None:  # nothing is said
        return
    key, said, value = found
    if isinstance(intent, SshIntent):
        assert isinstance(source.dialect, SshDialect)
        proves_lines(source, name, intent, key, said, value, quoted=source.dialect.session.mode == "exec")
    elif isinstance(intent, SnmpIntent):
        (cell,) = intent.cells(key, {"present": True, said: value}, None)
        assert cell.oid == f"{intent.columns[said].oid}.{key}"
        assert re.fullmatch(r"[0-9.]+", cell.oid)
        assert intent.columns[said].decode(cell.value) == value
    else:
        assert isinstance(intent, MqttIntent)
        where = topic("t", intent.desired.topic, key)
        assert key_in("t", intent.desired.topic, where) == key
        assert where.count("/") == 1 + intent.desired.topic.count("/")
        assert not set(where) & set("+#\x00")
        body = json.loads(intent.desired.fill(Slots("i", state=intent.wishes({"present": True, said: value}, None))))
        assert body["desired"] == {said: value}


def proves_lines(
    source: dialects.Source, name: str, intent: SshIntent, key: str, said: str, value: Value, *, quoted: bool
) -> None:
    """The rendered lines are the file's own templates with the words put in, one line each."""
    document: Any = source.document
    words = document["intents"][name]
    change = words["change"][said]
    templates = change if isinstance(change, list) else change[value]
    frame = words.get("frame", {})
    expected = [*frame.get("enter", []), *templates, *frame.get("commit", []), *frame.get("leave", [])]
    hold = shlex.quote if quoted else str
    secret = intent.secrets.get(said)
    masks = dict.fromkeys(secret.names if secret else (), "***")
    lines = intent.lines(key, {"present": True, said: value}, {"present": True})
    assert lines == [line.format(key=hold(key), value=hold(str(value)), **masks) for line in expected]
    for line in (*lines, intent.asking(key)):
        assert line.isprintable()
        assert "?" not in line
        assert all(hold(word) == word for word in (key, str(value)) if quoted and word in shlex.split(line))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
async def test_the_command_line_hears_the_expected_lines_and_no_other(data: st.DataObject) -> None:
    source = SOURCES["hlr_cli"]
    intent = source.dialect.intents["subscriber"]
    found = chosen(data, intent, data.draw(st.sampled_from(["key", *intent.fields])))
    if found is None:
        return
    key, name, value = found
    fresh = {"bar": "none", "rate": "full"}

    async def knows_nobody(box: Hostile, line: bytes) -> None:
        box.say((b"% No such subscriber\r\n" if line.endswith(b"show") else b"") + PROMPT)

    async with hostile.shell(knows_nobody) as (address, box):
        spec = ElementSpec("h", "ssh", address, source.document, source.hash, {"password": "p"})
        element = factory.connect(spec, secrets=lambda _: hostile.PASSWORD)
        with pytest.raises(ElementError):  # it says yes and does nothing
            await element.apply(Command("h", key, "subscriber", {"present": True, name: value}, 1, "k"))
        await element.close()
    told = [] if fresh.get(name) == value else [f"{name} {value}"]
    said = [f"subscriber imsi {key} {words}" for words in ("show", "create", *told, "show")]
    assert [line.decode() for line in box.heard] == ["show system", *said]
