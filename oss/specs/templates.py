"""Text with `{names}`: which names it asks for, and what it becomes when they are known."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kernel.errors import Invalid
from oss.port import Value

_NAME = re.compile(r"\{([a-zA-Z][a-zA-Z0-9_-]*)\}")


def names(text: Value) -> set[str]:
    """The names a text asks for; Invalid when a brace stands alone. Anything but text asks for none."""
    if not isinstance(text, str):
        return set()
    if {"{", "}"} & set(_NAME.sub("", text)):
        raise Invalid(f"{text!r} has a brace that names nothing", field="template", fix="write {name}")
    return set(_NAME.findall(text))


def filled(text: Value, values: Mapping[str, str]) -> Value:
    """The text with every name replaced by its value; anything but text as it is. Raises Invalid for a missing one."""
    if not isinstance(text, str) or "{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        try:
            return values[match[1]]
        except KeyError:
            raise Invalid(f"{text!r} needs a value for it", field=match[1], fix="reserve or give it first") from None

    return _NAME.sub(value, text)
