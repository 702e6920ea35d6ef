"""The reference pages that are drawn from the code, so that they cannot drift from it: `make docs` writes them."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import typer
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

import bss
import gateway
import oss
from adapters.elements import cards
from bss.ledger import rules
from gateway import dispatch, doctor, outcomes
from gateway.identity import roles
from gateway.outcomes import Exit, Outcome
from gateway.verbs import table
from gateway.verbs.core import Verb
from kernel.doctor import Check
from kernel.events import Event
from kernel.machine import Machine

_MADE = "<!-- Made by `make docs` from the code; a test compares it. Change the code, not this page. -->"
_EVENTS = """Every fact that the product records, by the noun that announces it. A fact is stored in the transaction
that made it true, and each handler named under it hears it once. The first field is the subject: whom it is about."""
_INVARIANTS = """What `trunkline doctor` checks. Each check is a query that must find no row. It prints how many rows it
examined and says `ok`, `unproven` (there was nothing to examine) or `violated`. Two rooms may check the same number,
each on its own rows. What to do about a violation is in [the guide for the NOC](../how-to/noc.md)."""
_API = """Bodies are JSON objects, and lists carry their length in `X-Total-Count`.
[The guide for integrators](../how-to/integrator.md) says how to call; `/openapi.json` of a running gateway has every
field. The roles stand in `config/roles.yaml`."""
_ERRORS = """What can go wrong, once for the API and the command line.
[The guide for integrators](../how-to/integrator.md) shows the body; on the command line the same message, field and fix
stand on stderr."""


def pages() -> dict[str, str]:
    """Path under docs/ to text, for every generated page."""
    found = {f"machines/{name}": text for name, text in machines_markdown().items()}
    for module in _modules(gateway, name="settings"):
        found["reference/settings.md"] = settings_markdown(module.Settings)
    for module in _modules(gateway, name="cli.main"):
        found["reference/cli.md"] = cli_markdown(typer.main.get_command(module.app))
    found["reference/postings.md"] = f"{_MADE}\n{rules.postings_markdown()}"
    found["reference/events.md"] = events_markdown(events())
    found["reference/invariants.md"] = invariants_markdown(doctor.checks())
    found["reference/api.md"] = api_markdown(table.VERBS)
    found["reference/errors.md"] = errors_markdown(outcomes.OUTCOMES)
    found["reference/dialects.md"] = f"{_MADE}\n{cards.markdown(Path(str(files('config'))) / 'dialects')}"
    return found


def write(docs: Path) -> list[Path]:
    """Write every generated page and remove the drawings of machines that are gone; returns what changed."""
    wanted = {docs / name: text for name, text in pages().items()}
    gone = [path for path in (docs / "machines").glob("*.md") if path not in wanted]
    changed = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    for path in gone:
        path.unlink()
    return changed + gone


def machines() -> Iterator[tuple[str, Machine[Any, Any]]]:
    """Every state machine of the house with the name of the module it stands in."""
    for room in (oss, bss):
        for module in _modules(room, name="machine"):
            for value in vars(module).values():
                if isinstance(value, Machine):
                    yield module.__name__, value


def machines_markdown() -> dict[str, str]:
    """File name to page, one for each state machine, and an index."""
    drawn = [(module, machine, f"{_slug(machine.name)}.md") for module, machine in machines()]
    found = {name: machine_markdown(machine, module=module) for module, machine, name in drawn}
    index = [f"- [{machine.name}]({name}), from `{module}`" for module, machine, name in drawn]
    return found | {"index.md": "\n".join([_MADE, "# State machines", "", *index, ""])}


def machine_markdown(machine: Machine[Any, Any], *, module: str) -> str:
    """One machine as a Mermaid diagram and the meaning of its states."""
    arrows = [f"    {state} --> {after}: {move}" for (state, move), after in machine.table.items()]
    ends = [f"    {state} --> [*]" for state in machine.meanings if machine.final(state)]
    diagram = ["```mermaid", "stateDiagram-v2", f"    [*] --> {machine.initial}", *arrows, *ends, "```"]
    meanings = [f"| {state} | {meaning} |" for state, meaning in machine.meanings.items()]
    head = [_MADE, f"# {machine.name}", "", f"The table stands in `{module}`.", ""]
    return "\n".join([*head, *diagram, "", "| state | meaning |", "|---|---|", *meanings, ""])


def settings_markdown(kind: type[BaseSettings]) -> str:
    """Every environment variable of a settings class: its value when unset, and what it means."""
    prefix = str(kind.model_config.get("env_prefix", "")).upper()
    rows = [
        f"| `{prefix}{name.upper()}` | {_unset(field)} | {field.description or ''} |"
        for name, field in kind.model_fields.items()
    ]
    return "\n".join([_MADE, "# Settings", "", "| variable | when unset | meaning |", "|---|---|---|", *rows, ""])


def cli_markdown(root: Any) -> str:
    """Every verb of the command line with its arguments and options."""
    return "\n".join([_MADE, "# Commands", "", *(_verb(path, verb) for path, verb in _verbs(["trunkline"], root))])


def events() -> Iterator[type[Event]]:
    """Every kind of fact that some noun announces, noun by noun; what only carries common fields is left out."""
    for room in (oss, bss):
        for module in _modules(room, name="events"):
            for value in vars(module).values():
                mine = isinstance(value, type) and issubclass(value, Event) and value.__module__ == module.__name__
                if mine and not value.__subclasses__():
                    yield value


def events_markdown(kinds: Iterable[type[Event]]) -> str:
    """Each fact with its meaning, its fields, and who hears it."""
    lines, module = [_MADE, "# Events", "", _EVENTS, ""], ""
    for kind in kinds:
        if kind.__module__ != module:
            module = kind.__module__
            lines += [f"## {module.removesuffix('.events')}", ""]
        fields = ", ".join(f"`{name}` ({_type(field)})" for name, field in kind.model_fields.items())
        heard = ", ".join(f"`{handler}`" for handler in dispatch.SUBSCRIPTIONS.get(kind.kind(), ())) or "no handler"
        lines += [f"### {kind.kind()}", "", _meaning(kind), "", f"- fields: {fields}", f"- heard by: {heard}", ""]
    return "\n".join(lines)


def invariants_markdown(checks: Iterable[Check]) -> str:
    """Each check of the doctor: its number, what must hold, and where the query stands."""
    rows = [f"| {check.name} | {check.title} | `{check.violations.__module__}` |" for check in checks]
    head = [_MADE, "# Invariants", "", _INVARIANTS, "", "| name | what must hold | checked in |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def api_markdown(verbs: Iterable[Verb[Any, Any]]) -> str:
    """Each route of the API with what it does and which roles may."""
    rows = [
        f"| `{verb.method} {verb.path}` | {verb.name} | {verb.summary} | {', '.join(_able(verb))} |"
        for verb in sorted(verbs, key=lambda verb: (verb.path, verb.method))
    ]
    head = [_MADE, "# Routes of the API", "", _API, "", "| route | verb | what it does | roles |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def errors_markdown(kinds: Iterable[Outcome]) -> str:
    """Each kind of error: its code, its HTTP status, how a command ends with it."""
    rows = [
        f"| {each.kind.code} | {each.status} | {int(each.exit)} | {_meaning(each.kind)} |"
        for each in sorted(kinds, key=lambda each: (each.status, each.kind.code))
    ]
    exits = [f"| {int(code)} | {code.name.lower().replace('_', ' ')} |" for code in Exit]
    codes = ["## Exit codes", "", "| code | meaning |", "|---|---|", *exits, ""]
    head = [_MADE, "# Errors", "", _ERRORS, "", "| code | HTTP status | exit code | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "", *codes])


def _able(verb: Verb[Any, Any]) -> list[str]:
    return [role for role in roles.known() if roles.grants([role], verb.name)]


def _meaning(kind: type[Any]) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def _type(field: FieldInfo) -> str:
    kind = field.annotation
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else re.sub(r"\b(\w+\.)+", "", str(kind))


def _verbs(path: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
    if not hasattr(command, "list_commands"):
        yield path, command
        return
    if command.invoke_without_command:
        yield path, command
    context = command.make_context(path[-1], [], resilient_parsing=True)
    for name in sorted(command.list_commands(context)):
        yield from _verbs([*path, name], command.get_command(context, name))


def _verb(path: list[str], command: Any) -> str:
    arguments = [p.name.upper() for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    rows = [f"- `{', '.join(option.opts)}`: {option.help or option.name}" for option in options]
    meaning = (command.help or "").strip().partition("\n")[0]
    return "\n".join([f"## {' '.join([*path, *arguments])}", "", meaning, "", *rows, *([""] if rows else [])])


def _unset(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default.value if isinstance(field.default, Enum) else field.default
    return f"`{value}`" if value not in (None, "") and field.default_factory is None else ""


def _modules(room: ModuleType, *, name: str) -> Iterator[ModuleType]:
    found = (entry.name for entry in pkgutil.walk_packages(room.__path__, f"{room.__name__}."))
    for module in sorted(found):
        if module.endswith(f".{name}"):
            yield importlib.import_module(module)


def _slug(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name)).replace(" ", "")


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        sys.stdout.write(f"{path}\n")
