"""What usage announces."""

from __future__ import annotations

from datetime import date

from bss.subscriptions.model import SubscriptionId
from bss.usage.model import UsageBatchId
from kernel.events import Event


class UsageIngested(Event):
    """A delivery of events was taken in."""

    batch_id: UsageBatchId
    accepted: int
    rejected: int
    duplicate: int


class AllowanceUsedUp(Event):
    """A period's allowance is used up; the line is throttled to `rate` kbit/s when it says so."""

    subscription_id: SubscriptionId
    meter: str
    period_start: date
    quantity: int
    rate: str | None


class AllowanceRenewed(Event):
    """A new period began: the throttle of the last one is taken back."""

    subscription_id: SubscriptionId
    meter: str
    period_end: date
