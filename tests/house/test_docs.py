"""What the documentation names exists: links, commands, settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

from gateway.cli.main import app
from gateway.settings import PREFIX, Settings
from tests.house.tree import ROOT, relative

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`(trunkline [a-z][^`]*)`")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("sh", "console")
"""Fences of commands; in a `console` one only the lines after a `$ ` are, the others are what came back."""
ENDS = set("|&;()<>")


@cache
def command_line() -> Any:
    """The CLI as a tree of commands, built once."""
    return typer.main.get_command(app)


def fences(text: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page: language and content."""
    for match in FENCE.finditer(text):
        yield match[1], match[2]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text)


def command_lines(text: str) -> Iterator[list[str]]:
    """The arguments of every call of trunkline in a page's shell blocks."""
    for language, content in fences(text):
        if language not in SHELL:
            continue
        for line in content.replace("\\\n", " ").splitlines():
            if "trunkline" in line and (language == "sh" or line.startswith("$ ")):
                yield from calls(line.removeprefix("$ "))


def calls(line: str) -> Iterator[list[str]]:
    """The arguments of every call of trunkline in a line of shell, also behind a pipe or in a substitution."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    found: list[str] | None = None
    first = True
    for word in words:
        if set(word) <= ENDS:
            if found is not None:
                yield found
            found, first = None, True
        elif found is not None:
            found.append(word)
        elif first and word == "trunkline":
            found = []
        else:
            first = first and "=" in word
    if found is not None:
        yield found


def complaint(arguments: list[str]) -> str | None:
    """What the command line would say against these arguments; nothing when it would run them."""
    command: Any = command_line()
    left = ["1" if "$" in word else word for word in arguments]  # the shell's part is any text, also a number
    try:
        while hasattr(command, "get_command") and left and not left[0].startswith("-"):
            name = left.pop(0)
            command = command.get_command(command.make_context("trunkline", [], resilient_parsing=True), name)
            if command is None:
                return f"no verb {name!r}"
        if hasattr(command, "get_command"):
            return None if left in (["--help"], ["-h"]) or command.invoke_without_command else "a verb is missing"
        command.make_context("trunkline", left)
    except TyperException as error:
        return str(error)
    return None


def named_badly(mention: str) -> str | None:
    """What is wrong with a command that a sentence mentions; it may leave arguments out."""
    words = [word for word in mention.split()[1:] if not word.startswith(("<", "["))]
    command: Any = command_line()
    while hasattr(command, "get_command") and words and re.fullmatch(r"[a-z-]+", words[0]):
        command = command.get_command(command.make_context("trunkline", [], resilient_parsing=True), words[0])
        if command is None:
            return f"no verb {words[0]!r}"
        words = words[1:]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("-") and word not in options]
    return f"no option {unknown[0]}" if unknown else None


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    heads = re.findall(r"^#+ (.+)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        file = page if not target else (page.parent / target).resolve()
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_of_a_page_would_run(page: Path) -> None:
    lines = list(command_lines(page.read_text(encoding="utf-8")))
    assert {" ".join(line): told for line in lines if (told := complaint(line))} == {}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_that_a_sentence_mentions_exists(page: Path) -> None:
    mentions = INLINE.findall(prose(page.read_text(encoding="utf-8")))
    assert {mention: told for mention in mentions if (told := named_badly(mention))} == {}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_variable_of_a_page_is_a_setting(page: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named - known == set()


def test_every_page_of_docs_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = LINK.findall(prose(page.read_text(encoding="utf-8")))
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links if not link.startswith("http")]
        waiting += [target for target in targets if target.is_file()]
    assert [relative(page) for page in PAGES if page not in reached] == []


def test_calls_are_found_behind_pipes_and_in_substitutions() -> None:
    line = "ID=$(trunkline order list -o json | jq -r .id) && cat x | trunkline secret put a/b --from-file - > out"
    assert list(calls(line)) == [["order", "list", "-o", "json"], ["secret", "put", "a/b", "--from-file", "-"]]
    assert list(calls("echo trunkline order list")) == []
    assert list(calls("TRUNKLINE_TENANT=2 trunkline doctor")) == [["doctor"]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["order", "show", "por_1"], None),
        (["order", "--help"], None),
        (["ordre", "show"], "no verb 'ordre'"),
        (["order", "shew"], "no verb 'shew'"),
        (["order"], "a verb is missing"),
    ],
)
def test_a_command_that_would_not_run_is_told(arguments: list[str], told: str | None) -> None:
    assert complaint(arguments) == told


def test_an_option_that_is_not_there_and_a_missing_argument_are_told() -> None:
    assert complaint(["order", "show", "por_1", "--colour"]) is not None
    assert complaint(["order", "show"]) is not None
    assert named_badly("trunkline order show") is None
    assert named_badly("trunkline order shew") == "no verb 'shew'"
    assert named_badly("trunkline doctor --colour") == "no option --colour"
