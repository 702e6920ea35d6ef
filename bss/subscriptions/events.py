"""What subscriptions announce."""

from __future__ import annotations

from datetime import date, datetime

from bss.customers.model import AccountId
from bss.subscriptions.model import SubscriptionId
from kernel.events import Event


class SubscriptionCreated(Event):
    """An account is to have an offering; the network is being asked."""

    subscription_id: SubscriptionId
    account_id: AccountId
    offering: str


class SubscriptionActivated(Event):
    """The network has confirmed it at that instant; its prices run."""

    subscription_id: SubscriptionId
    account_id: AccountId
    at: datetime


class SubscriptionAborted(Event):
    """The network could not bring it up; nothing is charged."""

    subscription_id: SubscriptionId
    account_id: AccountId
    reason: str


class SubscriptionChanged(Event):
    """The network shows another offering, whose prices run from that local day."""

    subscription_id: SubscriptionId
    account_id: AccountId
    offering: str
    from_date: date


class SubscriptionChangeDropped(Event):
    """An ordered change did not come about; the old prices go on."""

    subscription_id: SubscriptionId
    account_id: AccountId
    offering: str
    reason: str


class SubscriptionReinstated(Event):
    """Its end was called off; it goes on as if nothing had been."""

    subscription_id: SubscriptionId
    account_id: AccountId


class SubscriptionRenewed(Event):
    """It is bound for another term: until that local day, which is the first free one."""

    subscription_id: SubscriptionId
    account_id: AccountId
    term_until: date


class SubscriptionTerminated(Event):
    """The network has confirmed its end; it is charged until `ends_on`, which is the first free local day."""

    subscription_id: SubscriptionId
    account_id: AccountId
    ends_on: date
    at: datetime
