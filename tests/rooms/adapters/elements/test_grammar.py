"""Nothing reaches a wire that its field's grammar does not have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from adapters.elements.grammar import Boolean, Choice, Grammar, Integer, Text, Unsayable, check
from adapters.elements.intents import Intent
from kernel.errors import ElementError, Invalid, Refused
from oss.port import Command, State, Value

NAME = Text(kind="text", pattern=".*", longest=40)
BAR = Choice(kind="choice", values=("none", "all"))
INTENT = Intent(
    key=Text(kind="text", pattern="[0-9]{3}"),
    fields={
        "profile": Text(kind="text", pattern="[A-Z]+"),
        "bar": BAR,
        "rate": Integer(kind="integer", least=0, most=9),
    },
    cuts={"bar": ("all",)},
)


@pytest.mark.parametrize("character", "\x00\x07\t\r\n?\x1b\x7f\x85\u2028\u2029\u200b\u202e\ufeff\ud800")
def test_some_characters_are_refused_whatever_the_grammar(character: str) -> None:
    with pytest.raises(Unsayable, match="profile: carries "):
        check("profile", f"a{character}b", NAME)


@pytest.mark.parametrize(
    ("grammar", "good", "bad"),
    [
        (Text(kind="text", pattern="[0-9]{3}"), ["123"], ["12", "1234", "123\n", "١٢٣", 123, None, True]),
        (BAR, ["none", "all"], ["All", "", None, 0]),
        (Integer(kind="integer", least=0, most=5), [0, 5], [-1, 6, "3", True, None]),
        (Boolean(kind="boolean"), [True, False], [0, 1, "true", None]),
    ],
)
def test_a_grammar_takes_its_own_values_only(grammar: Grammar, good: list[Value], bad: list[Value]) -> None:
    for value in good:
        check("field", value, grammar)
    for value in bad:
        with pytest.raises(Unsayable) as refused:
            check("field", value, grammar)
        assert refused.value.field == "field"
        assert refused.value.fix


def test_a_long_text_is_refused() -> None:
    with pytest.raises(Unsayable, match="at most 40"):
        check("alias", "a" * 41, NAME)


def test_what_cannot_be_said_is_invalid_and_refused_at_once() -> None:
    with pytest.raises(Unsayable) as refused:
        check("field", "\n", NAME)
    assert isinstance(refused.value, Invalid)
    assert isinstance(refused.value, Refused)
    assert isinstance(refused.value, ElementError)
    assert refused.value.code == "refused"


@given(st.text(max_size=60))
def test_text_that_passes_is_one_printable_line(text: str) -> None:
    try:
        check("field", text, NAME)
    except Unsayable:
        return
    assert len(text.splitlines()) <= 1
    assert not set(text) & set("?\t")
    assert len(text) <= 40


def command(state: State, *, key: str = "123", protected: bool = False) -> Command:
    return Command("e", key, "i", state, 1, "k", protected=protected)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        (command({"present": True}, key="12"), "key"),
        (command({"present": "yes"}), "present"),
        (command({"present": True, "colour": "red"}), "colour"),
        (command({"present": True, "rate": 10}), "rate"),
        (command({"present": True, "profile": None}), "profile"),
    ],
)
def test_an_intent_names_the_field_it_does_not_admit(told: Command, field: str) -> None:
    with pytest.raises(Unsayable) as refused:
        INTENT.admit(told)
    assert refused.value.field == field


def test_a_cut_of_a_protected_line_is_refused_but_not_its_end() -> None:
    with pytest.raises(Refused, match="protected") as refused:
        INTENT.admit(command({"present": True, "bar": "all"}, protected=True))
    assert refused.value.field == "bar"
    INTENT.admit(command({"present": True, "bar": "all"}))
    INTENT.admit(command({"present": True, "bar": "none"}, protected=True))
    INTENT.admit(command({"present": False, "bar": "all"}, protected=True))


def test_a_cut_is_said_before_anything_else() -> None:
    wanted: State = {"present": True, "profile": "A", "bar": "all", "rate": 3}
    assert list(INTENT.differing(wanted, {})) == ["bar", "profile", "rate"]
    assert INTENT.differing(wanted, {"bar": "all", "rate": 3, "profile": "B"}) == {"profile": "A"}
    assert list(INTENT.differing({**wanted, "bar": "none"}, {})) == ["profile", "bar", "rate"]


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("-7", -7), ("seven", "seven"), ("9" * 30, "9" * 30)])
def test_a_number_that_an_element_prints_is_a_number_or_stays_text(text: str, value: Value) -> None:
    assert Integer(kind="integer", least=0, most=9).parse(text) == value


@pytest.mark.parametrize(("text", "value"), [("Yes", True), ("off", False), ("maybe", "maybe")])
def test_a_truth_that_an_element_prints_is_one_or_stays_text(text: str, value: Value) -> None:
    assert Boolean(kind="boolean").parse(text) is value or text == value


def test_a_grammar_is_told_apart_by_its_kind() -> None:
    made: Grammar = TypeAdapter(Grammar).validate_python({"kind": "integer", "least": 1, "most": 2})
    assert made == Integer(kind="integer", least=1, most=2)
