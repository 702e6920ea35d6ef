"""What a case does and undoes: letters never twice, restrictions on the owing lines, and the record of it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bss.customers.model import BillingAccount
from bss.dunning import debt as debts
from bss.dunning import ladder as rules
from bss.dunning import store
from bss.dunning.debt import Debt
from bss.dunning.ladder import Ladder, Standing
from bss.dunning.model import Deed, DunningAct, DunningActId, DunningCase
from bss.notices import service as notices
from bss.notices.model import NoticeId
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Cause, Subscription, SubscriptionId
from kernel.money import Money
from kernel.time import local_date
from kernel.work import Work
from oss.inventory import service as inventory
from oss.orders import incidents
from oss.port import Level

_LEVEL = {Deed.SOFT: Level.SOFT, Deed.HARD: Level.HARD}
_STRICTNESS = (Deed.SOFT, Deed.HARD)


def do(work: Work, case: DunningCase, account: BillingAccount, ladder: Ladder, debt: Debt) -> None:
    """Do the case's next rung: its letter once, and to each owing line what the rules allow."""
    rung, done = ladder.rungs[case.rung], store.acts(work, case.id)
    today = local_date(work.now, account.zone)
    letters = [act.at for act in done if act.notice_id is not None]
    letter_on = local_date(letters[0], account.zone) if letters else None
    for line in _within_scope(work, case, debts.owing(work, debt)):
        standing = _standing(work, line, done, account.zone)
        deed = rules.deed(rung.do, standing, ladder=ladder, letter_on=letter_on, today=today)
        if deed is not None:
            _act_on(work, case, line.id, deed, owed=debt.amount)
    _letter(work, case, account, rung.template, debt)


def again(
    work: Work, case: DunningCase, account: BillingAccount, owing: Sequence[Subscription], *, owed: Money
) -> None:
    """Place again what a cure had lifted."""
    done = store.acts(work, case.id)
    for line in _within_scope(work, case, owing):
        deed = rules.again(_standing(work, line, done, account.zone))
        if deed is not None:
            _act_on(work, case, line.id, deed, owed=owed)


def lift(work: Work, case: DunningCase, *, owing: Sequence[Subscription]) -> None:
    """Open every line that the case had restricted and that owes nothing any more; other causes stay."""
    still = {line.id for line in owing}
    for subscription_id, level in in_force(store.acts(work, case.id)).items():
        if subscription_id in still or level not in _LEVEL:
            continue
        if subscriptions.get(work, subscription_id).state == SubscriptionState.ACTIVE:
            subscriptions.lift(work, subscription_id, cause=Cause.NON_PAYMENT)
        _record(work, case, Deed.LIFT, owed=Money.zero(case.currency), subscription_id=subscription_id)


def thank(work: Work, case: DunningCase, account: BillingAccount, ladder: Ladder) -> None:
    """Tell a payer who had been reminded that it is settled, once for each cure."""
    if ladder.cured is not None and any(act.notice_id is not None for act in store.acts(work, case.id)):
        notices.queue(work, account.id, ladder.cured, {}, key=f"{case.id}-cured-{case.rung}-{work.now.isoformat()}")


def in_force(done: Sequence[DunningAct]) -> Mapping[SubscriptionId, Deed]:
    """What a case has in force on each line: the last thing it did to it, lines it opened again left out."""
    last = {act.subscription_id: act.deed for act in done if act.subscription_id is not None}
    return {subscription_id: deed for subscription_id, deed in last.items() if deed is not Deed.LIFT}


def _within_scope(work: Work, case: DunningCase, owing: Sequence[Subscription]) -> list[Subscription]:
    """The owing lines without those on an element with an open incident: nobody is cut off while we are at fault."""
    spared = incidents.touched(work, [line.service_id for line in owing])
    for line in owing:
        if line.service_id in spared:
            work.audit("dunning.spared", line.id, {"case": str(case.id), "rung": case.rung + 1})
    return [line for line in owing if line.service_id not in spared]


def _standing(work: Work, line: Subscription, done: Sequence[DunningAct], zone: str) -> Standing:
    mine = [act for act in done if act.subscription_id == line.id]
    placed = [act.deed for act in mine if act.deed in _STRICTNESS]
    first = {act.deed: local_date(act.at, zone) for act in reversed(mine)}
    return Standing(
        protected=inventory.get(work, line.service_id).protected,
        level=in_force(mine).get(line.id),
        soft_on=first.get(Deed.SOFT),
        hard_on=first.get(Deed.HARD),
        strictest=max(placed, key=_STRICTNESS.index, default=None),
    )


def _act_on(work: Work, case: DunningCase, subscription_id: SubscriptionId, deed: Deed, *, owed: Money) -> None:
    if deed is Deed.TERMINATE:
        subscriptions.terminate(work, subscription_id, cause=Cause.NON_PAYMENT)
    else:
        subscriptions.restrict(work, subscription_id, cause=Cause.NON_PAYMENT, level=_LEVEL[deed])
    _record(work, case, deed, owed=owed, subscription_id=subscription_id)


def _letter(work: Work, case: DunningCase, account: BillingAccount, template: str, debt: Debt) -> None:
    params = {"amount": str(debt.amount), "due_on": f"{debt.since():%d.%m.%Y}"}
    notice = notices.queue(work, account.id, template, params, key=f"{case.id}-rung-{case.rung}")
    _record(work, case, Deed.REMIND, owed=debt.amount, notice_id=notice.id)


def _record(
    work: Work,
    case: DunningCase,
    deed: Deed,
    *,
    owed: Money,
    subscription_id: SubscriptionId | None = None,
    notice_id: NoticeId | None = None,
) -> None:
    work.session.add(
        DunningAct(
            tenant=work.tenant,
            id=DunningActId.new(),
            case_id=case.id,
            rung=case.rung + 1,
            deed=deed,
            subscription_id=subscription_id,
            notice_id=notice_id,
            owed_minor=owed.minor,
            currency=owed.currency,
            at=work.now,
        )
    )
