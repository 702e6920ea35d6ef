"""Cutting a protected line takes two persons, and the second one is another one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from bss.subscriptions import approvals
from bss.subscriptions import service as subscriptions
from bss.subscriptions.approvals import Decision
from bss.subscriptions.model import RestrictionRequest, Subscription
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.work import Actor, Work
from oss.port import Level
from tests.rooms.bss.shop import Shop, add

T = TypeVar("T")
BOSS = Actor("test:boss", frozenset({"operator"}))


@pytest.fixture
def alarm(shop: Shop) -> Subscription:
    """A lift's emergency line, up."""
    order = shop.submit(shop.account(), add("home-500", protected=True))
    shop.settle()
    return shop.subscriptions(order)[0]


def boss(shop: Shop, fn: Callable[[Work], T]) -> T:
    """What another person does."""
    return shop.database.run(fn, tenant=shop.tenant, actor=BOSS)


def ask(
    shop: Shop, line: Subscription, *, cause: str = "fraud", reason: str = "calls to nowhere"
) -> RestrictionRequest:
    return shop.do(lambda work: approvals.request(work, line.id, cause=cause, reason=reason))


def test_the_one_asks_and_the_other_approves(shop: Shop, alarm: Subscription) -> None:
    row = ask(shop, alarm)
    assert ask(shop, alarm).id == row.id
    assert shop.do(lambda work: subscriptions.restricted(work, alarm.id)) is Level.NONE
    with pytest.raises(Forbidden, match="cannot decide it"):
        shop.do(lambda work: approvals.approve(work, row.id))
    decided, placed = boss(shop, lambda work: approvals.approve(work, row.id))
    assert (placed.level, placed.placed_by, placed.approved_by) == (Level.HARD, row.requested_by, "test:boss")
    assert approvals.decision(decided, now=shop.clock.now()) is Decision.APPROVED
    with pytest.raises(Conflict, match="is approved"):
        boss(shop, lambda work: approvals.reject(work, row.id))


def test_what_was_rejected_leaves_the_line_alone(shop: Shop, alarm: Subscription) -> None:
    row = ask(shop, alarm)
    decided = boss(shop, lambda work: approvals.reject(work, row.id))
    assert approvals.decision(decided, now=shop.clock.now()) is Decision.REJECTED
    assert shop.do(lambda work: subscriptions.restricted(work, alarm.id)) is Level.NONE
    assert ask(shop, alarm).id != row.id


def test_an_old_request_is_asked_again(shop: Shop, alarm: Subscription) -> None:
    row = ask(shop, alarm)
    assert approvals.decision(row, now=row.requested_at + timedelta(days=7)) is Decision.EXPIRED
    shop.at("2026-06-09T12:00:00+02:00")
    with pytest.raises(Conflict, match="is expired"):
        boss(shop, lambda work: approvals.approve(work, row.id))


def test_no_debt_and_no_ordinary_line_is_asked_about(shop: Shop, alarm: Subscription) -> None:
    with pytest.raises(Forbidden, match="never gets a hard nonPayment"):
        ask(shop, alarm, cause="nonPayment")
    with pytest.raises(Invalid, match="a reason has"):
        ask(shop, alarm, reason=" ")
    ordinary = shop.line(shop.account(), "meter", key="k2")
    with pytest.raises(Conflict, match="no protected line"):
        ask(shop, ordinary)
