"""Requests that were answered: a repetition is given the same answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, Tenanted


class AnsweredRequest(Tenanted, Base):
    """One request under its caller's own key, and what it was given; kept as long as what it made."""

    __tablename__ = "answered_request"
    verb: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_hash: Mapped[str]
    answer: Mapped[dict[str, Any]]
    answered_at: Mapped[datetime]
