"""A secret never prints, and only its own key, under its own name, opens it."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from kernel.database import Database
from kernel.errors import Invalid, NotFound
from kernel.secrets import Secret, SecretRow, Vault
from kernel.work import SystemWork
from tests.rooms.kernel.bell import column

WORDS = "open-sesame-1234"


@pytest.fixture
def vault() -> Vault:
    """A vault with a known key."""
    return Vault(bytes(range(32)))


def put(database: Database, vault: Vault, name: str, value: str = WORDS) -> None:
    database.run_system(lambda work: vault.put(work, name, Secret(value)))


def get(database: Database, vault: Vault, name: str) -> str:
    def fn(work: SystemWork) -> str:
        return vault.get(work, name).reveal()

    return database.read_system(fn).result(10)


def test_a_secret_never_prints(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(WORDS)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{[secret]}", json.dumps(secret, default=str)]
    logging.getLogger(__name__).warning("key %s %r", secret, {"key": secret})
    try:
        raise ValueError(secret)
    except ValueError as error:
        shown += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert WORDS not in "".join(shown) + caplog.text
    assert "Secret(***)" in caplog.text
    assert secret.reveal() == WORDS
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_neither_written_as_json_nor_pickled_nor_copied() -> None:
    with pytest.raises(TypeError) as unwritten:
        json.dumps({"key": Secret(WORDS)})
    assert WORDS not in str(unwritten.value)
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            take(Secret(WORDS))


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_what_was_put_is_got_and_the_last_one_counts(any_database: Database, vault: Vault) -> None:
    for value in ("first", "ü" * 5000):
        put(any_database, vault, "hlr/password", value)
        assert get(any_database, vault, "hlr/password") == value


def test_nothing_of_it_stands_in_the_database_in_clear(database: Database, vault: Vault) -> None:
    put(database, vault, "hlr/password")
    stored = [*column(database, "SELECT wrapped_key FROM secret"), *column(database, "SELECT sealed FROM secret")]
    assert [isinstance(value, bytes) and WORDS.encode() in value for value in stored] == [False, False]


def test_a_name_that_holds_nothing_says_how_to_put_it(database: Database, vault: Vault) -> None:
    with pytest.raises(NotFound, match="trunkline secret put hlr/password"):
        get(database, vault, "hlr/password")


def test_another_master_key_opens_nothing(database: Database, vault: Vault) -> None:
    put(database, vault, "hlr/password")
    with pytest.raises(Invalid, match="another master key") as refused:
        get(database, Vault(bytes(32)), "hlr/password")
    assert refused.value.field == "TRUNKLINE_SECRET_KEY"
    assert refused.value.__cause__ is None


Row = dict[str, tuple[bytes, bytes]]
"""The wrapped key and the sealed value, by name."""


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: (rows["a"][0], rows["a"][1][:-1] + bytes([rows["a"][1][-1] ^ 1])),
        lambda rows: (bytes([rows["a"][0][0] ^ 1]) + rows["a"][0][1:], rows["a"][1]),
        lambda rows: (rows["a"][0], b""),
        lambda rows: (rows["a"][0], rows["a"][1][:5]),
        lambda rows: (rows["a"][0], rows["b"][1]),
        lambda rows: rows["b"],
    ],
    ids=["value flipped", "key flipped", "emptied", "cut short", "another's value", "another's row"],
)
def test_what_was_altered_or_swapped_is_refused(
    database: Database, vault: Vault, change: Callable[[Row], tuple[bytes, bytes]]
) -> None:
    for name in ("a", "b"):
        put(database, vault, name)

    def alter(work: SystemWork) -> None:
        rows = work.connection.execute(sa.select(SecretRow.name, SecretRow.wrapped_key, SecretRow.sealed))
        key, sealed = change({name: (key, sealed) for name, key, sealed in rows})
        work.connection.execute(
            sa.update(SecretRow).where(SecretRow.name == "a").values(wrapped_key=key, sealed=sealed)
        )

    database.run_system(alter)
    with pytest.raises(Invalid, match="or altered"):
        get(database, vault, "a")
    assert get(database, vault, "b") == WORDS


@pytest.mark.parametrize("text", ["", "short", "AAAA", "ü" * 44, "!" * 44, base64.b64encode(bytes(31)).decode()])
def test_what_is_no_master_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        Vault.from_text(text)
    assert refused.value.field == "TRUNKLINE_SECRET_KEY"
    assert not text or text not in str(refused.value)


def test_a_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path, database: Database) -> None:
    file = tmp_path / "var" / "secret.key"
    put(database, Vault.from_file(file), "a")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert get(database, Vault.from_file(file), "a") == WORDS


def test_a_key_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret.key"
    file.write_bytes(bytes(range(128, 160)))
    with pytest.raises(Invalid, match="not base64"):
        Vault.from_file(file)
