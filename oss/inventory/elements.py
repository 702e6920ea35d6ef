"""The network's elements as applied: how each is reached, in which dialect, and whether it may be spoken to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr

from kernel import versions
from kernel.errors import Invalid, NotFound
from kernel.time import zone
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork, Unit, Work
from oss.inventory import store
from oss.inventory.machine import ELEMENT, ElementMove
from oss.inventory.model import Differs, Element
from oss.port import ElementSpec
from oss.specs import source
from oss.specs.parts import Frozen
from oss.specs.source import Document, Place

KIND, DIALECT = "element", "dialect"
_FACT = re.compile(r"^\$\{([a-zA-Z0-9_.-]+)\}$")

ElementName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_./-]{0,127}$")]
"""The name of a secret in the store; what does not look like a name may be the secret itself, and is refused."""


def _zone(name: str) -> str:
    try:
        zone(name)
    except Invalid as error:
        raise ValueError(f"{error.message}: {error.fix}") from error
    return name


Zone = Annotated[str, AfterValidator(_zone)]
"""The IANA name of the zone in which an element's windows are meant."""


class ElementDocument(Frozen):
    """One element of a file; `lane` is the owner of its sessions, by default itself.

    `slots` and `per_s` are the commands that it bears at once and a second, whoever sends them; `zone` is that of its
    windows; `differs` is what is done when it is not as it was left: overwrite, hold or adopt.
    """

    name: ElementName
    protocol: Annotated[str, Field(min_length=1)]
    lane: ElementName | None = None
    role: Annotated[str, Field(min_length=1)]
    dialect: str = ""
    slots: Annotated[StrictInt, Field(ge=1, le=10_000)] | None = None
    per_s: Annotated[StrictInt, Field(ge=1, le=100_000)] | None = None
    address: dict[str, StrictBool | StrictInt | StrictStr | None] = Field(default_factory=dict)
    credentials: dict[str, Reference] = Field(default_factory=dict)
    zone: Zone = "UTC"
    differs: Differs = Differs.OVERWRITE


class ElementsFile(Frozen):
    """A file of elements."""

    elements: Annotated[tuple[ElementDocument, ...], Field(min_length=1)]


def load(path_or_text: Path | str, *, facts: Mapping[str, Any] | None = None) -> list[ElementDocument]:
    """Read a file of elements; `${hlr.port}` as a whole value is looked up in `facts`, level by level.

    Raises Invalid, which names file, line and place.
    """
    document = source.read(path_or_text)
    document = replace(document, content=_told(document, (), document.content, facts or {}))
    found = source.checked(ElementsFile, document).elements
    for position, element in enumerate(found):
        if element.name in [before.name for before in found[:position]]:
            place: Place = ("elements", position, "name")
            raise document.wrong(place, f"{element.name!r} stands twice", fix="name each element differently")
    return list(found)


def apply(work: Work | SystemWork, document: ElementDocument) -> Element:
    """Store an element as its next version and make it the one in force. Raises Invalid for an unknown dialect."""
    dialect_hash = _dialect_hash(work, document)
    body = document.model_dump(mode="json")
    version = versions.apply(work, KIND, document.name, body, tenant=PLATFORM_TENANT)
    element = store.element(work, document.name)
    if element is None:
        element = Element(name=document.name, state=ELEMENT.initial)
        work.session.add(element)
    element.protocol, element.role = document.protocol, document.role
    element.lane = document.lane or document.name
    element.address, element.credentials = dict(document.address), dict(document.credentials)
    element.slots, element.per_s = document.slots, document.per_s
    element.dialect, element.version = document.dialect, version.hash
    element.dialect_hash, element.zone, element.differs = dialect_hash, document.zone, document.differs
    work.session.flush()
    return element


def apply_dialect(work: Work | SystemWork, body: Mapping[str, Any]) -> str:
    """Store a dialect as its next version, which its elements speak from the next command on; its hash.

    What it says is checked where it is spoken, not here.
    """
    name = body.get(DIALECT)
    if not isinstance(name, str) or not name:
        raise Invalid("has no name", field=DIALECT, fix="begin it with dialect: <name>")
    version = versions.apply(work, DIALECT, name, dict(body), tenant=PLATFORM_TENANT)
    for element in store.elements(work):
        if element.dialect == name:
            element.dialect_hash = version.hash
    return version.hash


