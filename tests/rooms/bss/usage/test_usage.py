"""Usage from the delivery to the throttle, and what doctor finds when it was tampered with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bss.subscriptions.model import PricePhase, Subscription
from bss.usage import invariants
from bss.usage import service as usage
from bss.usage.events import AllowanceRenewed, AllowanceUsedUp, UsageIngested
from bss.usage.model import Ingested, Reason, UsageBatch, UsageEvent, UsageRecord
from kernel.errors import Exhausted
from kernel.ids import TenantId
from kernel.time import Span
from kernel.work import Actor, SystemWork, Work
from oss.inventory import service as inventory
from oss.inventory.model import Binding, Resource
from tests.rooms.bss.shop import Shop

GB = 10**9
IMSI = "001010000000001"
JUNE = Span(date(2026, 6, 1), date(2026, 7, 1))


def event(event_id: str, at: str, **over: Any) -> UsageEvent:
    given = {"meter": "data", "kind": "imsi", "value": IMSI, "quantity": GB}
    return UsageEvent(event_id=event_id, at=datetime.fromisoformat(at), **{**given, **over})


def ingest(shop: Shop, *events: UsageEvent) -> Ingested:
    answer = shop.do(lambda work: usage.ingest(work, list(events)))
    shop.settle()
    return answer


def counts(answer: Ingested) -> tuple[int, list[Reason], int]:
    return answer.accepted, [each.reason for each in answer.rejected], answer.duplicate


@pytest.fixture
def mobile(shop: Shop) -> Subscription:
    """A mobile line, up since 1 June 10:00 in Berlin."""
    return shop.line(shop.account(), "mobile")


def throttle_of(shop: Shop, line: Subscription) -> str | None:
    return shop.do(lambda work: inventory.get(work, line.service_id)).throttle


def test_five_gigabytes_throttle_the_line_in_the_same_work_and_july_opens_it(shop: Shop, mobile: Subscription) -> None:
    shop.at("2026-06-10T12:00:00+02:00")
    ingest(shop, *[event(f"e{n}", "2026-06-10T11:00:00+02:00") for n in range(4)])
    assert throttle_of(shop, mobile) is None
    shop.told.clear()
    shop.do(lambda work: usage.ingest(work, [event("e4", "2026-06-10T11:30:00+02:00")]))
    assert throttle_of(shop, mobile) == "64"
    shop.settle()
    assert len(shop.told) == 1
    assert "'rate': '64'" in shop.told[0]
    (fact,) = shop.facts(AllowanceUsedUp)
    assert (fact.quantity, fact.rate) == (5 * GB, "64")  # type: ignore[attr-defined]

    ingest(shop, event("e5", "2026-06-10T11:45:00+02:00"))
    assert len(shop.told) == 1

    july = datetime.fromisoformat("2026-07-01T00:00:00+02:00")
    assert shop.database.run_system(usage.next_due) == july
    shop.clock.move_to(july)
    ((_, counter_id),) = shop.database.run_system(lambda work: usage.due(work, july, 10))
    assert shop.do(lambda work: usage.renew(work, counter_id)) is True
    assert shop.do(lambda work: usage.renew(work, counter_id)) is False
    shop.settle()
    assert len(shop.told) == 2
    assert "'rate': 'full'" in shop.told[1]
    assert len(shop.facts(AllowanceRenewed)) == 1
    assert shop.database.run_system(usage.next_due) is None


def test_a_late_event_of_june_does_not_throttle_july(shop: Shop, mobile: Subscription) -> None:
    shop.at("2026-07-02T12:00:00+02:00")
    ingest(shop, event("late", "2026-06-30T12:00:00+02:00", quantity=6 * GB))
    assert throttle_of(shop, mobile) is None
    (june,) = shop.do(lambda work: usage.counters(work, mobile.id))
    assert (june.period_start, june.quantity) == (date(2026, 6, 1), 6 * GB)


def test_a_throttle_of_july_outlives_that_of_june(shop: Shop, mobile: Subscription) -> None:
    shop.at("2026-06-30T12:00:00+02:00")
    ingest(shop, event("june", "2026-06-30T11:00:00+02:00", quantity=5 * GB))
    shop.at("2026-07-01T12:00:00+02:00")
    ingest(shop, event("july", "2026-07-01T11:00:00+02:00", quantity=5 * GB))
    ((_, counter_id),) = shop.database.run_system(lambda work: usage.due(work, shop.clock.now(), 10))
    shop.do(lambda work: usage.renew(work, counter_id))
    assert throttle_of(shop, mobile) == "64"


def test_an_event_counts_once_however_often_it_comes(shop: Shop, mobile: Subscription) -> None:
    shop.at("2026-06-10T12:00:00+02:00")
    one, two = event("a", "2026-06-10T11:00:00+02:00"), event("b", "2026-06-10T11:00:00+02:00")
    assert counts(ingest(shop, one, one)) == (1, [], 1)
    assert counts(ingest(shop, one, two)) == (1, [], 1)
    assert shop.do(lambda work: usage.rated(work, mobile.id, "data", JUNE)).quantity == 2 * GB
    assert [(f.accepted, f.rejected, f.duplicate) for f in shop.facts(UsageIngested)] == [(1, 0, 1), (1, 0, 1)]  # type: ignore[attr-defined]


def test_each_bad_event_has_its_reason_and_spoils_no_other(shop: Shop, mobile: Subscription) -> None:
    shop.at("2026-06-10T12:00:00+02:00")
    now = "2026-06-10T11:00:00+02:00"
    answer = ingest(
        shop,
        event("good", now),
        event("unknown", now, value="001010000000099"),
        event("early", "2026-06-01T09:59:59+02:00"),
        event("absurd", now, quantity=10**16),
        event("future", "2026-06-11T11:00:00+02:00"),
        event("meter", now, meter="fax"),
    )
    assert counts(answer) == (
        1,
        [
            Reason.ABSURD_QUANTITY,
            Reason.IN_THE_FUTURE,
            Reason.UNKNOWN_IDENTITY,
            Reason.OUTSIDE_BINDING,
            Reason.UNKNOWN_METER,
        ],
        0,
    )
    assert "mobile has data, not fax" in answer.rejected[-1].detail
    assert shop.rows()["usage_rejection"] == 5
    again = ingest(shop, event("meter", now))
    assert counts(again) == (1, [], 0)


def test_a_thousand_messages_are_rated_at_a_euro_fifty(shop: Shop) -> None:
    line = shop.line(shop.account(), "meter")
    shop.at("2026-06-10T12:00:00+02:00")
    at = "2026-06-10T11:00:00+02:00"
    given: dict[str, Any] = {"meter": "messages", "kind": "meter", "value": "meter-0001", "quantity": 1}
    ingest(shop, *[event(f"m{n}", at, **given) for n in range(1000)])
    rated = shop.do(lambda work: usage.rated(work, line.id, "messages", JUNE))
    assert (rated.quantity, rated.billable, rated.amount_nano) == (1000, 1000, 1_500_000_000)
    assert rated.first_event == rated.last_event == datetime.fromisoformat(at)
    before = shop.do(lambda work: usage.rated(work, line.id, "messages", Span(date(2026, 5, 1), date(2026, 6, 1))))
    assert (before.quantity, before.amount_nano, before.first_event) == (0, 0, None)


def test_a_number_that_moved_is_resolved_at_event_time(shop: Shop, mobile: Subscription) -> None:
    account_id = shop.account(name="Bob")
    number = shop.do(lambda work: inventory.get(work, mobile.service_id)).values["msisdn"]
    shop.at("2026-06-05T12:00:00+02:00")
    shop.submit(mobile.account_id, {"action": "delete", "subscription_id": str(mobile.id)}, key="end")
    shop.settle()
    shop.at("2026-09-10T12:00:00+02:00")
    rested = shop.do(lambda work: work.session.scalar(sa.select(Resource.id).where(Resource.value == number)))
    shop.do(lambda work: inventory.lapse(work, rested))
    order = shop.submit(account_id, {"action": "add", "offering": "mobile", "resources": {"msisdn": number}}, key="b")
    shop.settle()
    (later,) = shop.subscriptions(order)
    old = ingest(shop, event("old", "2026-06-01T12:00:00+02:00", kind="msisdn", value=number, quantity=1))
    ingest(shop, event("new", "2026-09-10T12:00:00+02:00", kind="msisdn", value=number, quantity=2))
    both = {"kind": "msisdn", "value": number, "also": {"imsi": IMSI}}
    answer = ingest(shop, event("gone", "2026-09-10T12:00:00+02:00", **both))
    wide = Span(date(2026, 6, 1), date(2027, 1, 1))
    assert shop.do(lambda work: usage.rated(work, later.id, "data", wide)).quantity == 2
    assert [each.reason for each in (*old.rejected, *answer.rejected)] == [Reason.TOO_LATE, Reason.OUTSIDE_BINDING]


def test_the_last_day_s_usage_is_charged_and_the_next_day_s_is_nobody_s(shop: Shop, mobile: Subscription) -> None:
    shop.at("2026-06-05T12:00:00+02:00")
    shop.submit(mobile.account_id, {"action": "delete", "subscription_id": str(mobile.id)}, key="end")
    shop.settle()
    answer = ingest(
        shop, event("noon", "2026-06-05T11:59:00+02:00"), event("night", "2026-06-05T12:00:00+02:00", quantity=1)
    )
    assert counts(answer) == (1, [Reason.OUTSIDE_BINDING], 0)


def test_a_line_that_has_just_come_up_loses_no_usage(shop: Shop, mobile: Subscription) -> None:
    def just_up(work: Work) -> None:
        statement = sa.update(PricePhase).where(PricePhase.tenant == work.tenant)
        work.session.execute(statement.values(charged_from=None))

    shop.do(just_up)
    assert counts(ingest(shop, event("first", "2026-06-01T10:00:00+02:00"))) == (1, [], 0)


def test_another_tenant_s_line_is_unknown(shop: Shop, mobile: Subscription) -> None:
    rows = [event("x", "2026-06-01T10:00:00+02:00")]
    answer = shop.database.run(lambda work: usage.ingest(work, rows), tenant=TenantId(2), actor=Actor("test:other"))
    assert [each.reason for each in answer.rejected] == [Reason.UNKNOWN_IDENTITY]


def test_a_delivery_has_a_limit(shop: Shop) -> None:
    rows = [event(f"e{n}", "2026-06-01T10:00:00+02:00") for n in range(10_001)]
    with pytest.raises(Exhausted, match="deliver at most 10000 at once"):
        shop.do(lambda work: usage.ingest(work, rows))


# ---- doctor


def violated(shop: Shop, plant: Callable[[Work], None] | None = None) -> list[str]:
    if plant is not None:
        shop.do(plant)
    (check,) = invariants.CHECKS
    assert shop.database.run_system(check.examined) > 0
    return shop.database.run_system(check.violations)


def test_doctor_finds_a_lost_event(shop: Shop, mobile: Subscription) -> None:
    ingest(shop, event("a", "2026-06-01T10:00:00+02:00"))
    assert violated(shop) == []

    def plant(work: Work) -> None:
        work.session.execute(sa.update(UsageBatch).where(UsageBatch.tenant == work.tenant).values(received=2))

    (found,) = violated(shop, plant)
    assert "received 2, accepted 1 (1 kept), rejected 0 (0 kept), duplicate 0" in found


def test_doctor_finds_a_removed_record(shop: Shop, mobile: Subscription) -> None:
    ingest(shop, event("a", "2026-06-01T10:00:00+02:00"))

    def plant(work: Work) -> None:
        work.session.execute(sa.delete(UsageRecord).where(UsageRecord.tenant == work.tenant))

    (found,) = [each for each in violated(shop, plant) if "accepted" in each]
    assert "accepted 1 (0 kept)" in found


def test_doctor_finds_an_event_outside_its_binding(shop: Shop, mobile: Subscription) -> None:
    ingest(shop, event("a", "2026-06-01T10:00:00+02:00"))

    def plant(work: SystemWork) -> None:
        later = shop.clock.now() + timedelta(days=1)
        work.session.execute(sa.update(Binding).values(from_at=later))

    shop.database.run_system(plant)
    (found,) = violated(shop)
    assert f"event a at 2026-06-01T08:00:00+00:00: imsi {IMSI} was not bound to its service then" in found
