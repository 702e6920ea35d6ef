"""Text with `{names}`: which names it asks for, and what it becomes when they are known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

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
    try:
        return "".join([values[part] if named else part for named, part in _parts(text)])
    except KeyError as missing:
        raise Invalid(f"{text!r} needs a value for it", field=missing.args[0], fix="reserve or give it first") from None


@lru_cache(maxsize=4_096)
def _parts(text: str) -> tuple[tuple[bool, str], ...]:
    """What stands in a text, and of each part whether it is a name."""
    found = enumerate(_NAME.split(text))
    return tuple((nth % 2 == 1, part) for nth, part in found if part)
