"""Many services confirmed in one turn, in a few statements for all of them; ends and moves go one by one.

Through the session one activation takes about 25 statements and 6 ms; a turn would do nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm.util import identity_key

from kernel import rows
from kernel.errors import Conflict
from kernel.tables import to_micros
from kernel.work import Unit, Work
from oss.inventory import service as inventory
from oss.inventory.events import RestrictionConfirmed, ServiceActivated, ServiceReshaped
from oss.inventory.machine import RESOURCE, SERVICE, ResourceMove, ResourceState, ServiceMove, ServiceState
from oss.inventory.model import BindingId, Role, Service, ServiceId
from oss.port import Level
from oss.specs.compose import Intent
from oss.specs.pools import POOLS

_RESERVED, _HELD = ServiceState.RESERVED, ResourceState.RESERVED
_ACTIVE = SERVICE.after(_RESERVED, ServiceMove.ACTIVATE)
_ASSIGNED = RESOURCE.after(_HELD, ResourceMove.ASSIGN)
_BINDING = ("id", "tenant", "service_id", "kind", "namespace", "value", "role", "from_at")
_SETS = (
    f"state = '{_ACTIVE}', confirmed_generation = {{generation}}, confirmed_intent = {{intent}},"
    " confirmed_at = {at}, activated_at = {at}, reserved_until = NULL"
)
_UP = ServiceState.ACTIVE
_STATES = f"'{_RESERVED}', '{_UP}'"
_KNOWN = "{s}tenant, {s}id, {s}owner, {s}state, {s}confirmed_generation, {s}confirmed_intent"
_MINE = f"SELECT {_KNOWN.format(s='')} FROM service WHERE tenant = ? AND id = ? AND state IN ({_STATES})"
_CONFIRM = (
    "UPDATE service SET confirmed_generation = ?, confirmed_intent = ?, confirmed_at = ? WHERE tenant = ? AND id = ?"
)
_CONFIRM_MANY = (
    "UPDATE service s SET confirmed_generation = k.generation, confirmed_intent = k.intent, confirmed_at = k.at"
    " FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[]) k(generation, intent, at, tenant, id)"
    " WHERE s.tenant = k.tenant AND s.id = k.id"
)
_ACTIVATE = f"UPDATE service SET {_SETS.format(generation='?', intent='?', at='?')} WHERE tenant = ? AND id = ?"
_ASSIGN = (
    f"UPDATE resource SET state = '{_ASSIGNED}', until = NULL WHERE service_id = ? AND state = '{_HELD}'"
    " RETURNING service_id, pool, namespace, value"
)
_IMSI = "SELECT iccid, imsi FROM sim_imsi WHERE iccid = ? AND position = 1"
_MINE_OF_MANY = (
    f"SELECT {_KNOWN.format(s='s.')} FROM unnest(?::bigint[], ?::bigint[]) k(tenant, id)"
    f" JOIN service s ON s.tenant = k.tenant AND s.id = k.id WHERE s.state IN ({_STATES})"
    " ORDER BY 1, 2 FOR UPDATE OF s"
)
_ACTIVATE_MANY = (
    f"UPDATE service s SET {_SETS.format(generation='k.generation', intent='k.intent', at='k.at')}"
    " FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[]) k(generation, intent, at, tenant, id)"
    " WHERE s.tenant = k.tenant AND s.id = k.id RETURNING s.id"
)
_ASSIGN_MANY = (
    f"UPDATE resource r SET state = '{_ASSIGNED}', until = NULL FROM unnest(?::bigint[]) k(id)"
    f" WHERE r.service_id = k.id AND r.state = '{_HELD}' RETURNING r.service_id, r.pool, r.namespace, r.value"
)
_IMSI_OF_MANY = "SELECT iccid, imsi FROM sim_imsi WHERE iccid = ANY(?::text[]) AND position = 1"
_LIVE = "SELECT 1 FROM binding WHERE kind = ? AND namespace = ? AND value = ? AND to_at IS NULL"


@dataclass(slots=True)
class Confirmed:
    """A service whose enforcing elements have all shown an intent, at a business instant."""

    work: Work
    service_id: ServiceId
    generation: int
    intent: Intent
    at: datetime
    overlay: bool = False
    """It lies over a line that may still be in the making, and brings none up."""

    @property
    def key(self) -> tuple[int, int]:
        """Tenant and service."""
        return (int(self.work.tenant), int(self.service_id))


@dataclass(frozen=True, slots=True)
class _Known:
    """A service as it stands: whose it is, whether it is up, what was confirmed of it last."""

    owner: str | None
    up: bool
    generation: int
    intent: str | None


def become_all(unit: Unit, confirmed: Sequence[Confirmed]) -> None:
    """`inventory.become` for each. Raises Conflict when an identity is bound elsewhere."""
    unit.flush()
    known = _known(unit, [c.key for c in confirmed if c.intent.present and not (c.intent.values or c.intent.elements)])
    if len({c.key for c in confirmed}) < len(confirmed):
        known = {}
    later = [c for c in confirmed if c.key in known and known[c.key].up]
    alone = later if len(later) == 1 else []
    for other in confirmed:
        if other.key not in known or other in alone:
            inventory.become(
                other.work,
                other.service_id,
                generation=other.generation,
                intent=other.intent,
                at=other.at,
                overlay=other.overlay,
            )
    first = [c for c in confirmed if c.key in known and not known[c.key].up and not c.overlay]
    if first:
        _activate(unit, first)
    for c in first:
        owner = known[c.key].owner
        c.work.tell(ServiceActivated, c.service_id, {"service_id": str(c.service_id), "owner": owner, "at": c.at})
        if c.intent.level is not Level.NONE:
            c.work.emit(RestrictionConfirmed(service_id=c.service_id, owner=owner, level=c.intent.level, at=c.at))
    if not alone:
        _confirm(unit, [c for c in later if c.generation > known[c.key].generation], known)


def _known(unit: Unit, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], _Known]:
    """The reserved and active ones among them, locked in id order."""
    if unit.dialect == "sqlite":
        found = [row for key in keys for row in rows.fetch(unit, _MINE, key)]
    else:
        found = rows.fetch(unit, _MINE_OF_MANY, _columns(sorted(keys), 2)) if keys else []
    return {(tenant, service): _Known(owner, state == _UP, *last) for tenant, service, owner, state, *last in found}


def _confirm(unit: Unit, later: Sequence[Confirmed], known: Mapping[tuple[int, int], _Known]) -> None:
    """Services that are up show another generation: written together, told one by one."""
    values = [(c.generation, _text(c.intent), to_micros(c.at), *c.key) for c in later]
    if not values:
        return
    if unit.dialect == "sqlite":
        rows.driver(unit.connection).executemany(_CONFIRM, values)
    else:
        rows.driver(unit.connection).execute(_CONFIRM_MANY.replace("?", "%s"), _columns(values, 5))
    for c in later:
        was = known[c.key]
        _tell(c, was.owner, None if was.intent is None else Intent.of(json.loads(was.intent)))
        loaded = unit.loaded(identity_key(Service, (c.work.tenant, c.service_id)))
        if loaded is not None:
            unit.session.expire(loaded, ["confirmed_generation", "confirmed_intent", "confirmed_at"])


def _tell(c: Confirmed, owner: str | None, before: Intent | None) -> None:
    if before is None or (before.profile, before.throttle) != (c.intent.profile, c.intent.throttle):
        c.work.emit(ServiceReshaped(service_id=c.service_id, owner=owner, generation=c.generation, at=c.at))
    if c.intent.level is not (Level.NONE if before is None else before.level):
        c.work.emit(RestrictionConfirmed(service_id=c.service_id, owner=owner, level=c.intent.level, at=c.at))


def _text(intent: Intent) -> str:
    return json.dumps(intent.document(), sort_keys=True, separators=(",", ":"))


def _activate(unit: Unit, first: Sequence[Confirmed]) -> None:
    values = [(c.generation, _text(c.intent), to_micros(c.at), *c.key) for c in first]
    services = [int(c.service_id) for c in first]
    if unit.dialect == "sqlite":
        rows.driver(unit.connection).executemany(_ACTIVATE, [(g, i, at, at, t, s) for g, i, at, t, s in values])
        pieces = [row for service in services for row in rows.fetch(unit, _ASSIGN, (service,))]
    else:
        assigned = (_ASSIGN_MANY, (rows.array(services),))
        _, pieces = rows.together(unit, [(_ACTIVATE_MANY, _columns(values, 5)), assigned])
    _bind(unit, first, pieces)


def _bind(unit: Unit, first: Sequence[Confirmed], pieces: Sequence[tuple[Any, ...]]) -> None:
    """Open a binding for each identity of each piece."""
    imsis = _imsis(unit, [value for _, pool, _, value in pieces if "imsi" in POOLS[pool].namespaces])
    by_service = {int(c.service_id): (int(c.work.tenant), to_micros(c.at)) for c in first}
    bound = []
    for service, pool, namespace, value in pieces:
        kind = POOLS[pool]
        tenant, at = by_service[service]
        known = {kind.kind: value}
        if "imsi" in kind.namespaces and value in imsis:
            known["imsi"] = imsis[value]
        for name, identity in known.items():
            where = kind.namespaces[name] or namespace
            bound.append((BindingId.next(), tenant, service, name, where, identity, str(Role.CURRENT), at))
    if len(first) == 1:
        _check_free(unit, bound)
    rows.append(unit, "binding", _BINDING, bound)


def _imsis(unit: Unit, iccids: Sequence[str]) -> dict[str, str]:
    if unit.dialect == "sqlite":
        found = [row for iccid in iccids for row in rows.fetch(unit, _IMSI, (iccid,))]
    else:
        found = rows.fetch(unit, _IMSI_OF_MANY, (rows.array(iccids),)) if iccids else []
    return dict(found)


def _check_free(unit: Unit, bound: Sequence[tuple[Any, ...]]) -> None:
    """Name the identity that is taken; a turn that failed on the unique index comes here with its bad order alone."""
    asked = [(_LIVE, (kind, namespace, value)) for _, _, _, kind, namespace, value, *_ in bound]
    for (_, (kind, _, value)), found in zip(asked, rows.together(unit, asked), strict=True):
        if found:
            raise Conflict(f"{value} is bound to a service", field=kind, fix="take another one, or wait until it rests")


def _columns(values: Sequence[Sequence[Any]], width: int) -> list[str]:
    return [rows.array([row[i] for row in values]) for i in range(width)]
