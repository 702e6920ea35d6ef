"""A hard restriction of a protected line takes two persons: one asks for it, another approves or rejects it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from bss.subscriptions import service as subscriptions
from bss.subscriptions import store
from bss.subscriptions.model import Cause, RestrictionRequest, RestrictionRequestId, SubscriptionId
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.work import Work
from oss.inventory import protection
from oss.inventory import service as inventory
from oss.inventory.model import Restriction
from oss.port import Level

STANDS = timedelta(days=7)
"""How long a request waits: after a week it speaks of a line that has gone on living."""
REASON_LENGTH = 500
"""A reason is a sentence or two, not a letter."""


class Decision(StrEnum):
    """What became of a request, computed."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


def decision(row: RestrictionRequest, *, now: datetime) -> Decision:
    """What became of a request by an instant."""
    if row.decided_at is not None:
        return Decision.REJECTED if row.restriction_id is None else Decision.APPROVED
    return Decision.EXPIRED if row.expires_at <= now else Decision.WAITING


def request(
    work: Work, subscription_id: SubscriptionId, *, cause: str, reason: str, until: datetime | None = None
) -> RestrictionRequest:
    """Ask that a protected line be stopped wholly; asked for the same cause again, the request that waits is given.

    Raises Conflict for a line that is not protected, Forbidden for a debt, which never takes a protected line down.
    """
    subscription = subscriptions.get(work, subscription_id)
    service = inventory.get(work, subscription.service_id)
    if subscription.state not in subscriptions.STANDING:
        raise Conflict(f"{subscription_id} is {subscription.state}", field="subscription_id", fix="leave it as it is")
    if not service.protected:
        fix = "restrict it without an approval"
        raise Conflict(f"{subscription_id} is no protected line", field="subscription_id", fix=fix)
    known, hard = Cause.parse(cause), Level.HARD
    protection.check_sense(cause=known, level=hard, until=until, now=work.now)
    protection.check_cut(service.id, cause=known, level=hard, actor=work.actor.name, approved_by="")
    if not reason.strip() or len(reason) > REASON_LENGTH:
        raise Invalid(f"a reason has 1 to {REASON_LENGTH} characters", field="reason", fix="say why it is needed")
    for waiting in store.requests(work, subscription_id):
        if waiting.cause == known and decision(waiting, now=work.now) is Decision.WAITING:
            return waiting
    return _stored(work, subscription_id, cause=known, reason=reason.strip(), until=until)


def approve(work: Work, request_id: RestrictionRequestId) -> tuple[RestrictionRequest, Restriction]:
    """Place the restriction as the second person. Raises Forbidden for whoever asked for it, Conflict when decided."""
    row = _waiting(work, request_id)
    placed = subscriptions.restrict(
        work,
        row.subscription_id,
        cause=row.cause,
        level=Level.HARD,
        until=row.until,
        placed_by=row.requested_by,
        approved_by=work.actor.name,
    )
    row.decided_by, row.decided_at, row.restriction_id = work.actor.name, work.now, placed.id
    work.audit("restriction.approved", row.id, {"subscription": str(row.subscription_id), "asked": row.requested_by})
    return row, placed


def reject(work: Work, request_id: RestrictionRequestId) -> RestrictionRequest:
    """Let the line be. Raises Forbidden for whoever asked for it, Conflict when it is decided."""
    row = _waiting(work, request_id)
    row.decided_by, row.decided_at = work.actor.name, work.now
    work.audit("restriction.rejected", row.id, {"subscription": str(row.subscription_id), "asked": row.requested_by})
    return row


def _stored(
    work: Work, subscription_id: SubscriptionId, *, cause: Cause, reason: str, until: datetime | None
) -> RestrictionRequest:
    row = RestrictionRequest(
        tenant=work.tenant,
        id=RestrictionRequestId.new(),
        subscription_id=subscription_id,
        cause=cause,
        until=until,
        reason=reason,
        requested_by=work.actor.name,
        requested_at=work.now,
        expires_at=work.now + STANDS,
    )
    work.session.add(row)
    work.audit("restriction.requested", row.id, {"subscription": str(subscription_id), "cause": cause})
    return row


def _waiting(work: Work, request_id: RestrictionRequestId) -> RestrictionRequest:
    row = store.request_held(work, request_id)
    if row is None:
        raise NotFound(f"no request {request_id}", field="approval_id", fix="see trunkline approval list")
    found = decision(row, now=work.now)
    if found is not Decision.WAITING:
        raise Conflict(f"{request_id} is {found}", field="approval_id", fix="ask for it again if it is still needed")
    if row.requested_by == work.actor.name:
        message = f"{work.actor.name} asked for {request_id} and cannot decide it, too"
        raise Forbidden(message, field="approval_id", fix="let another person decide")
    return row
