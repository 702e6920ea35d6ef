"""The days on which a restriction may make prices free: they begin and end with the decision, not with the network."""

from __future__ import annotations

from bss.subscriptions import store
from bss.subscriptions.model import Cause, RestrictionBilling, RestrictionBillingId, Subscription
from kernel.time import local_date
from kernel.work import Work
from oss.inventory.model import Restriction, RestrictionId


def begin(work: Work, subscription: Subscription, restriction: Restriction) -> None:
    """From today on; each price says whether it is free then."""
    work.session.add(
        RestrictionBilling(
            tenant=work.tenant,
            id=RestrictionBillingId.new(),
            restriction_id=restriction.id,
            subscription_id=subscription.id,
            cause=Cause(restriction.cause),
            level=restriction.level,
            from_date=local_date(work.now, subscription.zone),
            until_date=None,
        )
    )


def end(work: Work, restriction_id: RestrictionId) -> bool:
    """Today is charged again; False when it was so already."""
    row = store.restriction(work, restriction_id)
    if row is None or row.until_date is not None:
        return False
    subscription = store.subscription(work, row.subscription_id)
    zone = "UTC" if subscription is None else subscription.zone
    row.until_date = max(local_date(work.now, zone), row.from_date)
    return True
