"""From a reference to a secret's value, at the last moment before it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kernel.errors import TrunklineError, Unreachable


def reveal(credentials: Mapping[str, str], name: str, secrets: Callable[[str], str]) -> str:
    """The value of one credential. Raises Unreachable, which names the credential and never its value."""
    reference = credentials.get(name)
    if reference is None:
        raise Unreachable("the element has no such credential", field=name, fix=f"give credentials.{name} a reference")
    try:
        return secrets(reference)
    except (TrunklineError, LookupError) as error:
        raise Unreachable(
            f"the secret {reference!r} is not in the store", field=name, fix="store the secret, then try again"
        ) from error
