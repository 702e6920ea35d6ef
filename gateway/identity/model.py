"""Who may call: bearer tokens, kept only as hashes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from kernel.ids import TenantId
from kernel.tables import Base

_STANDING = sql("revoked_at IS NULL")


class ApiToken(Base):
    """One caller of one tenant; the platform's stock, because a token is looked up before its tenant is known."""

    __tablename__ = "api_token"
    __table_args__ = (
        Index("uq_api_token_name", "tenant", "name", unique=True, sqlite_where=_STANDING, postgresql_where=_STANDING),
    )
    hash: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[TenantId]
    name: Mapped[str]
    roles: Mapped[list[Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