def get(work: Unit, name: str) -> Element:
    """One element. Raises NotFound, which lists the known ones."""
    element = store.element(work, name)
    if element is None:
        known = ", ".join(row.name for row in store.elements(work)) or "none"
        raise NotFound(f"no element {name!r}", field="element", fix=f"applied are: {known}")
    return element


def all(work: Unit) -> list[Element]:  # noqa: A001  (read as elements.all)
    """Every element, by name."""
    return store.elements(work)


def spec(work: Unit, name: str, *, dialect_hash: str | None = None) -> ElementSpec:
    """What an adapter needs to reach an element, with the dialect in force or the pinned one. Raises NotFound."""
    element = get(work, name)
    pinned = dialect_hash if dialect_hash is not None else element.dialect_hash
    words: Mapping[str, object] = {}
    if element.dialect:
        version = versions.by_hash(work, DIALECT, element.dialect, pinned, tenant=PLATFORM_TENANT)
        if version is None:
            message = f"dialect {element.dialect!r} has no version {pinned}"
            raise NotFound(message, field=DIALECT, fix="apply that version of it")
        words = version.body
    return ElementSpec(
        name=element.name,
        protocol=element.protocol,
        address=element.address,
        dialect=words,
        dialect_hash=pinned,
        credentials=element.credentials,
    )


def wary(work: Unit) -> dict[str, Differs]:
    """The elements that are looked at before each command, and what a difference means there."""
    return {row.name: row.differs for row in store.elements(work) if row.differs is not Differs.OVERWRITE}


def said_once(work: Unit, name: str, intent: str, *, dialect_hash: str) -> bool:
    """Whether an intent is one that must not be repeated (a top-up, a reboot), by the dialect a task pinned."""
    row = store.element(work, name)
    if row is None or not row.dialect:
        return False
    version = versions.by_hash(work, DIALECT, row.dialect, dialect_hash, tenant=PLATFORM_TENANT)
    told: Any = {} if version is None else version.body.get("intents", {}).get(intent, {})
    return bool(told.get("repeats") == "once")


def withdraw(work: Work | SystemWork, name: str) -> Element:
    """Keep commands from an element on which somebody works."""
    return _move(work, name, ElementMove.WITHDRAW)


def reinstate(work: Work | SystemWork, name: str) -> Element:
    """Let commands reach it again."""
    return _move(work, name, ElementMove.REINSTATE)


def _move(work: Work | SystemWork, name: str, move: ElementMove) -> Element:
    element = get(work, name)
    element.state = ELEMENT.after(element.state, move)
    work.audit(str(move), f"{KIND}/{name}")
    return element


def _dialect_hash(work: Unit, document: ElementDocument) -> str:
    if not document.dialect:
        return ""
    version = versions.latest(work, DIALECT, document.dialect, tenant=PLATFORM_TENANT)
    if version is None:
        known = ", ".join(versions.names(work, DIALECT, tenant=PLATFORM_TENANT)) or "none"
        message = f"{document.name} speaks {document.dialect!r}, which was never applied"
        raise Invalid(message, field=DIALECT, fix=f"apply it first; applied are: {known}")
    return version.hash


def _told(document: Document, place: Place, value: Any, facts: Mapping[str, Any]) -> Any:
    """The content with each `${a.b}` replaced by that fact."""
    if isinstance(value, dict):
        return {key: _told(document, (*place, key), item, facts) for key, item in value.items()}
    if isinstance(value, list):
        return [_told(document, (*place, nth), item, facts) for nth, item in enumerate(value)]
    match = _FACT.match(value) if isinstance(value, str) else None
    if match is None:
        return value
    found: Any = facts
    for part in match[1].split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise document.wrong(place, f"nobody tells {match[1]}", fix="give it, or write the value itself")
        found = found[part]
    return found
