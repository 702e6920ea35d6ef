"""Tokens and secrets."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from gateway.identity import service as identity
from gateway.verbs.core import Asks, Desk, Gives, Nothing, Page, edging, reading, writing
from kernel.errors import Invalid
from kernel.secrets import Secret
from kernel.work import Work

SECRET_LIMIT = 65_536
"""Characters of one secret at most: a long private key has a tenth."""


class TokenAsked(Asks):
    """A caller and its roles."""

    name: str
    roles: list[str] = Field(min_length=1)
    days: int | None = None


class TokenNamed(Asks):
    """One token."""

    name: str


class TokenGiven(Gives):
    """A caller; the token itself is not kept."""

    name: str
    roles: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


class NewToken(TokenGiven):
    """A caller and its token, which is shown now and never again."""

    token: str


class SecretAsked(Asks):
    """A value to be sealed under a name."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_./-]{0,127}$")
    value: str = Field(min_length=1, max_length=SECRET_LIMIT, repr=False)


class SecretGiven(Gives):
    """That it is sealed; no verb gives a secret back."""

    name: str


@writing("token.create", "/tokens", status=201)
def create_token(work: Work, asked: TokenAsked) -> NewToken:
    """Make a bearer token for some roles; it is shown once."""
    token, row = identity.create(work, name=asked.name, roles=asked.roles, days=asked.days)
    return NewToken(token=token, **TokenGiven.model_validate(row).model_dump())


@reading("token.list", "/tokens")
def list_tokens(work: Work, asked: Nothing) -> Page[TokenGiven]:
    """Every token of the tenant, without the tokens themselves."""
    found = [TokenGiven.model_validate(row) for row in identity.listed(work)]
    return Page(items=found, total=len(found))


@writing("token.revoke", "/tokens/{name}/revoke")
def revoke_token(work: Work, asked: TokenNamed) -> TokenGiven:
    """Let a token stand for nobody any more."""
    return TokenGiven.model_validate(identity.revoke(work, asked.name))


@edging("secret.put", "/secrets")
async def put_secret(desk: Desk, asked: SecretAsked) -> SecretGiven:
    """Seal a value under a name; it replaces the one before."""
    if "\x00" in asked.value:
        raise Invalid("a secret is text", field="value", fix="encode it, as in base64")

    def put(work: Work) -> SecretGiven:
        desk.gateway.vault.put(work, asked.name, Secret(asked.value))
        work.audit("secret.put", asked.name)
        return SecretGiven(name=asked.name)

    return await desk.run(put)
