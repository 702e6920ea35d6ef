"""Specifications applied, kept as immutable versions, and found again by the hash that an order pinned."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import yaml

from kernel import versions
from kernel.errors import NotFound
from kernel.work import SystemWork, Unit, Work
from oss.specs import check, source
from oss.specs.model import Specification

KIND = "spec"
_CACHED = 256
"""Versions kept parsed in one process: more than any operator runs side by side."""

_by_hash: dict[str, Specification] = {}
_lock = threading.Lock()


def apply(work: Work | SystemWork, path_or_text: Path | str) -> Specification:
    """Check a specification and store it as the next version; the same content changes nothing.

    A Path is read; text is taken as YAML. Raises Invalid, which names file, line and place.
    """
    spec = load(path_or_text)
    versions.apply(work, KIND, spec.name, _body(spec), tenant=versions.PLATFORM_TENANT)
    return spec


def load(path_or_text: Path | str) -> Specification:
    """Check a specification without storing it."""
    document = source.read(path_or_text)
    spec = source.checked(Specification, document)
    check.check(spec, document)
    return spec


def get(work: Unit, name: str, hash: str | None = None) -> Specification:  # noqa: A002  (the word of every caller)
    """The specification in force, or the one with that hash. Raises NotFound."""
    return pinned(work, name, hash)[0]


def pinned(work: Unit, name: str, hash: str | None = None) -> tuple[Specification, str]:  # noqa: A002
    """The specification with its hash, to be pinned by who uses it. Raises NotFound."""
    if hash is not None and (cached := _by_hash.get(hash)) is not None:
        return cached, hash
    tenant = versions.PLATFORM_TENANT
    if hash is None:
        version = versions.latest(work, KIND, name, tenant=tenant)
    else:
        version = versions.by_hash(work, KIND, name, hash, tenant=tenant)
    if version is None:
        known = ", ".join(names(work)) or "none yet"
        raise NotFound(f"no specification {name!r}", field="spec", fix=f"apply it first; applied: {known}")
    return _by_hash.get(version.hash) or _parsed(version), version.hash


def names(work: Unit) -> list[str]:
    """Every specification ever applied."""
    return versions.names(work, KIND, tenant=versions.PLATFORM_TENANT)


def show(work: Unit, name: str, hash: str | None = None) -> str:  # noqa: A002
    """The specification as YAML that, applied again, is the same version."""
    return str(yaml.safe_dump(_body(get(work, name, hash)), sort_keys=False, allow_unicode=True))


def _body(spec: Specification) -> dict[str, Any]:
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _parsed(version: versions.Version) -> Specification:
    spec = Specification.model_validate(version.body)
    with _lock:
        while len(_by_hash) >= _CACHED:
            del _by_hash[next(iter(_by_hash))]
        return _by_hash.setdefault(version.hash, spec)
