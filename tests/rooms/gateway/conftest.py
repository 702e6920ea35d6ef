"""A gateway on a furnished database of its own: a seller, the catalogue, elements in memory, stock, a customer."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp.test_utils import TestClient, TestServer
from typer.testing import CliRunner

from bss.customers import service as customers
from bss.payments import service as payments
from gateway import dispatch, logs, seed
from gateway.cli.main import app as command_line
from gateway.http.app import build
from gateway.identity import service as identity
from gateway.settings import Settings
from gateway.wiring import Gateway, open_gateway
from kernel.ids import TenantId
from kernel.time import VirtualClock
from kernel.work import Actor, SystemWork, Work
from oss.inventory import elements, supply
from oss.specs import service as specs

OPERATOR = TenantId(1)
CLERK = Actor("test:clerk", frozenset({"admin"}))
CARD = "tok_ada"
"""What the payment gateway made of Ada's card."""
ELEMENTS = """
elements:
  - {name: hlr-1, protocol: memory, role: register}
  - {name: olt-1, protocol: memory, role: line-terminal}
  - {name: broker-1, protocol: memory, role: devices}
"""


@dataclass(frozen=True)
class Furnished:
    """A database as it stands before each test, and what is in it."""

    path: Path
    account: str
    method: str
    token: str
    viewer: str


@dataclass(frozen=True)
class House:
    """An open gateway with its API."""

    gateway: Gateway
    client: TestClient[Any, Any]
    furnished: Furnished

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """One request with the clerk's token: status, answer, headers."""
        told = {
            "Authorization": f"Bearer {self.furnished.token}",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        async with self.client.request(method, path, json=body, headers=told) as answer:
            return answer.status, await answer.json(), answer.headers


def settings_for(folder: Path) -> Settings:
    """Settings that keep everything in one folder."""
    return Settings(
        database_url=f"sqlite:///{folder}/house.db",
        secret_key_file=folder / "secret.key",
        notices_dir=folder / "notices",
    )


def _furnish_network(work: SystemWork) -> None:
    for path in sorted((seed.CONFIG / "specs").glob("*.yaml")):
        specs.apply(work, path)
    for document in elements.load(ELEMENTS):
        elements.apply(work, document)
    supply.apply(work, seed.CONFIG / "pools" / "demo.yaml", granted_to=OPERATOR)


def _furnish_market(work: Work) -> tuple[str, str, str, str]:
    seed.commercial(work)
    _, account = customers.create(work, name="Ada", email="ada@example.org", currency="EUR", zone="Europe/Berlin")
    work.session.flush()
    method = payments.add_method(work, account.id, token=CARD, brand="visa", last4="4242")
    token, _ = identity.create(work, name="clerk", roles=["admin"])
    viewer, _ = identity.create(work, name="viewer", roles=["viewer"])
    return str(account.id), str(method.id), token, viewer


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """Made once, by migrations, and copied for each test."""
    folder = tmp_path_factory.mktemp("furnished")
    clock = VirtualClock(datetime(2026, 6, 1, 8, tzinfo=UTC))
    gateway = open_gateway(settings_for(folder), subscriptions=dispatch.SUBSCRIPTIONS, clock=clock)
    gateway.database.run_system(_furnish_network)
    account, method, token, viewer = gateway.database.run(_furnish_market, tenant=OPERATOR, actor=CLERK)
    asyncio.run(gateway.close())
    return Furnished(folder, account, method, token, viewer)


@pytest.fixture
def folder(tmp_path: Path, furnished: Furnished) -> Path:
    """A folder with a furnished database."""
    for name in ("house.db", "secret.key"):
        shutil.copy(furnished.path / name, tmp_path / name)
    return tmp_path


@pytest.fixture
async def house(folder: Path, furnished: Furnished, clock: VirtualClock) -> AsyncIterator[House]:
    """The gateway on it, with its API in this process."""
    gateway = open_gateway(settings_for(folder), subscriptions=dispatch.SUBSCRIPTIONS, clock=clock, strict_tenancy=True)
    async with TestClient(TestServer(build(gateway))) as client:
        yield House(gateway, client, furnished)
    await gateway.close()


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


@cache
def _command() -> Any:
    return typer.main.get_command(command_line)


@pytest.fixture
def trunkline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Run a command in this process, on the furnished database."""
    monkeypatch.setattr(logs, "configure", lambda level: None)
    monkeypatch.setattr("typer.testing._get_command", lambda _: _command())  # built once: it takes longer than a verb
    monkeypatch.delenv("TRUNKLINE_URL", raising=False)
    monkeypatch.delenv("TRUNKLINE_TOKEN", raising=False)
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", f"sqlite:///{folder}/house.db")
    monkeypatch.setenv("TRUNKLINE_SECRET_KEY_FILE", str(folder / "secret.key"))
    monkeypatch.setenv("TRUNKLINE_NOTICES_DIR", str(folder / "notices"))

    def run(*words: str, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(command_line, list(words), input=stdin, catch_exceptions=False)
        return Said(result.exit_code, result.stdout, result.stderr)

    return run
