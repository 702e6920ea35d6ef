"""What the network is: services and what restricts them, the platform's stock, identities in time, and evidence."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel.ids import Id, TenantId
from kernel.tables import Base, Tenanted
from oss.inventory.machine import ElementState, ResourceState, ServiceState
from oss.port import Level


class ServiceId(Id, prefix="svc"):
    """One customer-facing service."""


class RestrictionId(Id, prefix="rst"):
    """One reason why a line is not wholly open."""


class ResourceId(Id, prefix="res"):
    """One piece of the stock."""


class SimCardId(Id, prefix="crd"):
    """One card."""


class BindingId(Id, prefix="bnd"):
    """One identity's time with one service."""


class AlarmId(Id, prefix="alm"):
    """One trouble that somebody should look at."""


class AlarmKind(StrEnum):
    """What a trouble is."""

    FALLOUT = "fallout"
    LANE_STALLED = "laneStalled"
    JEOPARDY = "jeopardy"
    PROBE_FAILING = "probeFailing"
    BLAST_RADIUS = "blastRadius"


class Differs(StrEnum):
    """What is done when an element is not as it was left: replace it unseen, stop for a person, or keep the rest."""

    OVERWRITE = "overwrite"
    HOLD = "hold"
    ADOPT = "adopt"


class Role(StrEnum):
    """What a bound identity is to its service."""

    CURRENT = "current"
    NEXT = "next"
    PREVIOUS = "previous"
    SECONDARY = "secondary"


class Service(Tenanted, Base):
    """A customer-facing service: what is wanted of it, and beside that what the network last confirmed.

    `owner` is whoever ordered it, opaque here; `values` are its identities, `elements` who carries each alias, and
    `moving` those that are to replace some of them once the network shows it.
    """

    __tablename__ = "service"
    __table_args__ = (
        Index("ix_service_owner", "tenant", "owner"),
        Index(
            "ix_service_reserved_until",
            "reserved_until",
            "tenant",
            "id",
            sqlite_where=text("reserved_until IS NOT NULL"),
            postgresql_where=text("reserved_until IS NOT NULL"),
        ),
    )
    id: Mapped[ServiceId] = mapped_column(primary_key=True)
    spec: Mapped[str]
    spec_hash: Mapped[str]
    owner: Mapped[str | None]
    state: Mapped[ServiceState]
    protected: Mapped[bool]
    profile: Mapped[dict[str, Any]]
    throttle: Mapped[str | None]
    present: Mapped[bool] = mapped_column(default=True)
    generation: Mapped[int] = mapped_column(default=0)
    confirmed_generation: Mapped[int] = mapped_column(default=0)
    confirmed_intent: Mapped[dict[str, Any] | None]
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    reserved_until: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    terminated_at: Mapped[datetime | None]
    values: Mapped[dict[str, Any]]
    elements: Mapped[dict[str, Any]]
    moving: Mapped[dict[str, Any] | None]


class Restriction(Tenanted, Base):
    """One reason why a service is not wholly open; it is open itself until somebody lifts it."""

    __tablename__ = "restriction"
    __table_args__ = (
        Index("ix_restriction_service", "tenant", "service_id"),
        Index(
            "ix_restriction_until",
            "until",
            "tenant",
            "id",
            sqlite_where=text("lifted_at IS NULL AND until IS NOT NULL"),
            postgresql_where=text("lifted_at IS NULL AND until IS NOT NULL"),
        ),
    )
    id: Mapped[RestrictionId] = mapped_column(primary_key=True)
    service_id: Mapped[ServiceId]
    cause: Mapped[str]
    level: Mapped[Level]
    from_at: Mapped[datetime]
    until: Mapped[datetime | None]
    placed_by: Mapped[str]
    approved_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]


_FREE = text(f"state = '{ResourceState.FREE}'")
_DATED = text("until IS NOT NULL")


class Resource(Base):
    """A piece of the platform's stock: a number, a SIM (by its ICCID), a port, a meter.

    `until` is the end of a reservation or of a quarantine.
    """

    __tablename__ = "resource"
    __table_args__ = (
        UniqueConstraint("pool", "namespace", "value", name="uq_resource_value"),
        Index("ix_resource_free", "pool", "granted_to", "id", sqlite_where=_FREE, postgresql_where=_FREE),
        Index("ix_resource_service", "service_id"),
        Index("ix_resource_until", "until", "id", sqlite_where=_DATED, postgresql_where=_DATED),
        Index(
            "ix_resource_element",
            "element",
            "granted_to",
            "service_id",
            sqlite_where=text("service_id IS NOT NULL"),
            postgresql_where=text("service_id IS NOT NULL"),
        ),
    )
    id: Mapped[ResourceId] = mapped_column(primary_key=True)
    pool: Mapped[str]
    namespace: Mapped[str]
    value: Mapped[str]
    element: Mapped[str | None]
    attributes: Mapped[dict[str, Any]]
    state: Mapped[ResourceState]
    granted_to: Mapped[TenantId | None]
    service_id: Mapped[ServiceId | None]
    until: Mapped[datetime | None]


