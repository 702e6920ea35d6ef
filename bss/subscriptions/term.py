"""For how long a line is bound: a term begins with its activation and is renewed from its end, or from today."""

from __future__ import annotations

from datetime import date

from bss.catalog.model import TERM_LIMIT
from bss.subscriptions import store
from bss.subscriptions.events import SubscriptionRenewed
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Subscription, SubscriptionId
from kernel.errors import Conflict, Invalid, NotFound
from kernel.time import Unit, boundary, local_date
from kernel.work import Work


def end(on: date, months: int | None) -> date | None:
    """The first local day on which a term that begins on a day binds no more; None when there is none."""
    return None if months is None else boundary(on, Unit.MONTH, 1, count=months)


def renew(work: Work, subscription_id: SubscriptionId, *, months: int | None = None) -> Subscription:
    """Bind a line for another term, by default as long as the one it was sold with; the network hears nothing.

    Raises Conflict for a line that is not active, Invalid when nobody says for how long.
    """
    work.flush()
    subscription = store.locked(work, subscription_id)
    if subscription is None:
        raise NotFound(
            f"no subscription {subscription_id}", field="subscription_id", fix="see trunkline subscription list"
        )
    if subscription.state is not SubscriptionState.ACTIVE:
        message = f"{subscription_id} is {subscription.state}"
        raise Conflict(message, field="subscription_id", fix="only an active line is renewed")
    months = months if months is not None else subscription.term_months
    if months is None or not 1 <= months <= TERM_LIMIT:
        message = f"{subscription.offering} has no term" if months is None else f"{months} months are no term"
        raise Invalid(message, field="months", fix=f"give 1 to {TERM_LIMIT} months")
    today = local_date(work.now, subscription.zone)
    begins = max(today, subscription.term_until or today)
    subscription.term_until = boundary(begins, Unit.MONTH, 1, count=months)
    work.emit(
        SubscriptionRenewed(
            subscription_id=subscription_id,
            account_id=subscription.account_id,
            term_until=subscription.term_until,
        )
    )
    work.audit("subscription.renewed", subscription_id, {"until": subscription.term_until.isoformat()})
    return subscription
