"""docker-compose.yml and the Dockerfile name only what exists; no Docker engine is needed to know."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import yaml

from tests.house.tree import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def instructions(keyword: str) -> Iterator[str]:
    """The arguments of each such instruction of the Dockerfile."""
    for line in DOCKERFILE:
        if line.startswith(f"{keyword} "):
            yield line.removeprefix(f"{keyword} ").strip()


def commands() -> list[list[str]]:
    """Every command line that a service or the image starts of ours."""
    written = [service["command"] for service in SERVICES.values() if "command" in service]
    lines = [shlex.split(command) if isinstance(command, str) else command for command in written]
    return lines + [json.loads(command) for command in instructions("CMD")]


def environment() -> set[str]:
    """Every TRUNKLINE_ variable that compose, the image or the example sets."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / ".env.example", ROOT / "Dockerfile")]
    named = {name for service in SERVICES.values() for name in service.get("environment", {})}
    named |= {name for text in texts for name in re.findall(r"^(?:ENV )?([A-Z_]+)=", text, re.MULTILINE)}
    return {name for name in named if name.startswith("TRUNKLINE_")}


def mounted() -> Iterator[str]:
    """The files and folders of ours that services mount or read."""
    for service in SERVICES.values():
        yield from (volume.split(":")[0] for volume in service.get("volumes", []) if volume.startswith("."))
        files = service.get("env_file", [])
        yield from [files] if isinstance(files, str) else files
    for kind in ("configs", "secrets"):
        yield from (entry["file"] for entry in COMPOSE.get(kind, {}).values() if "file" in entry)


def test_the_services_are_the_house_and_its_neighbours() -> None:
    assert SERVICES.keys() == {"postgres", "mosquitto", "migrate", "gateway", "worker", "simulators"}


def test_every_file_it_names_exists() -> None:
    builds = [service["build"] for service in SERVICES.values() if "build" in service]
    assert set(builds) == {"."}
    assert list(mounted()) != []
    assert [name for name in mounted() if not (ROOT / name).is_file()] == []


def test_every_file_the_image_copies_exists_and_is_let_in() -> None:
    copied = [c.split()[:-1] for c in instructions("COPY") if not c.startswith("--from")]
    names = [name for sources in copied for name in sources]
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [name for name in names if not (ROOT / name).exists() or f"!{name}" not in let_in] == []


def test_the_image_holds_every_package_of_the_wheel() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wheel = re.search(r"wheel\]\npackages = (\[.*\])", text)
    assert wheel is not None
    assert set(json.loads(wheel[1])) <= {c.split()[0] for c in instructions("COPY")}


def test_every_neighbour_it_names_is_declared() -> None:
    for service in SERVICES.values():
        shared = service.get("network_mode", "service:gateway").removeprefix("service:")
        assert {*service.get("depends_on", {}), shared} <= SERVICES.keys()
        named = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith(".")}
        assert named <= COMPOSE["volumes"].keys()


def test_images_are_pinned_to_a_major_version() -> None:
    foreign = {service["image"] for service in SERVICES.values() if "build" not in service}
    bases = {line.split()[0] for line in instructions("FROM")}
    assert foreign | bases == {"postgres:16", "eclipse-mosquitto:2", "python:3.11-slim"}


def test_every_value_asked_for_stands_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{([A-Z_]+)", text))
    assert asked == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


@pytest.mark.parametrize("line", commands(), ids=" ".join)
def test_every_command_exists(line: list[str]) -> None:
    assert line[0] == "trunkline"
    assert unknown(line[1:], command_line()) == []


def test_every_setting_exists_and_is_documented() -> None:
    if importlib.util.find_spec("gateway.settings") is None:
        pytest.skip("gateway.settings is not written yet")
    settings = importlib.import_module("gateway.settings").Settings
    prefix = settings.model_config["env_prefix"].upper()
    documented = {f"{prefix}{name.upper()}" for name, field in settings.model_fields.items() if field.description}
    assert environment() - documented == set()


def test_a_command_that_is_not_there_is_found() -> None:
    tree, sim = typer.Typer(), typer.Typer()
    tree.add_typer(sim, name="sim")
    sim.command("up")(lambda: None)
    sim.command("down-soon")(lambda: None)
    app = typer.main.get_command(tree)
    assert unknown(["sim", "up"], app) == []
    assert unknown(["sim", "down"], app) == ["down"]
    assert unknown(["sim", "up", "--colour"], app) == ["--colour"]
    assert unknown(["sim"], app) == ["sim needs a verb"]


def command_line() -> Any:
    """The CLI as a tree of click commands."""
    if importlib.util.find_spec("gateway.cli") is None or importlib.util.find_spec("gateway.cli.main") is None:
        pytest.skip("gateway.cli.main is not written yet")
    return typer.main.get_command(importlib.import_module("gateway.cli.main").app)


def unknown(words: list[str], command: Any) -> list[str]:
    """The words of a command line that name no verb and no option."""
    if not hasattr(command, "get_command"):
        options = {name for parameter in command.params for name in parameter.opts}
        return [word for word in words if word.startswith("-") and word not in options]
    if not words:
        return [] if command.invoke_without_command else [f"{command.name} needs a verb"]
    verb = command.get_command(command.make_context(command.name, [], resilient_parsing=True), words[0])
    return words[:1] if verb is None else unknown(words[1:], verb)
