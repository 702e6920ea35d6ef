"""Ids are unique, sort by birth, and are of one kind at the edge."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from kernel.errors import Invalid
from kernel.ids import EventId, TenantId, _Source


@given(st.integers(0, 2**63 - 1))
def test_an_id_comes_back_from_its_text(value: int) -> None:
    assert TenantId.parse(str(TenantId(value))) == value


def test_the_text_is_this() -> None:
    assert str(TenantId(1)) == "tnt_0000000000001"
    assert f"{EventId(2**63 - 1)}" == "evt_7ZZZZZZZZZZZZ"
    assert repr(EventId(33)) == "evt_0000000000011"


def test_ids_sort_by_birth_as_numbers_and_as_text() -> None:
    born = [EventId.new() for _ in range(5000)]
    assert all(one < other for one, other in pairwise(born))
    assert sorted(map(str, born)) == list(map(str, born))


@pytest.mark.parametrize(
    "text",
    [
        "evt_0000000000001",
        "tnt_000000000000",
        "tnt_00000000000011",
        "tnt_000000000000I",
        "tnt_000000000000a",
        "tnt_ 000000000001",
        "tnt0000000000001",
        "_0000000000001",
        "0000000000001",
        "1",
        "",
        "tnt_",
        "tnt_" + "\u0660" * 13,
        " tnt_0000000000001",
    ],
)
def test_another_kind_or_garbage_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a tnt id"):
        TenantId.parse(text)


@pytest.mark.parametrize("text", ["tnt_8000000000000", "tnt_ZZZZZZZZZZZZZ"])
def test_an_id_too_large_for_a_column_is_refused_before_it_gets_there(text: str) -> None:
    with pytest.raises(Invalid, match="larger than any id"):
        TenantId.parse(text)


def test_threads_never_draw_the_same_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        drawn = [i for some in pool.map(lambda _: [EventId.new() for _ in range(1000)], range(8)) for i in some]
    assert len(set(drawn)) == 8000


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_never_draws_what_its_parent_draws() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"".join(int(EventId.new()).to_bytes(8) for _ in range(2000)))
        os._exit(0)
    os.close(write)
    mine = {int(EventId.new()) for _ in range(2000)}
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    theirs = {int.from_bytes(told[i : i + 8]) for i in range(0, len(told), 8)}
    assert len(theirs) == 2000
    assert not mine & theirs


def test_a_child_that_draws_its_parents_node_takes_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda count: bytes(count))
    source = _Source()
    parent = source.next() & 1023
    source._lock.acquire()  # another thread of the parent held it at the fork
    source.reseed()
    assert source.next() & 1023 != parent


class Letter(BaseModel):
    """Something with an id in it."""

    to: TenantId


def test_a_model_takes_the_text_and_writes_it() -> None:
    letter = Letter.model_validate({"to": "tnt_0000000000001"})
    assert letter.to == TenantId(1)
    assert type(letter.to) is TenantId
    assert letter.model_dump_json() == '{"to":"tnt_0000000000001"}'
    assert Letter(to=TenantId(1)) == letter
    assert Letter.model_json_schema()["properties"]["to"] == {
        "pattern": "^tnt_[0-9A-Z]{13}$",
        "title": "To",
        "type": "string",
    }


@pytest.mark.parametrize("to", [1, EventId(1), "evt_0000000000001", None, "tnt_ZZZZZZZZZZZZZ"])
def test_a_model_refuses_another_kind(to: object) -> None:
    with pytest.raises(ValidationError):
        Letter.model_validate({"to": to})
