"""The catalogue in force: files are applied as immutable versions, orders pin the hash they were sold at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from bss.catalog import source
from bss.catalog.model import Offering
from kernel import versions
from kernel.errors import Invalid, NotFound
from kernel.versions import Version
from kernel.work import Work
from oss.specs import service as specs
from oss.specs.model import Specification
from oss.specs.source import Document

KIND = "catalog"
NAMED = 20
"""An error lists so many known offerings at most."""


def apply(work: Work, path_or_text: Path | str, *, name: str = "text") -> list[Version]:
    """Check a file whole and store each offering as its next version; the same content changes nothing.

    Raises Invalid with file and line: an unknown field, a bad amount, a missing currency or specification, a cycle.
    """
    catalogue, document = source.read(path_or_text, name=name)
    for index, offering in enumerate(catalogue.offerings):
        _check_specification(work, offering, document, index)
    _check_relations(work, catalogue.offerings, document)
    return [
        versions.apply(work, KIND, offering.code, offering.stored(), tenant=work.tenant)
        for offering in catalogue.offerings
    ]


def offering(work: Work, code: str, hash: str | None = None) -> Offering:  # noqa: A002  (the word of every caller)
    """The offering in force, or the version with that hash; Invalid names the known ones."""
    version = (
        versions.latest(work, KIND, code, tenant=work.tenant)
        if hash is None
        else versions.by_hash(work, KIND, code, hash, tenant=work.tenant)
    )
    if version is None:
        raise Invalid(f"unknown offering {code!r}", field="offering", fix=_known(work))
    return _parsed(version)


def offerings(work: Work) -> list[Offering]:
    """Every offering in force, by code."""
    return [offering(work, code) for code in versions.names(work, KIND, tenant=work.tenant)]


def show(work: Work, code: str) -> str:
    """An offering as YAML that can be applied again without changing it."""
    body: dict[str, Any] = offering(work, code).stored()
    return yaml.safe_dump({"offerings": [body]}, sort_keys=False, allow_unicode=True)


def _parsed(version: Version) -> Offering:
    return Offering.model_validate({**version.body, "hash": version.hash})


def _known(work: Work) -> str:
    names = versions.names(work, KIND, tenant=work.tenant)
    if not names:
        return "no offering is known yet: apply a catalogue first"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"known: {', '.join(names[:NAMED])}{more}"


def _check_specification(work: Work, offering: Offering, document: Document, index: int) -> None:
    place = ("offerings", index, "specification")
    try:
        specification = specs.get(work, offering.specification)
    except NotFound as error:
        raise document.wrong(place, error.message, fix=error.fix) from error
    components = [component.name for component in specification.components]
    for price_index, price in enumerate(offering.prices):
        if price.pays_for is not None and price.pays_for not in components:
            message = f"{price.pays_for!r} is no component of {specification.name}"
            fix = f"it has {', '.join(components)}"
            raise document.wrong(("offerings", index, "prices", price_index, "paysFor"), message, fix=fix)
        if price.allowance is not None and price.allowance.rate is not None:
            try:
                specification.check_throttle(price.allowance.rate)
            except Invalid as error:
                at = ("offerings", index, "prices", price_index, "allowance", "rate")
                raise document.wrong(at, error.message, fix=error.fix) from error
    _check_characteristics(offering, specification, document, index)


def _check_characteristics(offering: Offering, specification: Specification, document: Document, index: int) -> None:
    """What the offering fixes must be sayable; what it leaves open is given with each order."""
    for name, value in offering.characteristics.items():
        place = ("offerings", index, "characteristics", name)
        grammar = specification.characteristics.get(name)
        if grammar is None:
            known = ", ".join(sorted(specification.characteristics)) or "none"
            raise document.wrong(place, f"is no characteristic of {specification.name}", fix=f"it knows {known}")
        if not re.fullmatch(grammar, value):
            raise document.wrong(place, f"{value!r} cannot be said of {specification.name}", fix=f"match {grammar}")


def _check_relations(work: Work, new: tuple[Offering, ...], document: Document) -> None:
    relations = {stored.code: stored.requires for stored in offerings(work)}
    relations |= {offering.code: offering.requires for offering in new}
    for index, offering in enumerate(new):
        for field in ("requires", "excludes"):
            for position, code in enumerate(getattr(offering, field)):
                if code not in relations:
                    place = ("offerings", index, field, position)
                    raise document.wrong(place, f"no offering is called {code!r}", fix="add it, or correct the name")
        if set(offering.requires) & set(offering.excludes):
            raise document.wrong(("offerings", index, "excludes"), "it excludes what it requires", fix="drop one")
    circle = source.cycle(relations)
    if circle:
        index = next(i for i, offering in enumerate(new) if offering.code in circle)
        message = f"each needs the next before it: {' > '.join(circle)}"
        raise document.wrong(("offerings", index, "requires"), message, fix="break the circle")
