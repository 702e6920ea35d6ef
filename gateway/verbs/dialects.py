"""Dialects looked at before they are applied."""

from __future__ import annotations

from pydantic import Field

from adapters.elements import dialects, samples
from gateway.verbs.core import Asks, Desk, Gives, edging
from gateway.verbs.documents import SOURCE_LIMIT
from kernel.errors import Invalid


class DialectAsked(Asks):
    """A dialect's text; `source` is what errors call it, `samples` are values to be said instead of made-up ones."""

    text: str = Field(max_length=SOURCE_LIMIT)
    source: str = "text"
    samples: dict[str, str] = Field(default_factory=dict)


class SampleGiven(Gives):
    """One intent's made-up command: what would set it, and what would take it away."""

    intent: str
    key: str
    state: dict[str, str | int | bool | None]
    words: list[str]
    removal: list[str]


class DialectChecked(Gives):
    """A dialect that is in order; `hash` is the version that applying it would store."""

    dialect: str
    protocol: str
    vendor: str
    hash: str
    samples: list[SampleGiven]


@edging("dialect.check", "/dialects/check")
async def check(desk: Desk, asked: DialectAsked) -> DialectChecked:
    """Check a dialect's text and say a sample command of each intent; nothing is stored or sent."""
    source = dialects.parse(asked.text, name=asked.source)
    known = {"key"} | {field for intent in source.dialect.intents.values() for field in intent.fields}
    for name in sorted(asked.samples.keys() - known):
        raise Invalid(f"no intent has a field {name!r}", field="samples", fix=f"one of {', '.join(sorted(known))}")
    found = await samples.said(source, given=asked.samples)
    return DialectChecked(
        dialect=source.dialect.dialect,
        protocol=source.dialect.protocol,
        vendor=source.dialect.vendor,
        hash=source.hash,
        samples=[SampleGiven.model_validate(each) for each in found],
    )
