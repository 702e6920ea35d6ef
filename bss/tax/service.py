"""The tax table of a tenant: applied from files as immutable versions, read when a document is quoted."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from bss.tax.table import Table
from kernel import versions
from kernel.errors import Invalid
from kernel.work import Work

KIND = "tax"
SOURCE_LIMIT = 1_000_000
"""Bytes of one file: every rate of every state with its history fits many times over."""


def apply(work: Work, source: Path | str, *, name: str | None = None) -> versions.Version:
    """Store a file's rows and areas as the next version of its name; Invalid names the entry that is wrong."""
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    if len(text) > SOURCE_LIMIT:
        raise Invalid(f"more than {SOURCE_LIMIT} bytes", field="source", fix="split it by jurisdiction")
    body = _document(text)
    title = name or (source.stem if isinstance(source, Path) else "table")
    _table([body])
    others = [
        version.body
        for other in versions.names(work, KIND, tenant=work.tenant)
        if other != title and (version := versions.latest(work, KIND, other, tenant=work.tenant)) is not None
    ]
    _table([*others, body])
    return versions.apply(work, KIND, title, body, tenant=work.tenant)


def table(work: Work) -> Table:
    """The table in force for this tenant, from the latest version of each name; empty when none was applied."""
    found = [
        versions.latest(work, KIND, name, tenant=work.tenant) for name in versions.names(work, KIND, tenant=work.tenant)
    ]
    return _table([version.body for version in found if version is not None])


def installed() -> dict[str, str]:
    """The tables that came with the product (config/tax): name to text, ready for `apply`."""
    folder = resources.files("config") / "tax"
    return {
        entry.name.removesuffix(".yaml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def _document(text: str) -> dict[str, Any]:
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else "somewhere"
        raise Invalid(f"{where}: not YAML", field="source", fix="mend the syntax there") from None
    if not isinstance(body, dict):
        raise Invalid("a tax table is a mapping with rows and areas", field="source")
    return body


def _table(bodies: list[dict[str, Any]]) -> Table:
    rows = [row for body in bodies for row in body.get("rows", [])]
    areas = [area for body in bodies for area in body.get("areas", [])]
    unknown = {key for body in bodies for key in body} - {"rows", "areas"}
    if unknown:
        raise Invalid(f"unknown entry {', '.join(sorted(unknown))}", field="source", fix="rows and areas only")
    content = {"rows": rows, "areas": areas}
    try:
        return Table.model_validate({**content, "hash": versions.digest(content)})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "table"
        raise Invalid(first["msg"], field=place, fix="see config/tax for the shape") from None
