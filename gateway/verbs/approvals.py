"""What takes a second person: asked for by one, approved or rejected by another."""

from __future__ import annotations

from datetime import datetime

from bss.subscriptions import approvals
from bss.subscriptions.approvals import Decision
from bss.subscriptions.model import Cause, RestrictionRequest, RestrictionRequestId, SubscriptionId
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, href, reading, writing
from kernel.errors import Invalid
from kernel.work import Work
from oss.inventory.model import RestrictionId


class RequestAsked(Asks):
    """A hard restriction that somebody wants of a protected line, and why."""

    subscription_id: SubscriptionId
    cause: str
    reason: str
    until: datetime | None = None


class ApprovalNamed(Asks):
    """One request."""

    approval_id: RestrictionRequestId


class ApprovalsAsked(PageAsked):
    """Which requests: those of one line, or only those that wait."""

    subscription_id: SubscriptionId | None = None
    waiting: bool = False


class ApprovalGiven(Gives):
    """A request and what became of it."""

    id: RestrictionRequestId
    href: str
    subscription_id: SubscriptionId
    cause: Cause
    until: datetime | None
    reason: str
    decision: Decision
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    restriction_id: RestrictionId | None


@writing("line.request", "/subscriptions/{subscription_id}/restriction-requests", status=201)
def request(work: Work, asked: RequestAsked) -> ApprovalGiven:
    """Ask that a protected line be stopped wholly; nothing happens until another person approves it."""
    if asked.until is not None and asked.until.tzinfo is None:
        raise Invalid("an instant needs its offset", field="until", fix="as in 2026-07-01T00:00:00+02:00")
    row = approvals.request(work, asked.subscription_id, cause=asked.cause, reason=asked.reason, until=asked.until)
    return _given(work, row)


@reading("approval.list", "/approvals")
def listed(work: Work, asked: ApprovalsAsked) -> Page[ApprovalGiven]:
    """Requests for a second person, the newest first."""
    where = []
    if asked.subscription_id is not None:
        where.append(RestrictionRequest.subscription_id == asked.subscription_id)
    if asked.waiting:
        where += [RestrictionRequest.decided_at.is_(None), RestrictionRequest.expires_at > work.now]
    rows, total = store.page(work, RestrictionRequest, asked, *where)
    return Page(items=[_given(work, row) for row in rows], total=total)


@reading("approval.show", "/approvals/{approval_id}")
def show(work: Work, asked: ApprovalNamed) -> ApprovalGiven:
    """A request and what became of it."""
    return _given(work, store.one(work, RestrictionRequest, asked.approval_id, field="approval_id"))


@writing("approval.approve", "/approvals/{approval_id}/approve")
def approve(work: Work, asked: ApprovalNamed) -> ApprovalGiven:
    """Place the restriction as the second person; whoever asked for it may not."""
    row, _ = approvals.approve(work, asked.approval_id)
    return _given(work, row)


@writing("approval.reject", "/approvals/{approval_id}/reject")
def reject(work: Work, asked: ApprovalNamed) -> ApprovalGiven:
    """Let the line be; whoever asked for it may not decide."""
    return _given(work, approvals.reject(work, asked.approval_id))


def _given(work: Work, row: RestrictionRequest) -> ApprovalGiven:
    kept = {name: getattr(row, name) for name in ApprovalGiven.model_fields if name not in ("href", "decision")}
    return ApprovalGiven(href=href("approvals", row.id), decision=approvals.decision(row, now=work.now), **kept)