class SimCard(Base):
    """A card; `eid` when it is an embedded one."""

    __tablename__ = "sim_card"
    id: Mapped[SimCardId] = mapped_column(primary_key=True)
    eid: Mapped[str | None] = mapped_column(unique=True)


class SimProfile(Base):
    """A profile on a card; `key_ref` names its keys in the secret store, which never leave it."""

    __tablename__ = "sim_profile"
    __table_args__ = (Index("ix_sim_profile_card", "card_id"),)
    iccid: Mapped[str] = mapped_column(primary_key=True)
    card_id: Mapped[SimCardId]
    key_ref: Mapped[str | None]


class SimImsi(Base):
    """An IMSI of a profile; position 1 is the one it attaches with first."""

    __tablename__ = "sim_imsi"
    __table_args__ = (UniqueConstraint("iccid", "position", name="uq_sim_imsi_position"),)
    imsi: Mapped[str] = mapped_column(primary_key=True)
    iccid: Mapped[str]
    position: Mapped[int]


class Binding(Base):
    """An identity's time with a service, half-open; while it lasts nobody else on the platform has that identity."""

    __tablename__ = "binding"
    __table_args__ = (
        Index(
            "uq_binding_live",
            "kind",
            "namespace",
            "value",
            unique=True,
            sqlite_where=text("to_at IS NULL"),
            postgresql_where=text("to_at IS NULL"),
        ),
        Index("ix_binding_value", "kind", "value", "from_at"),
        Index("ix_binding_service", "tenant", "service_id"),
    )
    id: Mapped[BindingId] = mapped_column(primary_key=True)
    tenant: Mapped[TenantId]
    service_id: Mapped[ServiceId]
    kind: Mapped[str]
    namespace: Mapped[str]
    value: Mapped[str]
    role: Mapped[Role]
    from_at: Mapped[datetime]
    to_at: Mapped[datetime | None]


class Element(Base):
    """A network element as applied: how it is reached, and the dialect it is spoken to in.

    `credentials` are references into the secret store, `version` is the hash of the applied document. `slots` and
    `per_s` are the commands it bears at once and a second.
    """

    __tablename__ = "element"
    __table_args__ = (Index("ix_element_lane", "lane"),)
    name: Mapped[str] = mapped_column(primary_key=True)
    protocol: Mapped[str]
    lane: Mapped[str]
    role: Mapped[str]
    address: Mapped[dict[str, Any]]
    credentials: Mapped[dict[str, Any]]
    slots: Mapped[int | None]
    per_s: Mapped[int | None]
    dialect: Mapped[str]
    dialect_hash: Mapped[str]
    state: Mapped[ElementState]
    zone: Mapped[str] = mapped_column(default="UTC")
    differs: Mapped[Differs] = mapped_column(default=Differs.OVERWRITE)
    version: Mapped[str]


class Confirmation(Tenanted, Base):
    """The evidence that an element showed a state: append-only, kept as long as what was billed on it."""

    __tablename__ = "confirmation"
    __table_args__ = (Index("ix_confirmation_service", "tenant", "service_id", "at"),)
    order_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    service_id: Mapped[ServiceId]
    element: Mapped[str]
    key: Mapped[str]
    intent: Mapped[str]
    generation: Mapped[int]
    wanted: Mapped[dict[str, Any]]
    read_back: Mapped[dict[str, Any] | None]
    transcript_digest: Mapped[str]
    incarnation: Mapped[str]
    at: Mapped[datetime]
    element_at: Mapped[datetime | None]


class Alarm(Base):
    """A trouble, raised once for each element, kind and key however often it is met; a person acknowledges it.

    `tenant` is whose trouble it is (the platform's for a lane); `told_at` is when the operator was written to.
    """

    __tablename__ = "alarm"
    __table_args__ = (
        Index(
            "uq_alarm_standing",
            *("tenant", "element", "kind", "key"),
            unique=True,
            sqlite_where=text("cleared_at IS NULL"),
            postgresql_where=text("cleared_at IS NULL"),
        ),
        Index("ix_alarm_tenant", "tenant", "id"),
        Index(
            "ix_alarm_untold",
            "id",
            sqlite_where=text("told_at IS NULL AND cleared_at IS NULL"),
            postgresql_where=text("told_at IS NULL AND cleared_at IS NULL"),
        ),
    )
    id: Mapped[AlarmId] = mapped_column(primary_key=True)
    tenant: Mapped[TenantId]
    element: Mapped[str]
    kind: Mapped[AlarmKind]
    key: Mapped[str]
    message: Mapped[str]
    count: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    told_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[str | None]
