"""Debts that are followed up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from bss.customers.model import AccountId
from bss.dunning import service as dunning
from bss.dunning.machine import CaseState
from bss.dunning.model import Deed, DunningCaseId
from bss.invoices import debts
from bss.subscriptions.model import SubscriptionId
from gateway.verbs.core import Asks, Desk, Gives, Nothing, Page, edging, reading, writing
from kernel.errors import Invalid, TrunklineError
from kernel.ids import Id, TenantId
from kernel.money import Money
from kernel.work import SystemWork, Work

T = TypeVar("T", bound=Id)
BATCH = 500
"""Cases taken up by one run at most; a second run does the rest."""


class CaseGiven(Gives):
    """A debt that is followed up; `rung` is how far."""

    id: DunningCaseId
    account_id: AccountId
    state: CaseState
    rung: int
    next_at: datetime | None
    reason: str | None


class CaseNamed(Asks):
    """One case."""

    case_id: DunningCaseId


class PauseAsked(CaseNamed):
    """Until when the climb is stopped, and why."""

    until: datetime
    reason: str


class ActGiven(Gives):
    """One thing done about a debt."""

    at: datetime
    rung: int
    deed: Deed
    subscription_id: SubscriptionId | None
    owed: str
    currency: str


class CaseShown(CaseGiven):
    """A case with what is owed now and everything that was done about it."""

    currency: str
    owed: str
    ladder: str
    opened_at: datetime
    ended_at: datetime | None
    acts: list[ActGiven]


class RunGiven(Gives):
    """What a run found due, and what it could not do."""

    overdue: int
    advanced: int
    failed: list[str]


@reading("dunning.list", "/dunning")
def listed(work: Work, asked: Nothing) -> Page[CaseGiven]:
    """The cases that are open or paused."""
    found = [CaseGiven.model_validate(row) for row in dunning.page(work)]
    return Page(items=found, total=len(found))


@reading("dunning.show", "/dunning/{case_id}")
def show(work: Work, asked: CaseNamed) -> CaseShown:
    """A case with what is owed now and everything that was done about it."""
    return _shown(work, asked.case_id)


@writing("dunning.pause", "/dunning/{case_id}/pause")
def pause(work: Work, asked: PauseAsked) -> CaseShown:
    """Stop the climb until an instant; what is restricted stays so."""
    if asked.until.tzinfo is None:
        raise Invalid("an instant needs its offset", field="until", fix="as in 2026-07-01T00:00:00+02:00")
    dunning.pause(work, asked.case_id, until=asked.until.astimezone(UTC), reason=asked.reason)
    return _shown(work, asked.case_id)


@writing("dunning.resume", "/dunning/{case_id}/resume")
def resume(work: Work, asked: CaseNamed) -> CaseShown:
    """End a pause now; a rung whose day went by meanwhile is climbed next."""
    dunning.resume(work, asked.case_id)
    return _shown(work, asked.case_id)


@edging("dunning.run", "/dunning/run")
async def run(desk: Desk, asked: Nothing) -> RunGiven:
    """Do what dunning has due now: invoices that fell overdue, then the next rung of each case, one Work each."""
    failed: list[str] = []
    overdue = await _each(desk, debts.due, debts.fall_overdue, failed)
    advanced = await _each(desk, dunning.due, dunning.advance, failed)
    return RunGiven(overdue=overdue, advanced=advanced, failed=failed)


async def _each(
    desk: Desk,
    find: Callable[[SystemWork, datetime, int], Sequence[tuple[TenantId, T]]],
    do: Callable[[Work, T], object],
    failed: list[str],
) -> int:
    """How many of the caller's due rows were done; one that cannot be leaves the others alone."""
    database, done = desk.gateway.database, 0
    found = await asyncio.wrap_future(database.read_system(lambda work: find(work, work.now, BATCH)))
    for tenant, subject in found:
        if tenant != desk.caller.tenant:
            continue
        try:
            await desk.run(lambda work, each=subject: do(work, each))  # type: ignore[misc]
        except TrunklineError as error:
            failed.append(f"{subject}: {error}")
        else:
            done += 1
    return done


def _shown(work: Work, case_id: DunningCaseId) -> CaseShown:
    case = dunning.get(work, case_id)
    acts = [
        ActGiven(
            at=row.at,
            rung=row.rung,
            deed=row.deed,
            subscription_id=row.subscription_id,
            owed=Money(row.owed_minor, row.currency).plain(),
            currency=row.currency,
        )
        for row in dunning.history(work, case_id)
    ]
    return CaseShown(
        **CaseGiven.model_validate(case).model_dump(),
        currency=case.currency,
        owed=dunning.owed(work, case.account_id).plain(),
        ladder=case.ladder,
        opened_at=case.opened_at,
        ended_at=case.ended_at,
        acts=acts,
    )
