"""Following a debt up the ladder: letters, a soft bar, a hard restriction, the end; a payment undoes what it can."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from bss.customers import service as customers
from bss.customers.model import AccountId, BillingAccount
from bss.dunning import debt as debts
from bss.dunning import deeds, ladders, store
from bss.dunning.debt import Debt
from bss.dunning.events import (
    DunningCaseCured,
    DunningCaseExhausted,
    DunningCaseOpened,
    DunningCaseReopened,
    DunningRungClimbed,
)
from bss.dunning.ladder import Ladder
from bss.dunning.machine import DUNNING_CASE, LIVE, CaseMove, CaseState
from bss.dunning.model import DunningAct, DunningCase, DunningCaseId
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import TenantId
from kernel.money import Money
from kernel.time import local_date, midnight
from kernel.work import SystemWork, Work

PAGE = 100
"""Cases listed in one answer at most."""
REASON_LENGTH = 200
"""A sentence."""


# ---- what is due


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, DunningCaseId]]:
    """The cases whose next rung has come; the edge calls `advance` for each in a Work of its own."""
    return store.due(work, now, limit)


def next_due(work: SystemWork) -> datetime | None:
    """When the next case is due."""
    return store.next_due(work)


# ---- the life of a case


def look(work: Work, account_id: AccountId) -> DunningCase | None:
    """See whether an account's overdue debt is worth following: opens its case, or reopens the one that left it.

    The case of a parked account waits until it is unparked.
    """
    account = customers.account(work, account_id)
    case = store.locked_latest(work, account_id)
    if case is not None and case.state in LIVE:
        return case
    debt = debts.of(work, account)
    if case is not None and _worth(work, debt.before(local_date(case.ended_at or work.now, account.zone)), case):
        return _reopen(work, case, account, debt)
    ladder, hash_ = ladders.pinned(work, ladders.STANDARD)
    least = ladder.least(account.currency)
    if least is None or debt.amount < least:
        return None
    return _open(work, account, ladder, hash_, debt.amount)


def advance(work: Work, case_id: DunningCaseId) -> None:
    """Climb the next rung of a case whose time has come; one that is not due stays where it is."""
    case = _locked(work, case_id)
    if case.next_at is None or case.next_at > work.now:
        return
    account = customers.account(work, case.account_id)
    ladder = _ladder(work, case)
    if account.parked_reason is not None:
        case.next_at = _tomorrow(work, account)
        return
    if case.state == CaseState.PAUSED:
        case.state, case.reason = DUNNING_CASE.after(case.state, CaseMove.RESUME), None
    debt = debts.of(work, account)
    if not _enough(ladder, debt.amount):
        _cure(work, case, account)
        return
    if _due_day(ladder, case, account) > local_date(work.now, account.zone):
        _schedule(work, case, account, ladder)
        return
    _climb(work, case, account, ladder, debt)


def cured(work: Work, account_id: AccountId) -> None:
    """Money or a credit came in: a debt that is gone is cured, a line that owes nothing any more is opened again."""
    case = store.locked_latest(work, account_id)
    if case is None or case.state not in LIVE:
        return
    account = customers.account(work, account_id)
    debt = debts.of(work, account)
    if not _enough(_ladder(work, case), debt.amount):
        _cure(work, case, account)
    else:
        deeds.lift(work, case, owing=debts.owing(work, debt))


def pause(work: Work, case_id: DunningCaseId, *, until: datetime, reason: str) -> DunningCase:
    """Stop the climb until an instant, for a promise or by a person's decision; what is restricted stays so."""
    case = _locked(work, case_id)
    if until <= work.now:
        raise Invalid(f"{until} is over", field="until", fix="give a later instant")
    if not reason.strip() or len(reason) > REASON_LENGTH:
        raise Invalid(f"a reason has 1 to {REASON_LENGTH} characters", field="reason")
    case.state = DUNNING_CASE.after(case.state, CaseMove.PAUSE)
    case.next_at, case.reason = until, reason
    work.audit("dunning.paused", case.id, {"until": until.isoformat(), "reason": reason})
    return case


def resume(work: Work, case_id: DunningCaseId) -> DunningCase:
    """End a pause now; a rung whose day went by meanwhile is climbed at the next tick."""
    case = _locked(work, case_id)
    account = customers.account(work, case.account_id)
    case.state = DUNNING_CASE.after(case.state, CaseMove.RESUME)
    case.reason = None
    _schedule(work, case, account, _ladder(work, case))
    work.audit("dunning.resumed", case.id)
    return case


# ---- to be seen


def get(work: Work, case_id: DunningCaseId) -> DunningCase:
    """A case; NotFound when this tenant has no such one."""
    return _found(store.case(work, case_id), case_id)


def of_account(work: Work, account_id: AccountId) -> DunningCase | None:
    """An account's latest case."""
    return store.latest(work, account_id)


