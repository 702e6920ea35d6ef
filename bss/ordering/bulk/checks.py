"""Whether the rows of a bulk file can be done, looked up in few statements; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from bss.catalog import service as catalog
from bss.ordering import planning
from bss.ordering.bulk.model import BulkVerb
from bss.ordering.bulk.rows import CHARACTERISTIC, PROFILE, RESOURCE, Bad, Row, instant
from bss.ordering.request import SubmitRequest, read
from bss.subscriptions import changing, many
from bss.subscriptions.machine import LIVE, SUBSCRIPTION, SubscriptionMove
from bss.subscriptions.model import Subscription, SubscriptionId
from bss.subscriptions.service import STANDING
from kernel.errors import Conflict, Invalid, NotFound, TrunklineError
from kernel.work import Work
from oss.inventory import protection
from oss.inventory.many import chunks
from oss.inventory.model import Service, ServiceId
from oss.port import Level

Told = Mapping[str, str]
"""A row's columns over the job's defaults."""


def problems(work: Work, verb: BulkVerb, found: Sequence[Row], *, defaults: Told) -> list[Bad]:
    """Every row that cannot be done as things stand, by line."""
    judge = _activation(work) if verb is BulkVerb.ACTIVATE else _change_of(work, verb, found)
    bad = []
    for row in found:
        try:
            judge({**defaults, **row.columns})
        except TrunklineError as error:
            bad.append(Bad(row.line, error.field or "row", error.message, row.columns))
    return bad


def submission(told: Told, *, key: str) -> SubmitRequest:
    """The customer's order that an activation's row is. Raises Invalid."""

    def named(start: str) -> dict[str, str]:
        return {name.removeprefix(start): value for name, value in told.items() if name.startswith(start)}

    item = {
        "action": "add",
        "offering": told["offering"],
        "resources": named(RESOURCE),
        "characteristics": named(CHARACTERISTIC),
    }
    document = {"account_id": told["account_id"], "items": [item], "method_id": told.get("method_id"), "key": key}
    return read(document)


def _activation(work: Work) -> Callable[[Told], None]:
    """Rows that differ in their resources alone are planned once."""
    known: dict[str, TrunklineError | None] = {}

    def judge(told: Told) -> None:
        request = submission(
            {name: value for name, value in told.items() if not name.startswith(RESOURCE)}, key="check"
        )
        place = request.body_hash()
        if place not in known:
            known[place] = _planned(work, request)
        error = known[place]
        if error is not None:
            raise error

    return judge


def _planned(work: Work, request: SubmitRequest) -> TrunklineError | None:
    try:
        planning.plan(work, request)
    except TrunklineError as error:
        return error
    return None


def _change_of(work: Work, verb: BulkVerb, found: Sequence[Row]) -> Callable[[Told], None]:
    ids = [SubscriptionId.parse(row.subject) for row in found]
    lines = many.by_ids(work, ids)
    guarded = _protected(work, [line.service_id for line in lines.values()])

    def judge(told: Told) -> None:
        wanted = SubscriptionId.parse(told["subscription_id"])
        line = lines.get(wanted)
        if line is None:
            raise NotFound(f"no subscription {wanted}", field="subscription_id", fix="see trunkline subscription list")
        _JUDGES[verb](work, line, told, line.service_id in guarded)

    return judge


def _protected(work: Work, ids: Sequence[ServiceId]) -> set[ServiceId]:
    found: set[ServiceId] = set()
    for some in chunks(ids):
        mine = (Service.tenant == work.tenant, Service.id.in_(some), Service.protected)
        found |= set(work.session.scalars(sa.select(Service.id).where(*mine)))
    return found


def _restriction(work: Work, line: Subscription, told: Told, protected: bool) -> None:
    if line.state not in STANDING:
        raise _wrong(line)
    until, level = instant(told["until"]) if "until" in told else None, Level(told["level"])
    protection.check_sense(cause=told["cause"], level=level, until=until, now=work.now)
    if protected:
        actor = work.actor.name
        protection.check_cut(line.service_id, cause=told["cause"], level=level, actor=actor, approved_by=None)


def _lifting(work: Work, line: Subscription, told: Told, protected: bool) -> None:
    if line.state not in LIVE:
        raise _wrong(line)


def _termination(work: Work, line: Subscription, told: Told, protected: bool) -> None:
    if not SUBSCRIPTION.allows(line.state, SubscriptionMove.TERMINATE):
        raise _wrong(line)
    if protected:
        protection.check_end(line.service_id, cause=told["cause"])


def _change(work: Work, line: Subscription, told: Told, protected: bool) -> None:
    if "offering" in told:
        changing.check(work, line, catalog.offering(work, told["offering"], told.get("version")))
        return
    if not SUBSCRIPTION.allows(line.state, SubscriptionMove.TERMINATE):
        raise _wrong(line)
    fixed = catalog.offering(work, line.offering, line.offering_hash).characteristics
    for name in told:
        if name.removeprefix(PROFILE) in fixed:
            raise Invalid(f"{line.offering} fixes it", field=name, fix="change the offering instead")


def _nothing(work: Work, line: Subscription, told: Told, protected: bool) -> None:
    """The row stands by itself."""


def _wrong(line: Subscription) -> Conflict:
    return Conflict(f"{line.id} is {line.state}", field="subscription_id", fix="leave it out")


_JUDGES = {
    BulkVerb.RESTRICT: _restriction,
    BulkVerb.LIFT: _lifting,
    BulkVerb.CHANGE: _change,
    BulkVerb.TERMINATE: _termination,
    BulkVerb.REINSTATE: _nothing,
}
