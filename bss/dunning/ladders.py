"""The ladders in force: files are applied as immutable versions, a case pins the one it began with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bss.dunning.ladder import Ladder
from bss.notices import templates
from kernel import versions
from kernel.errors import Invalid, NotFound
from kernel.versions import Version
from kernel.work import Work
from oss.specs import source
from oss.specs.source import Document

KIND = "ladder"
STANDARD = "standard"
"""The ladder that every account climbs."""


def apply(work: Work, path_or_text: Path | str, *, name: str = "text") -> Version:
    """Check a ladder and store it as the next version; the same content changes nothing.

    Raises Invalid with file, line and place.
    """
    document = source.read(path_or_text, name=name)
    ladder = source.checked(Ladder, document)
    for place, message in ladder.faults():
        raise document.wrong(place, message)
    for number, rung in enumerate(ladder.rungs):
        _known(rung.template, document, ("rungs", number, "template"))
    if ladder.cured is not None:
        _known(ladder.cured, document, ("cured",))
    return versions.apply(work, KIND, ladder.name, _body(ladder), tenant=work.tenant)


def get(work: Work, name: str, hash: str | None = None) -> Ladder:  # noqa: A002  (the word of every caller)
    """The ladder in force, or the version with that hash. Raises NotFound."""
    return pinned(work, name, hash)[0]


def pinned(work: Work, name: str, hash: str | None = None) -> tuple[Ladder, str]:  # noqa: A002
    """A ladder with its hash, to be pinned by a case. Raises NotFound."""
    if hash is None:
        version = versions.latest(work, KIND, name, tenant=work.tenant)
    else:
        version = versions.by_hash(work, KIND, name, hash, tenant=work.tenant)
    if version is None:
        known = ", ".join(versions.names(work, KIND, tenant=work.tenant)) or "none yet"
        raise NotFound(f"no ladder {name!r}", field="ladder", fix=f"apply it first; applied: {known}")
    return Ladder.model_validate(version.body), version.hash


def show(work: Work, name: str) -> str:
    """A ladder as YAML that, applied again, is the same version."""
    return str(yaml.safe_dump(_body(get(work, name)), sort_keys=False, allow_unicode=True))


def _body(ladder: Ladder) -> dict[str, Any]:
    return ladder.model_dump(mode="json", exclude_none=True)


def _known(template: str, document: Document, place: tuple[str | int, ...]) -> None:
    try:
        templates.get(template)
    except Invalid as error:
        raise document.wrong(place, error.message, fix=error.fix) from error
