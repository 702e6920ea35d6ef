"""Files are sources, the database is the truth: what is applied is stored as an immutable, hashed version."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.ids import TenantId
from kernel.tables import Base, Tenanted
from kernel.work import SystemWork, Unit, Work

PLATFORM_TENANT = TenantId(0)
"""Whose versions the network's data are: specifications, dialects, elements."""


class Version(Tenanted, Base):
    """One applied document; never changed, only followed by a higher number."""

    __tablename__ = "version"
    __table_args__ = (Index("ix_version_hash", "tenant", "kind", "name", "hash"),)
    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str]
    body: Mapped[dict[str, Any]]
    applied_at: Mapped[datetime]
    applied_by: Mapped[str]


def digest(body: dict[str, Any]) -> str:
    """The content hash of a document, the same whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def apply(work: Work | SystemWork, kind: str, name: str, body: dict[str, Any], *, tenant: TenantId) -> Version:
    """Store a document as its next version; the latest one unchanged when it says the same."""
    last = latest(work, kind, name, tenant=tenant)
    sum_ = digest(body)
    if last is not None and last.hash == sum_:
        return last
    version = Version(
        tenant=tenant,
        kind=kind,
        name=name,
        number=1 if last is None else last.number + 1,
        hash=sum_,
        body=body,
        applied_at=work.now,
        applied_by=work.actor.name,
    )
    work.session.add(version)
    work.session.flush()
    work.audit("applied", f"{kind}/{name}", {"number": version.number, "hash": sum_})
    return version


def latest(work: Unit, kind: str, name: str, *, tenant: TenantId) -> Version | None:
    """The version in force, None when nothing of that name was ever applied."""
    return work.session.scalars(_of(kind, name, tenant).order_by(Version.number.desc()).limit(1)).first()


def by_hash(work: Unit, kind: str, name: str, hash_: str, *, tenant: TenantId) -> Version | None:
    """The version with that content, which an order pinned."""
    return work.session.scalars(_of(kind, name, tenant).where(Version.hash == hash_).limit(1)).first()


def names(work: Unit, kind: str, *, tenant: TenantId) -> list[str]:
    """Every name ever applied of a kind, sorted."""
    rows = sa.select(Version.name).where(Version.tenant == tenant, Version.kind == kind).distinct()
    return sorted(work.session.scalars(rows))


def _of(kind: str, name: str, tenant: TenantId) -> sa.Select[Version]:
    return sa.select(Version).where(Version.tenant == tenant, Version.kind == kind, Version.name == name)
