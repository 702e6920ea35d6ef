"""Tokens made, looked up and revoked; the token itself is shown once and never stored."""

from __future__ import annotations

import getpass
import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from gateway.identity import roles as roles_
from gateway.identity.model import ApiToken
from gateway.outcomes import Unauthenticated
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import TenantId
from kernel.work import Actor, Unit, Work

BYTES = 32
"""Random bytes of a token: nobody guesses it, so a plain hash is enough to keep it by."""
DAYS_LIMIT = 3650
"""A longer life is none: leave it out."""
_MARK = "tl_"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_WRONG = "create one with `trunkline token create` and give it as TRUNKLINE_TOKEN"


class Caller(NamedTuple):
    """Whoever a token stands for."""

    tenant: TenantId
    actor: Actor


def create(work: Work, *, name: str, roles: Iterable[str], days: int | None = None) -> tuple[str, ApiToken]:
    """A new token of the Work's tenant, with its row; only now is the token itself to be had."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no name", field="name", fix="1 to 64 small letters, digits, dots or dashes")
    if days is not None and not 1 <= days <= DAYS_LIMIT:
        raise Invalid(f"{days} days", field="days", fix=f"1 to {DAYS_LIMIT}, or none for no end")
    if _named(work, name) is not None:
        raise Conflict(f"there is a token {name!r}", field="name", fix="revoke it first, or take another name")
    token = _MARK + secrets.token_urlsafe(BYTES)
    row = ApiToken(
        hash=_digest(token),
        tenant=work.tenant,
        name=name,
        roles=sorted(roles_.check(roles)),
        created_at=work.now,
        created_by=work.actor.name,
        expires_at=None if days is None else work.now + timedelta(days=days),
        revoked_at=None,
    )
    work.session.add(row)
    work.audit("token.created", name, {"roles": row.roles})
    return token, row


def revoke(work: Work, name: str) -> ApiToken:
    """Let a token stand for nobody any more. Raises NotFound."""
    row = _named(work, name)
    if row is None:
        raise NotFound(f"no token {name!r}", field="name", fix="trunkline token list")
    row.revoked_at = row.revoked_at or work.now
    work.audit("token.revoked", name)
    return row


def listed(work: Work) -> list[ApiToken]:
    """Every token of the tenant, by name."""
    query = sa.select(ApiToken).where(ApiToken.tenant == work.tenant).order_by(ApiToken.name)
    return list(work.session.scalars(query))


def caller(work: Unit, token: str, *, now: datetime) -> Caller:
    """Whom a token stands for at a real instant. Raises Unauthenticated, always in the same words."""
    row = work.session.get(ApiToken, _digest(token))
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise Unauthenticated("the token does not hold", field="Authorization", fix=_WRONG)
    return Caller(row.tenant, Actor(f"token:{row.name}", frozenset(str(role) for role in row.roles)))


def bearer(header: str | None) -> str:
    """The token of an Authorization header. Raises Unauthenticated."""
    kind, _, token = (header or "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no bearer token", field="Authorization", fix=_WRONG)
    return token.strip()


def local(tenant: TenantId) -> Caller:
    """Whoever opens the database itself with its master key: the machine's user, with every role."""
    return Caller(tenant, Actor(f"cli:{_user()}", frozenset({"admin"})))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # a container may run under a number that has no name


def _named(work: Work, name: str) -> ApiToken | None:
    query = sa.select(ApiToken).where(ApiToken.tenant == work.tenant, ApiToken.name == name)
    return work.session.scalars(query.where(ApiToken.revoked_at.is_(None))).one_or_none()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
