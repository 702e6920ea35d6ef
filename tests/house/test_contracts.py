"""Each import contract of pyproject.toml, proved by a deliberate bad import that must break it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import api
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

from tests.house.tree import ROOMS, ROOT

ROOMS_DOWNHILL = "rooms: gateway > adapters > bss > oss > kernel"
ELEMENTS = "elements: adapters.elements know the port, the identity types and the kernel, no more"
BSS = "bss: downhill, the ledger lowest"
OSS = "oss: downhill, identity lowest"
SIMULATORS_OUT = "simulators import none of ours"
SIMULATORS_IN = "none of ours imports simulators"
CORE = "the core speaks no wire and never waits"

BAD_IMPORTS = [
    # the importing package, the imported one, the contract that must break; the test adds a new module to
    # each package, so that no other import takes part
    ("kernel", "oss.port", ROOMS_DOWNHILL),
    ("kernel", "gateway", ROOMS_DOWNHILL),
    ("oss.orders", "bss.ledger", ROOMS_DOWNHILL),
    ("bss.invoices", "adapters.payments", ROOMS_DOWNHILL),
    ("adapters.payments", "gateway.http", ROOMS_DOWNHILL),
    ("adapters.elements", "bss.ledger", ELEMENTS),
    ("adapters.elements.ssh", "oss.orders", ELEMENTS),
    ("adapters.elements", "oss.inventory", ELEMENTS),
    ("adapters.elements", "oss.specs", ELEMENTS),
    ("adapters.elements", "oss.fleet", ELEMENTS),
    ("bss.ledger", "bss.customers", BSS),
    ("bss.invoices", "bss.payments", BSS),
    ("bss.subscriptions", "bss.ordering", BSS),
    ("bss.dunning", "bss.revenue", BSS),
    ("oss.inventory", "oss.orders", OSS),
    ("oss.port", "oss.specs", OSS),
    ("oss.identity", "oss.port", OSS),
    ("simulators", "kernel", SIMULATORS_OUT),
    ("simulators", "config", SIMULATORS_OUT),
    ("gateway", "simulators", SIMULATORS_IN),
    ("adapters.elements", "simulators", SIMULATORS_IN),
    ("oss.orders", "asyncio", CORE),
    ("bss.payments", "stripe", CORE),
    ("kernel", "asyncssh", CORE),
    ("oss.inventory", "pysnmp", CORE),
    ("bss.usage", "paho", CORE),
    ("bss.usage", "aiomqtt", CORE),
    ("kernel", "aiohttp", CORE),
]
UNLISTED = [("bss", "marketing", BSS), ("oss", "weather", OSS)]


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    return api.read_configuration(str(ROOT / "pyproject.toml"))


@pytest.fixture(scope="module")
def house() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, include_external_packages=True, cache_dir=None)


def broken(graph: grimp.ImportGraph, options: dict[str, Any]) -> set[str]:
    """The names of the contracts that a graph of imports breaks."""
    kinds = {"layers": LayersContract, "forbidden": ForbiddenContract}
    names = set()
    for contract in options["contracts_options"]:
        kind = kinds[contract["type"]]
        checked = kind(contract["name"], options["session_options"], contract).check(deepcopy(graph), False)
        if not checked.kept:
            names.add(contract["name"])
    return names


def add_module(graph: grimp.ImportGraph, package: str, leaf: str) -> str:
    """Add a module to a package, the package itself if it is not there yet; external ones stay whole."""
    if package.split(".")[0] not in ROOMS:
        graph.add_module(package, is_squashed=True)
        return package
    parts = [*package.split("."), leaf]
    for depth in range(2, len(parts) + 1):
        if (name := ".".join(parts[:depth])) not in graph.modules:
            graph.add_module(name)
    return ".".join(parts)


def test_the_house_breaks_no_contract(house: grimp.ImportGraph, options: dict[str, Any]) -> None:
    assert broken(house, options) == set()


@pytest.mark.parametrize(("importer", "imported", "contract"), BAD_IMPORTS)
def test_a_bad_import_breaks_exactly_its_contract(
    importer: str, imported: str, contract: str, house: grimp.ImportGraph, options: dict[str, Any]
) -> None:
    graph = deepcopy(house)
    bad = add_module(graph, importer, "importing")
    graph.add_import(importer=bad, imported=add_module(graph, imported, "imported"))
    assert broken(graph, options) == {contract}


def test_a_bad_import_through_another_module_is_found(house: grimp.ImportGraph, options: dict[str, Any]) -> None:
    graph = deepcopy(house)
    middle = add_module(graph, "kernel", "middle")
    graph.add_import(importer=add_module(graph, "oss.orders", "importing"), imported=middle)
    graph.add_import(importer=middle, imported=add_module(graph, "asyncio", ""))
    assert broken(graph, options) == {CORE}


@pytest.mark.parametrize(("room", "module", "contract"), UNLISTED)
def test_a_module_without_a_place_in_the_order_is_refused(
    room: str, module: str, contract: str, house: grimp.ImportGraph, options: dict[str, Any]
) -> None:
    graph = deepcopy(house)
    add_module(graph, room, module)
    assert broken(graph, options) == {contract}


def test_every_contract_has_a_case(options: dict[str, Any]) -> None:
    assert {contract for _, _, contract in BAD_IMPORTS} == {
        contract["name"] for contract in options["contracts_options"]
    }


def test_the_command_names_each_broken_contract_and_the_import(tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    lines = {
        "kernel": "import gateway",
        "adapters/elements": "import oss.orders",
        "bss/ledger": "import bss.customers",
        "oss/specs": "import oss.orders",
        "simulators": "import kernel.errors",
        "gateway": "import simulators",
        "bss/customers": "import asyncio",
    }
    for folder, line in lines.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "__init__.py").touch()
        (tmp_path / folder / "probed.py").write_text(f"{line}\n", encoding="utf-8")
    answer = lint(tmp_path)
    assert answer.returncode == 1
    assert answer.stdout.count(" BROKEN\n") == 7
    for folder, line in lines.items():
        assert f"{folder.replace('/', '.')}.probed -> {line.removeprefix('import ')} (l.1)" in answer.stdout


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of `make check` in a copy of the tree."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = {"PYTHONPATH": str(folder), "COLUMNS": "400", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
