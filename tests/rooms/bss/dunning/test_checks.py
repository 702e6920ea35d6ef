"""I14: a debt takes no protected line down, and nothing hard comes without a letter and a soft bar before it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.dunning.invariants import CHECKS
from bss.dunning.model import DunningAct
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Cause, Subscription
from oss.inventory.model import Restriction
from oss.port import Level
from tests.rooms.bss.dunning.street import Street

(I14,) = CHECKS


def found(street: Street) -> list[str]:
    return street.database.read_system(I14.violations).result()


@pytest.fixture
def cut(street: Street) -> tuple[AccountId, Subscription]:
    """A line that the ladder took down, by the rules."""
    account_id = street.account()
    line = street.line(account_id, "home-500")
    street.bill(account_id)
    street.go("2026-06-30T00:00:00+00:00")
    assert street.level(line.service_id) == "hard"
    return account_id, line


def test_a_line_cut_by_the_rules_is_no_violation(street: Street, cut: tuple[AccountId, Subscription]) -> None:
    assert street.database.read_system(I14.examined).result() == 1
    assert found(street) == []


def test_a_protected_line_that_is_cut_is_found(street: Street, cut: tuple[AccountId, Subscription]) -> None:
    street.protect(cut[1].service_id)
    (sentence,) = found(street)
    assert "on a protected line" in sentence


def test_a_protected_line_that_is_ended_is_found(street: Street, cut: tuple[AccountId, Subscription]) -> None:
    street.go("2026-08-01T00:00:00+00:00")
    assert found(street) == []
    street.protect(cut[1].service_id)
    assert any("was ended for a debt" in sentence for sentence in found(street))


def test_a_hard_restriction_without_a_letter_is_found(street: Street, cut: tuple[AccountId, Subscription]) -> None:
    gone = sa.delete(DunningAct).where(DunningAct.tenant == street.tenant)
    street.do(lambda work: work.session.execute(gone) and None)
    (sentence,) = found(street)
    assert "no letter 7 days before" in sentence


def test_a_hard_restriction_too_soon_after_the_soft_one_is_found(
    street: Street, cut: tuple[AccountId, Subscription]
) -> None:
    soft = Restriction.level == Level.SOFT
    later = sa.update(Restriction).where(Restriction.tenant == street.tenant, soft)
    moved = later.values(from_at=street.clock.now() - timedelta(days=3))
    street.do(lambda work: work.session.execute(moved) and None)
    (sentence,) = found(street)
    assert "no soft bar 7 days before" in sentence


def test_a_hard_restriction_that_no_case_asked_for_is_found(street: Street) -> None:
    line = street.line(street.account(), "home-500")
    street.do(lambda work: subscriptions.restrict(work, line.id, cause=Cause.NON_PAYMENT, level=Level.HARD) and None)
    (sentence,) = found(street)
    assert "no case asked for it" in sentence
