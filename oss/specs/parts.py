"""What every document of the network side is made of: names, grammars, parts that do not change."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kernel.errors import Invalid
from kernel.time import duration

_NAME = r"^[a-z][a-zA-Z0-9_-]{0,63}$"

Name = Annotated[str, Field(pattern=_NAME)]


def _grammar(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


def _length(text: str) -> str:
    try:
        duration(text)
    except Invalid as error:
        raise ValueError(f"{error.message}: {error.fix}") from error
    return text


Grammar = Annotated[str, AfterValidator(_grammar)]
"""A regular expression that a wanted value must match as a whole."""
Length = Annotated[str, AfterValidator(_length)]
"""A length of business time: 90s, 30m, 2h, 5d."""


class Frozen(BaseModel):
    """A document's part: no unknown field, no change."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
