"""Files are sources, the database is the truth: documents applied as immutable versions, and shown as they were."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import yaml
from pydantic import Field

from adapters.elements import dialects
from bss.catalog import service as catalog
from bss.dunning import ladders
from bss.tax import service as tax
from gateway.verbs.core import Asks, Gives, Nothing, Page, Verb, reading, writing
from kernel import versions
from kernel.errors import Invalid, NotFound
from kernel.ids import TenantId
from kernel.versions import PLATFORM_TENANT, Version
from kernel.work import Work
from oss.inventory import elements
from oss.orders import retries
from oss.specs import service as specs

SOURCE_LIMIT = 4_000_000
"""Characters of one document at most, as in oss.specs.source."""
_NAMELESS = "text"
"""What a reader calls text that came without a file."""


class DocumentAsked(Asks):
    """A file's text; `source` is what errors call it, `facts` what `${...}` in it stands for."""

    text: str = Field(max_length=SOURCE_LIMIT)
    source: str = _NAMELESS
    facts: dict[str, dict[str, object]] = Field(default_factory=dict)


class DocumentNamed(Asks):
    """One document by name."""

    name: str


class VersionGiven(Gives):
    """A version that is in force now."""

    kind: str
    name: str
    number: int
    hash: str


class DocumentGiven(VersionGiven):
    """A document in force; `text` applied again changes nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of document: whose its versions are, how a text is applied and how it is shown."""

    name: str
    kind: str
    collection: str
    apply: Callable[[Work, DocumentAsked], Sequence[str]]
    show: Callable[[Work, str], str] | None
    platform: bool

    def tenant(self, work: Work) -> TenantId:
        """Whose the versions are."""
        return PLATFORM_TENANT if self.platform else work.tenant


def _catalog(work: Work, asked: DocumentAsked) -> Sequence[str]:
    return [version.name for version in catalog.apply(work, asked.text, name=asked.source)]


def _spec(work: Work, asked: DocumentAsked) -> Sequence[str]:
    return [specs.apply(work, asked.text).name]


def _dialect(work: Work, asked: DocumentAsked) -> Sequence[str]:
    found = dialects.parse(asked.text, name=asked.source)
    elements.apply_dialect(work, found.document)
    return [str(found.document["dialect"])]


def _ladder(work: Work, asked: DocumentAsked) -> Sequence[str]:
    return [ladders.apply(work, asked.text, name=asked.source).name]


def _tax(work: Work, asked: DocumentAsked) -> Sequence[str]:
    stem = asked.source.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    return [tax.apply(work, asked.text, name=stem or "table").name]


def _element(work: Work, asked: DocumentAsked) -> Sequence[str]:
    documents = elements.load(asked.text, facts=asked.facts)
    return [elements.apply(work, document).name for document in documents]


def _retry(work: Work, asked: DocumentAsked) -> Sequence[str]:
    return [retries.apply(work, asked.text, name=asked.source).name]


NOUNS = (
    Noun("catalog", catalog.KIND, "catalog", _catalog, catalog.show, platform=False),
    Noun("spec", specs.KIND, "specs", _spec, specs.show, platform=True),
    Noun("dialect", elements.DIALECT, "dialects", _dialect, None, platform=True),
    Noun("element", elements.KIND, "elements", _element, None, platform=True),
    Noun("ladder", ladders.KIND, "ladders", _ladder, ladders.show, platform=False),
    Noun("retry", retries.KIND, "retries", _retry, retries.show, platform=True),
    Noun("tax", tax.KIND, "tax", _tax, None, platform=False),
)


def _applying(noun: Noun) -> Verb[DocumentAsked, Page[VersionGiven]]:
    def apply(work: Work, asked: DocumentAsked) -> Page[VersionGiven]:
        with_file = _named(asked.source)
        try:
            names = noun.apply(work, asked)
        except Invalid as error:
            raise with_file(error) from error
        found = [VersionGiven.model_validate(_latest(work, noun, name)) for name in names]
        return Page(items=found, total=len(found))

    article = "an" if noun.name[0] in "aeiou" else "a"
    apply.__doc__ = (
        f"Apply {article} {noun.name} file: checked whole, stored as the next version where it says something new."
    )
    return writing(f"{noun.name}.apply", f"/{noun.collection}")(apply)


def _showing(noun: Noun) -> Verb[DocumentNamed, DocumentGiven]:
    def show(work: Work, asked: DocumentNamed) -> DocumentGiven:
        version = _latest(work, noun, asked.name)
        text = _yaml(noun, version) if noun.show is None else noun.show(work, asked.name)
        fields = VersionGiven.model_validate(version).model_dump()
        return DocumentGiven(text=text, **fields)

    show.__doc__ = f"The {noun.name} document in force, as YAML that can be applied again."
    return reading(f"{noun.name}.show", f"/{noun.collection}/{{name}}")(show)


def _listing(noun: Noun) -> Verb[Nothing, Page[VersionGiven]]:
    def listed(work: Work, asked: Nothing) -> Page[VersionGiven]:
        names = versions.names(work, noun.kind, tenant=noun.tenant(work))
        found = [VersionGiven.model_validate(_latest(work, noun, name)) for name in names]
        return Page(items=found, total=len(found))

    listed.__doc__ = f"Every {noun.name} document in force, by name."
    return reading(f"{noun.name}.list", f"/{noun.collection}")(listed)


APPLY = {noun.name: _applying(noun) for noun in NOUNS}
SHOW = {noun.name: _showing(noun) for noun in NOUNS}
LIST = {noun.name: _listing(noun) for noun in NOUNS if noun.name != "element"}
"""Elements have a list of their own, with their state."""


def _latest(work: Work, noun: Noun, name: str) -> Version:
    tenant = noun.tenant(work)
    version = versions.latest(work, noun.kind, name, tenant=tenant)
    if version is None:
        known = ", ".join(versions.names(work, noun.kind, tenant=tenant)) or "none yet"
        raise NotFound(f"no {noun.name} {name!r}", field="name", fix=f"applied are: {known}")
    return version


def _yaml(noun: Noun, version: Version) -> str:
    body = {"elements": [version.body]} if noun.name == "element" else version.body
    return str(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))


def _named(source: str) -> Callable[[Invalid], Invalid]:
    """The error with the file's own name in place of a nameless text's."""

    def mended(error: Invalid) -> Invalid:
        told = [re.sub(rf"\b{_NAMELESS}:(?=\d)", f"{source}:", part) for part in (error.field or "", error.message)]
        field = told[0] if source in " ".join(told) else f"{source}: {told[0]}"
        return Invalid(told[1], field=field, fix=error.fix)

    return mended
