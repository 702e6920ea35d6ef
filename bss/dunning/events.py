"""What the rest of the house hears about debts."""

from __future__ import annotations

from bss.customers.model import AccountId
from bss.dunning.model import Do, DunningCaseId
from kernel.events import Event


class DunningCaseOpened(Event):
    """An account owes overdue money worth following."""

    case_id: DunningCaseId
    account_id: AccountId
    owed_minor: int
    currency: str


class DunningRungClimbed(Event):
    """One rung of the ladder was done; `rung` counts from 1."""

    case_id: DunningCaseId
    account_id: AccountId
    rung: int
    do: Do


class DunningCaseCured(Event):
    """The debt is gone; what the case had restricted is being lifted."""

    case_id: DunningCaseId
    account_id: AccountId


class DunningCaseReopened(Event):
    """A debt that was cured is back; the case goes on at the rung it left."""

    case_id: DunningCaseId
    account_id: AccountId
    owed_minor: int
    currency: str


class DunningCaseExhausted(Event):
    """Every rung was climbed and the debt stands."""

    case_id: DunningCaseId
    account_id: AccountId