def page(work: Work, *, live: bool = True, limit: int = PAGE) -> Sequence[DunningCase]:
    """Cases, newest first."""
    return store.cases(work, account_id=None, live=live, limit=min(limit, PAGE))


def history(work: Work, case_id: DunningCaseId) -> Sequence[DunningAct]:
    """Everything a case did, oldest first."""
    return store.acts(work, case_id)


def owed(work: Work, account_id: AccountId) -> Money:
    """What an account is dunnable for now."""
    return debts.of(work, customers.account(work, account_id)).amount


# ---- inside


def _locked(work: Work, case_id: DunningCaseId) -> DunningCase:
    work.session.flush()
    return _found(store.locked(work, case_id), case_id)


def _found(case: DunningCase | None, case_id: DunningCaseId) -> DunningCase:
    if case is None:
        raise NotFound(f"no dunning case {case_id}", field="case_id")
    return case


def _open(work: Work, account: BillingAccount, ladder: Ladder, hash_: str, amount: Money) -> DunningCase:
    case = DunningCase(
        tenant=work.tenant,
        id=DunningCaseId.new(),
        account_id=account.id,
        seller_id=account.seller_id,
        currency=account.currency,
        ladder=ladder.name,
        ladder_hash=hash_,
        state=DUNNING_CASE.initial,
        rung=0,
        opened_at=work.now,
        climbed_at=work.now,
        next_at=work.now,
    )
    work.session.add(case)
    _schedule(work, case, account, ladder)
    work.audit("dunning.opened", case.id, {"account": str(account.id), "owed": str(amount)})
    work.emit(
        DunningCaseOpened(case_id=case.id, account_id=account.id, owed_minor=amount.minor, currency=amount.currency)
    )
    return case


def _reopen(work: Work, case: DunningCase, account: BillingAccount, debt: Debt) -> DunningCase:
    """A debt that had been cured is back: its restrictions are placed again, its letters are not."""
    case.state = DUNNING_CASE.after(case.state, CaseMove.REOPEN)
    case.climbed_at, case.ended_at = work.now, None
    _schedule(work, case, account, _ladder(work, case))
    amount = debt.amount
    work.audit("dunning.reopened", case.id, {"owed": str(amount), "rung": case.rung})
    work.emit(
        DunningCaseReopened(case_id=case.id, account_id=account.id, owed_minor=amount.minor, currency=amount.currency)
    )
    if account.parked_reason is None:
        deeds.again(work, case, account, debts.owing(work, debt), owed=amount)
    return case


def _climb(work: Work, case: DunningCase, account: BillingAccount, ladder: Ladder, debt: Debt) -> None:
    rung = ladder.rungs[case.rung]
    deeds.do(work, case, account, ladder, debt)
    case.rung += 1
    case.climbed_at = work.now
    _schedule(work, case, account, ladder)
    work.audit("dunning.climbed", case.id, {"rung": case.rung, "do": str(rung.do)})
    work.emit(DunningRungClimbed(case_id=case.id, account_id=account.id, rung=case.rung, do=rung.do))


def _cure(work: Work, case: DunningCase, account: BillingAccount) -> None:
    case.state = DUNNING_CASE.after(case.state, CaseMove.CURE)
    case.next_at, case.ended_at, case.reason = None, work.now, None
    deeds.lift(work, case, owing=())
    deeds.thank(work, case, account, _ladder(work, case))
    work.audit("dunning.cured", case.id)
    work.emit(DunningCaseCured(case_id=case.id, account_id=account.id))


def _schedule(work: Work, case: DunningCase, account: BillingAccount, ladder: Ladder) -> None:
    """When the next rung is due: its own distance from the day the one before was climbed, so that none is rushed."""
    day = ladder.day_of(case.rung, climbed=local_date(case.climbed_at, account.zone))
    if day is None:
        case.state = DUNNING_CASE.after(case.state, CaseMove.EXHAUST)
        case.next_at = None
        work.emit(DunningCaseExhausted(case_id=case.id, account_id=account.id))
    else:
        case.next_at = max(work.now, midnight(day, account.zone))


def _due_day(ladder: Ladder, case: DunningCase, account: BillingAccount) -> date:
    day = ladder.day_of(case.rung, climbed=local_date(case.climbed_at, account.zone))
    if day is None:
        raise Conflict(f"{case.id} has no further rung", field="case_id")
    return day


def _tomorrow(work: Work, account: BillingAccount) -> datetime:
    today = local_date(work.now, account.zone)
    return midnight(date.fromordinal(today.toordinal() + 1), account.zone)


def _ladder(work: Work, case: DunningCase) -> Ladder:
    return ladders.get(work, case.ladder, case.ladder_hash)


def _enough(ladder: Ladder, amount: Money) -> bool:
    least = ladder.least(amount.currency)
    return least is not None and least <= amount


def _worth(work: Work, amount: Money, case: DunningCase) -> bool:
    return _enough(_ladder(work, case), amount)
