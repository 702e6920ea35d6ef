"""Settings, logs and the wiring they lead to."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from adapters.payments.http import HttpGateway
from adapters.payments.memory import MemoryGateway
from gateway import logs, outcomes, settings
from gateway.settings import Settings
from gateway.wiring import open_gateway, open_vault
from kernel import errors
from kernel.errors import Invalid, NotFound, TrunklineError
from kernel.secrets import Secret
from kernel.time import VirtualClock
from tests.rooms.gateway.conftest import settings_for


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_HTTP_PORT", "many")
    with pytest.raises(Invalid) as caught:
        settings.load()
    assert caught.value.field == "TRUNKLINE_HTTP_PORT"


def test_the_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    found = settings_for(tmp_path)
    open_vault(found)
    assert stat.S_IMODE(found.secret_key_file.stat().st_mode) == 0o600


def test_the_environments_key_wins_over_the_file(tmp_path: Path) -> None:
    wrong = settings_for(tmp_path).model_copy(update={"secret_key": SecretStr("c2hvcnQ=")})
    with pytest.raises(Invalid, match="the master key has 5 bytes"):
        open_vault(wrong)


def test_the_bank_is_opened_when_it_is_first_asked_for(tmp_path: Path, clock: VirtualClock) -> None:
    found = settings_for(tmp_path).model_copy(update={"bank_url": "http://127.0.0.1:9"})
    gateway = open_gateway(found, subscriptions={}, clock=clock)
    with pytest.raises(NotFound, match="no secret 'bank/api-key'"):
        _ = gateway.payments
    gateway.database.run_system(lambda work: gateway.vault.put(work, "bank/api-key", Secret("k")))
    assert isinstance(gateway.payments, HttpGateway)
    asyncio.run(gateway.close())


def test_without_a_bank_money_moves_in_memory(tmp_path: Path, clock: VirtualClock) -> None:
    gateway = open_gateway(settings_for(tmp_path), subscriptions={}, clock=clock)
    assert isinstance(gateway.payments, MemoryGateway)
    asyncio.run(gateway.close())


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Logging as configured, undone afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def test_a_log_line_is_json_on_stderr_and_shows_no_secret(logged: None, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    told = {"password": "p", "api_token": "t", "nested": {"priv_key": "k", "port": 3}, "held": Secret("s")}
    logs.logger("test").info("said", **told)
    logs.logger("test").debug("not said")
    logging.getLogger("somebody").warning("theirs")
    captured = capsys.readouterr()
    assert captured.out == ""
    ours, theirs = (json.loads(line) for line in captured.err.splitlines())
    assert (ours["event"], ours["part"], ours["level"]) == ("said", "test", "info")
    assert (ours["password"], ours["api_token"], ours["held"]) == ("***", "***", "***")
    assert ours["nested"] == {"priv_key": "***", "port": 3}
    assert theirs["event"] == "theirs"


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TrunklineError)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.__subclasses__()])
def test_every_error_of_the_kernel_has_an_outcome_of_its_own(kind: type[TrunklineError]) -> None:
    outcome = outcomes.of(kind("x"))
    assert outcome.kind is kind


@pytest.mark.parametrize("outcome", outcomes.OUTCOMES, ids=lambda outcome: outcome.kind.__name__)
def test_an_error_comes_back_as_it_was(outcome: outcomes.Outcome) -> None:
    error = outcome.kind("said", field="where", fix="so")
    back = outcomes.raised(outcomes.body(error))
    assert (type(back), back.message, back.field, back.fix) == (outcome.kind, "said", "where", "so")


def test_the_exit_codes_are_those_that_scripts_know() -> None:
    assert {code.name: int(code) for code in outcomes.Exit} == {
        "OK": 0,
        "ERROR": 1,
        "USAGE": 2,
        "AUTH": 3,
        "NOT_FOUND": 4,
        "CONFLICT": 5,
        "PARTIAL": 6,
        "FALLOUT": 7,
        "TIMEOUT": 8,
    }
