"""Frames with commit and rollback, secrets by reference, values with lines of their own, and words for a shell."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from adapters.elements import dialects
from adapters.elements.conduct import Exchange
from adapters.elements.ssh.dialect import SshDialect, SshIntent
from adapters.elements.ssh.talk import Talk
from adapters.elements.transcript import Transcript, plain
from kernel.errors import Invalid, NotFound, Refused, Unanswered
from oss.port import Command, State

BOX = """
dialect: box
protocol: ssh
vendor: Box with a candidate configuration
session: {prompt: 'box# '}
complaints:
  - {pattern: '^error: none', means: absent}
  - {pattern: '^error: ', means: refused}
probe: {line: show version, description: (.*)}
intents:
  line:
    key: {kind: text, pattern: '[a-z]+'}
    fields:
      access: {kind: choice, values: [open, shut]}
      pin: {kind: secret, pattern: 'pin/[a-z]+', parts: '(?P<pin>[0-9]{4,8})', at: 'pin/{key}'}
      speed: {kind: integer, least: 1, most: 9}
    cuts: {access: [shut]}
    frame: {enter: [edit], commit: [commit], rollback: [discard], leave: [quit]}
    create: ['add {key}']
    change:
      access: {open: ['{key} open'], shut: ['{key} shut', '{key} flush']}
      pin: ['{key} pin {pin}']
      speed: ['{key} speed {value}']
    remove: ['del {key}']
    read:
      line: show {key}
      fields: {access: '^access (\\w+)', pin: '^pin (?P<pin>[0-9]+)', speed: '^speed ([0-9]+)'}
"""
ABSENT: State = {"present": False}


def box(**changes: Any) -> tuple[SshDialect, SshIntent]:
    """The box's dialect, with parts of its intent replaced."""
    document = yaml.safe_load(BOX)
    document["intents"]["line"].update(changes)
    dialect = dialects.checked(document, name="box")
    assert isinstance(dialect, SshDialect)
    return dialect, dialect.intents["line"]


class Scripted:
    """A line whose answers are scripted by what is said; the rest is silence that means yes."""

    incarnation = ""

    def __init__(self, dialect: SshDialect, answers: dict[str, list[str]]) -> None:
        self.dialect = dialect
        self.said: list[str] = []
        self.answers = answers

    def secrets(self, reference: str) -> str:
        if reference != "pin/abc":
            raise NotFound("no such secret")
        return "12345"

    async def ask(self, line: str, exchange: Exchange) -> str:
        return self.answer(line)

    async def tell(self, line: str, exchange: Exchange) -> str:
        exchange.changing = True
        self.said.append(line)
        return self.answer(line)

    def answer(self, line: str) -> str:
        waiting = self.answers.get(line, [])
        return waiting.pop(0) if waiting else ""


def told(state: State) -> Command:
    return Command("e", "abc", "line", {"present": True, **state}, 1, "k")


def test_a_change_stands_in_its_frame_and_a_cut_stands_first() -> None:
    _, intent = box()
    before: State = {"present": True, "access": "open", "speed": 3}
    assert intent.lines("abc", {**before, "access": "shut", "speed": 5}, before) == [
        "edit", "abc shut", "abc flush", "abc speed 5", "commit", "quit",
    ]  # fmt: skip
    assert intent.lines("abc", before, before) == []
    assert intent.lines("abc", ABSENT, before) == ["edit", "del abc", "commit", "quit"]
    assert intent.lines("abc", {"present": True, "pin": "pin/abc"}, before) == ["edit", "abc pin ***", "commit", "quit"]


async def test_a_refused_line_rolls_back_leaves_the_mode_and_is_read() -> None:
    dialect, intent = box()
    line = Scripted(dialect, {"abc speed 5": ["error: too fast"], "show abc": ["access open\nspeed 3"]})
    exchange = Exchange(Transcript())
    with pytest.raises(Refused, match="too fast"):
        await Talk(line, intent, exchange).change(
            told({"access": "shut", "speed": 5}), {"present": True, "access": "open", "speed": 3}
        )
    assert line.said == ["edit", "abc shut", "abc flush", "abc speed 5", "discard", "quit"]


