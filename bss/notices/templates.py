"""The wording of notices, read from config/notices: one file per template, a subject and a body with {names}."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from kernel.errors import Invalid

VALUE_LENGTH = 500
"""A parameter longer than that is no name, amount or date."""


@dataclass(frozen=True, slots=True)
class Template:
    """One wording and the names it needs."""

    name: str
    subject: str
    body: str

    def names(self) -> set[str]:
        """The parameters it needs."""
        parts = (*string.Formatter().parse(self.subject), *string.Formatter().parse(self.body))
        return {name for _, name, _, _ in parts if name}

    def render(self, params: Mapping[str, str]) -> tuple[str, str]:
        """Subject and body; Invalid names a missing parameter. Control characters never reach a message."""
        if missing := sorted(self.names() - params.keys()):
            raise Invalid(f"template {self.name} needs {', '.join(missing)}", field="params")
        clean = {name: _clean(name, value) for name, value in params.items()}
        return self.subject.format_map(clean), self.body.format_map(clean)


def _clean(name: str, value: str) -> str:
    text = str(value)
    if len(text) > VALUE_LENGTH:
        raise Invalid(f"{name} is longer than {VALUE_LENGTH} characters", field="params")
    return "".join(c if c.isprintable() else " " for c in text)


@cache
def installed() -> Mapping[str, Template]:
    """Every template that came with the product."""
    folder = resources.files("config") / "notices"
    found = {}
    for entry in folder.iterdir():
        if entry.name.endswith(".yaml"):
            name = entry.name.removesuffix(".yaml")
            body = yaml.safe_load(entry.read_text(encoding="utf-8"))
            found[name] = Template(name, body["subject"], body["body"])
    return found


def get(name: str) -> Template:
    """A template; Invalid lists the ones there are."""
    try:
        return installed()[name]
    except KeyError:
        known = ", ".join(sorted(installed()))
        raise Invalid(f"no notice template {name!r}", field="template", fix=f"one of {known}") from None
