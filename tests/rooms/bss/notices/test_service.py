"""Notices are worded with their fact, sent once by the edge, and tried a limited number of times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.ledger import service as ledger
from bss.notices import service as notices
from bss.notices import templates
from bss.notices.machine import NoticeState
from bss.notices.model import Notice
from kernel.database import Database
from kernel.errors import IllegalTransition, Invalid, NotFound, Refused, Unanswered, Unreachable
from kernel.ids import TenantId
from kernel.work import Actor, SystemWork, Work

Do = Callable[[Callable[[Work], Any]], Any]
PARAMS = {"amount": "88.50 EUR", "due_on": "15.07.2026"}


@pytest.fixture
def account_id(do: Do) -> AccountId:
    """An account of Anna's."""

    def make(work: Work) -> AccountId:
        ledger.create_seller(work, name="Carrier", country="DE", zone="Europe/Berlin", currency="EUR")
        _, account = customers.create(
            work, name="Anna Berg", email="anna@example.org", currency="EUR", zone="Europe/Berlin"
        )
        return account.id

    return do(make)


def waiting(database: Database) -> list[notices.Errand]:
    """What the edge would send now."""
    return database.run_system(lambda work: notices.errands(work, 10))


def let_time_pass(database: Database) -> None:
    """Make every queued notice ready to be tried again."""

    def back_date(work: SystemWork) -> None:
        for notice in work.session.query(Notice):
            notice.retry_at = notice.queued_at.replace(year=2000)

    database.run_system(back_date)


def test_a_notice_is_worded_when_queued_and_handed_to_the_edge(
    do: Do, database: Database, account_id: AccountId
) -> None:
    do(lambda work: notices.queue(work, account_id, "reminder", PARAMS))
    (errand,) = waiting(database)
    assert errand.tenant == TenantId(1)
    assert errand.message.address == "anna@example.org"
    assert errand.message.subject == "Reminder: 88.50 EUR is overdue"
    assert errand.message.body.startswith("Dear Anna Berg,\n\n88.50 EUR is overdue since 15.07.2026.")
    assert do(lambda work: notices.settle(work, errand.notice_id)) == NoticeState.SENT
    assert waiting(database) == []


def test_the_same_key_queues_one_notice_only(do: Do, database: Database, account_id: AccountId) -> None:
    first = do(lambda work: notices.queue(work, account_id, "reminder", PARAMS, key="case-1/0").id)
    again = do(lambda work: notices.queue(work, account_id, "reminder", PARAMS, key="case-1/0").id)
    assert first == again
    assert len(waiting(database)) == 1
    assert len(do(lambda work: notices.of_account(work, account_id))) == 1


def test_a_claimed_notice_is_left_to_whoever_took_it(do: Do, database: Database, account_id: AccountId) -> None:
    do(lambda work: notices.queue(work, account_id, "reminder", PARAMS))
    assert len(waiting(database)) == 1
    assert waiting(database) == []
    let_time_pass(database)
    assert len(waiting(database)) == 1


def test_a_refused_notice_is_given_up_at_once_and_may_be_queued_again_by_hand(
    do: Do, database: Database, account_id: AccountId
) -> None:
    notice_id = do(lambda work: notices.queue(work, account_id, "reminder", PARAMS).id)
    assert do(lambda work: notices.settle(work, notice_id, error=Refused("no such box"))) == NoticeState.FAILED
    assert waiting(database) == []
    do(lambda work: notices.retry(work, notice_id))
    assert [errand.notice_id for errand in waiting(database)] == [notice_id]
    with pytest.raises(IllegalTransition):
        do(lambda work: notices.retry(work, notice_id))


def test_an_unreachable_notifier_is_tried_five_times_with_pauses(
    do: Do, database: Database, account_id: AccountId
) -> None:
    notice_id = do(lambda work: notices.queue(work, account_id, "reminder", PARAMS).id)
    for error in (Unreachable("down"), Unanswered("silence"), Unreachable("down"), Unreachable("down")):
        assert do(lambda work, error=error: notices.settle(work, notice_id, error=error)) == NoticeState.QUEUED
        assert waiting(database) == []
        let_time_pass(database)
        assert len(waiting(database)) == 1
    assert do(lambda work: notices.settle(work, notice_id, error=Unreachable("down"))) == NoticeState.FAILED
    assert waiting(database) == []


def test_a_late_answer_about_a_sent_notice_changes_nothing(do: Do, database: Database, account_id: AccountId) -> None:
    notice_id = do(lambda work: notices.queue(work, account_id, "reminder", PARAMS).id)
    do(lambda work: notices.settle(work, notice_id))
    assert do(lambda work: notices.settle(work, notice_id, error=Unanswered("late"))) == NoticeState.SENT


@pytest.mark.parametrize(
    ("template", "params", "field"),
    [
        ("love-letter", PARAMS, "template"),
        ("reminder", {"amount": "1.00 EUR"}, "params"),
        ("reminder", PARAMS | {"amount": "9" * 501}, "params"),
    ],
)
def test_a_notice_that_cannot_be_worded_is_refused(
    do: Do, account_id: AccountId, template: str, params: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        do(lambda work: notices.queue(work, account_id, template, params))
    assert refused.value.field == field


def test_a_parameter_cannot_break_out_of_its_line() -> None:
    subject, _ = templates.get("payment-declined").render(
        {"name": "A\r\nBcc: x", "amount": "{0.__class__}", "reason": "no\x00"}
    )
    assert subject == "A payment was declined"
    _, body = templates.get("payment-declined").render({"name": "A\r\nBcc: x", "amount": "{name}", "reason": "no"})
    assert body.startswith("Dear A  Bcc: x,")
    assert "the payment of {name} was declined" in body


def test_another_tenant_cannot_settle_it(do: Do, database: Database, actor: Actor, account_id: AccountId) -> None:
    notice_id = do(lambda work: notices.queue(work, account_id, "reminder", PARAMS).id)
    with pytest.raises(NotFound):
        database.run(lambda work: notices.settle(work, notice_id), tenant=TenantId(2), actor=actor)
