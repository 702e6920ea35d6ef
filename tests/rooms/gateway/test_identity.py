"""Tokens and roles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from gateway.identity import roles
from gateway.identity import service as identity
from gateway.outcomes import Unauthenticated
from gateway.verbs.table import VERBS
from kernel.database import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import TenantId
from kernel.work import Actor, Work

T = TypeVar("T")
Do = Callable[[Callable[[Work], T]], T]
NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)


def who(database: Database, token: str, *, now: datetime = NOW) -> identity.Caller:
    """Whom a token stands for."""
    return database.run_system(lambda work: identity.caller(work, token, now=now))


def test_a_token_stands_for_its_tenant_and_roles(database: Database, tenant: TenantId, do: Do[tuple[str, str]]) -> None:
    def made(work: Work) -> tuple[str, str]:
        token, row = identity.create(work, name="batch", roles=["billing", "meter"])
        return token, row.hash

    token, kept = do(made)
    assert who(database, token) == (tenant, Actor("token:batch", frozenset({"billing", "meter"})))
    assert token.startswith("tl_")
    assert len(kept) == 64
    assert token not in kept


def test_a_token_ends(database: Database, do: Do[str]) -> None:
    token = do(lambda work: identity.create(work, name="short", roles=["viewer"], days=1)[0])
    assert who(database, token, now=NOW + timedelta(hours=23)).actor.name == "token:short"
    with pytest.raises(Unauthenticated, match="the token does not hold"):
        who(database, token, now=NOW + timedelta(days=1))


def test_a_revoked_token_stands_for_nobody_and_its_name_is_free(database: Database, do: Do[str]) -> None:
    token = do(lambda work: identity.create(work, name="batch", roles=["viewer"])[0])
    with pytest.raises(Conflict, match="there is a token 'batch'"):
        do(lambda work: identity.create(work, name="batch", roles=["viewer"])[0])
    do(lambda work: identity.revoke(work, "batch").name)
    with pytest.raises(Unauthenticated):
        who(database, token)
    again = do(lambda work: identity.create(work, name="batch", roles=["viewer"])[0])
    assert who(database, again).actor.name == "token:batch"


def test_what_is_wrong_with_a_token_is_named(do: Do[object]) -> None:
    with pytest.raises(Invalid, match="no role 'king'"):
        do(lambda work: identity.create(work, name="x", roles=["king"]))
    with pytest.raises(Invalid, match="a token needs a role"):
        do(lambda work: identity.create(work, name="x", roles=[]))
    with pytest.raises(Invalid, match="0 days"):
        do(lambda work: identity.create(work, name="x", roles=["viewer"], days=0))
    with pytest.raises(Invalid, match="is no name"):
        do(lambda work: identity.create(work, name="No Name", roles=["viewer"]))
    with pytest.raises(NotFound, match="no token 'x'"):
        do(lambda work: identity.revoke(work, "x"))


@pytest.mark.parametrize(
    ("role", "able", "unable"),
    [
        ("admin", "secret.put", None),
        ("operator", "line.restrict", "invoice.credit"),
        ("billing", "invoice.credit", "line.restrict"),
        ("clerk", "order.submit", "token.create"),
        ("meter", "usage.ingest", "invoice.list"),
        ("viewer", "invoice.list", "order.submit"),
    ],
)
def test_a_role_grants_its_verbs_and_no_other(role: str, able: str, unable: str | None) -> None:
    actor = Actor("test:x", frozenset({role}))
    roles.require(actor, able)
    if unable is not None:
        with pytest.raises(Forbidden, match=f"may not {unable}"):
            roles.require(actor, unable)


def test_a_role_that_is_gone_grants_nothing() -> None:
    assert not roles.grants(["king"], "order.show")


def test_only_admins_see_tokens_and_put_secrets() -> None:
    for name in ("token.create", "token.revoke", "secret.put"):
        assert [role for role in roles.known() if roles.grants([role], name)] == ["admin"]


def test_every_grant_is_of_verbs_that_there_are() -> None:
    names = {verb.name for verb in VERBS}
    for role in roles.known().values():
        for pattern in role.grants:
            assert any(roles.fnmatchcase(name, pattern) for name in names), pattern


@pytest.mark.parametrize("header", [None, "", "Bearer ", "Basic abc"])
def test_a_header_without_a_bearer_token_is_refused(header: str | None) -> None:
    with pytest.raises(Unauthenticated, match="no bearer token"):
        identity.bearer(header)