async def test_a_refused_commit_that_changed_something_all_the_same_is_unknown() -> None:
    dialect, intent = box()
    line = Scripted(dialect, {"commit": ["error: timeout"], "show abc": ["access shut\nspeed 3"]})
    with pytest.raises(Unanswered, match="could be taken back"):
        await Talk(line, intent, Exchange(Transcript())).change(
            told({"access": "shut"}), {"present": True, "access": "open", "speed": 3}
        )
    assert line.said[-3:] == ["commit", "discard", "quit"]


async def test_a_mode_that_cannot_be_entered_changes_nothing() -> None:
    dialect, intent = box()
    line = Scripted(dialect, {"edit": ["error: locked by somebody"]})
    with pytest.raises(Refused, match="locked"):
        await Talk(line, intent, Exchange(Transcript())).change(told({"speed": 5}), {"present": True, "speed": 3})
    assert line.said == ["edit", "discard", "quit"]


@pytest.mark.parametrize(("shown", "pin"), [("pin 12345", "pin/abc"), ("pin 99999", "another"), ("", None)])
async def test_a_shown_secret_is_told_by_its_reference_or_not_at_all(shown: str, pin: str | None) -> None:
    dialect, intent = box()
    line = Scripted(dialect, {"show abc": [f"access open\n{shown}\nspeed 3"]})
    exchange = Exchange(Transcript())
    reading = await Talk(line, intent, exchange).read("abc")
    assert reading.state == {"present": True, "access": "open", "speed": 3, "pin": pin}
    assert not {"12345", "99999"} & set(reading.transcript.split())


async def test_a_revealed_secret_is_hidden_even_where_no_mask_expects_it() -> None:
    dialect, intent = box()
    line = Scripted(dialect, {"abc pin 12345": ["error: 12345 is too easy"]})
    exchange = Exchange(Transcript())
    with pytest.raises(Refused, match=r"error: \*\*\* is too easy"):
        await Talk(line, intent, exchange).change(told({"pin": "pin/abc"}), {"present": True, "pin": None})
    assert line.said[1] == "abc pin 12345"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"change": {"access": {"ajar": []}, "pin": [], "speed": []}}, "'ajar' is no value of this field"),
        ({"change": {"access": ["{pin}"], "pin": [], "speed": []}}, "only {key}, {value} may stand in it"),
        ({"create": []}, "keys that cannot be made need absent"),
        ({"frame": {"enter": ["edit {value}"]}}, "only {key} may stand in it"),
        ({"audit": {"line": "list", "row": "(?P<key>.)(?P<pin>.)"}}, "needs the named groups key"),
    ],
)
def test_a_dialect_that_cannot_be_said_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid) as wrong:
        box(**changes)
    assert says in wrong.value.message


def commands(line: str) -> SshIntent:
    """The box as a plain shell."""
    document = yaml.safe_load(BOX)
    document["session"] = {"mode": "exec"}
    document["intents"]["line"]["key"]["pattern"] = ".+"
    document["intents"]["line"]["create"] = [line]
    dialect = dialects.checked(document, name="box")
    assert isinstance(dialect, SshDialect)
    found = dialect.complaint("what went wrong\nexit status 3")
    assert found is not None
    assert (found[0].means, found[1]) == ("refused", "what went wrong")
    return dialect.intents["line"]


def test_a_word_for_a_shell_is_quoted() -> None:
    intent = commands("add {{ {key} }} >/dev/null")
    assert intent.lines("a; reboot", {"present": True}, ABSENT)[1] == "add { 'a; reboot' } >/dev/null"
    assert intent.asking("$(id)") == "show '$(id)'"


@pytest.mark.parametrize("line", ["add '{key}'", 'add "{key}"', "add \\{key}", "add `{key}`x'"])
def test_a_word_inside_quotes_is_refused_when_the_dialect_is_read(line: str) -> None:
    with pytest.raises(Invalid, match="outside quotes"):
        commands(line)


def test_what_a_terminal_would_obey_is_taken_out_of_an_answer() -> None:
    assert plain("\x1b[31mred\x1b[0m \x1b]0;title\x07end\x00\r\nnext\x08 \x9b2Jline") == "red end\nnext line"
