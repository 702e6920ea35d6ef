"""Telling customers: a notice is worded and queued with the fact it tells of; the edge sends it after the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.notices import store, templates
from bss.notices.machine import NOTICE, NoticeMove, NoticeState
from bss.notices.model import Notice, NoticeId
from bss.notices.port import Message
from kernel.database import now_micros
from kernel.errors import NotFound, Refused, TrunklineError
from kernel.ids import TenantId
from kernel.tables import from_micros
from kernel.work import SystemWork, Unit, Work

ATTEMPTS = 5
"""After so many tries a person must look: the outage is longer than a notice's use."""
BACK_OFF_S = 30
"""Seconds before the first further try, doubled at each one: about a quarter of an hour in all."""
CLAIM_S = 60
"""Seconds a claimed notice is left to the edge that took it; after them it is taken again under the same id."""
PAGE = 100
"""Notices listed in one answer at most."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One message for the edge to send."""

    tenant: TenantId
    notice_id: NoticeId
    message: Message


def queue(
    work: Work, account_id: AccountId, template: str, params: Mapping[str, str], *, key: str | None = None
) -> Notice:
    """Word a notice to an account and queue it; the same `key` again returns the first one, unsent twice."""
    if key is not None and (earlier := store.same(work, key)) is not None:
        return earlier
    account = customers.account(work, account_id)
    owner = customers.get(work, account.customer_id)
    subject, body = templates.get(template).render({"name": owner.name, **params})
    notice = Notice(
        tenant=work.tenant,
        id=NoticeId.new(),
        account_id=account_id,
        template=template,
        params={name: str(value) for name, value in params.items()},
        address=account.email,
        subject=subject,
        body=body,
        state=NOTICE.initial,
        dedup=key,
        retry_at=from_micros(now_micros(work)),
        queued_at=work.now,
    )
    work.session.add(notice)
    return notice


def tell(work: Work, address: str, template: str, params: Mapping[str, str], *, key: str) -> Notice:
    """Word a notice to the house's own people and queue it; the same `key` again returns the first one."""
    if (earlier := store.same(work, key)) is not None:
        return earlier
    subject, body = templates.get(template).render(params)
    notice = Notice(
        tenant=work.tenant,
        id=NoticeId.new(),
        account_id=None,
        template=template,
        params={name: str(value) for name, value in params.items()},
        address=address,
        subject=subject,
        body=body,
        state=NOTICE.initial,
        dedup=key,
        retry_at=from_micros(now_micros(work)),
        queued_at=work.now,
    )
    work.session.add(notice)
    return notice


def waiting(work: SystemWork) -> bool:
    """Whether there is anything to claim: `errands` writes, this only reads."""
    return store.any_queued(work, _database_now(work))


def errands(work: SystemWork, limit: int) -> list[Errand]:
    """Claim what the edge is to send now, so that no other worker sends it too."""
    now = _database_now(work)
    taken = store.queued(work, now, limit)
    for row in taken:
        row.retry_at = now + timedelta(seconds=CLAIM_S)
    return [Errand(row.tenant, row.id, Message(str(row.id), row.address, row.subject, row.body)) for row in taken]


def next_errand(work: SystemWork) -> datetime | None:
    """When the next notice is to be sent, on the database's clock; None when none is queued."""
    return store.next_send(work)


def settle(work: Work, notice_id: NoticeId, *, error: TrunklineError | None = None) -> NoticeState:
    """Note what became of an attempt: sent, given up (refused, or tried too often), or queued for another."""
    notice = _get(work, notice_id)
    if notice.state is not NoticeState.QUEUED:
        return notice.state
    notice.attempts += 1
    if error is None:
        notice.state = NOTICE.after(notice.state, NoticeMove.DELIVER)
        notice.sent_at, notice.error = work.now, None
        return notice.state
    notice.error = str(error)
    if isinstance(error, Refused) or notice.attempts >= ATTEMPTS:
        notice.state = NOTICE.after(notice.state, NoticeMove.GIVE_UP)
        work.audit("notice.failed", notice_id, {"error": notice.error})
    else:
        wait = timedelta(seconds=BACK_OFF_S * 2 ** (notice.attempts - 1))
        notice.retry_at = _database_now(work) + wait
    return notice.state


def retry(work: Work, notice_id: NoticeId) -> None:
    """Queue a failed notice again, with fresh attempts."""
    notice = _get(work, notice_id)
    notice.state = NOTICE.after(notice.state, NoticeMove.RETRY)
    notice.attempts, notice.retry_at = 0, _database_now(work)
    work.audit("notice.retried", notice_id)


def of_account(work: Work, account_id: AccountId, *, limit: int = PAGE) -> Sequence[Notice]:
    """What an account was told, newest first."""
    return store.of_account(work, account_id, limit=min(limit, PAGE))


def _get(work: Work, notice_id: NoticeId) -> Notice:
    found = store.notice(work, notice_id)
    if found is None:
        raise NotFound(f"no notice {notice_id}", field="notice_id")
    return found


def _database_now(work: Unit) -> datetime:
    return from_micros(now_micros(work))
