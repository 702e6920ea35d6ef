"""What a role may do: config/roles.yaml grants verbs by name, `line.*` all of a noun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field

from kernel.errors import Forbidden, Invalid
from kernel.work import Actor


class Role(BaseModel):
    """A name for what somebody does in the house, and the verbs that go with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    means: str
    grants: tuple[str, ...] = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: Mapping[str, Role]


@cache
def known() -> Mapping[str, Role]:
    """Every role."""
    text = (resources.files("config") / "roles.yaml").read_text(encoding="utf-8")
    return _File.model_validate(yaml.safe_load(text)).roles


def check(names: Iterable[str]) -> frozenset[str]:
    """Those roles. Raises Invalid for one that nobody defined."""
    wanted = frozenset(names)
    if not wanted:
        raise Invalid("a token needs a role", field="role", fix=f"one of {', '.join(known())}")
    for name in sorted(wanted - known().keys()):
        raise Invalid(f"no role {name!r}", field="role", fix=f"one of {', '.join(known())}")
    return wanted


def grants(roles: Iterable[str], verb: str) -> bool:
    """Whether any of the roles may use a verb; a role that no longer exists grants nothing."""
    patterns = (pattern for role in roles if role in known() for pattern in known()[role].grants)
    return any(fnmatchcase(verb, pattern) for pattern in patterns)


def require(actor: Actor, verb: str) -> None:
    """Let the actor use a verb. Raises Forbidden, which names the verb and the roles that may."""
    if not grants(actor.roles, verb):
        able = ", ".join(name for name in known() if grants([name], verb))
        mine = ", ".join(sorted(actor.roles)) or "no role"
        raise Forbidden(f"{actor.name} ({mine}) may not {verb}", field="role", fix=f"it takes one of {able}")
