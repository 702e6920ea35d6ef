"""A subscription's life: its prices run where the network confirmed, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
import sqlalchemy as sa

from bss.catalog import service as catalog
from bss.catalog.model import PriceKind
from bss.ordering import service as ordering
from bss.subscriptions import invariants
from bss.subscriptions import service as subscriptions
from bss.subscriptions.events import (
    SubscriptionActivated,
    SubscriptionChanged,
    SubscriptionChangeDropped,
    SubscriptionTerminated,
)
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Chargeable, PricePhase, Subscription
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid, NotFound
from kernel.time import Span
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.model import Service
from oss.orders import service as orders
from oss.orders import views
from oss.port import Level
from tests.rooms.bss.shop import CONFIG, Shop, add

UPGRADE = {"action": "modify", "offering": "home-1000"}


@pytest.fixture
def home(shop: Shop) -> Subscription:
    """A Home 500 line, up since 1 June 10:00 in Berlin."""
    return shop.line(shop.account(), "home-500")


def charged(shop: Shop, line: Subscription) -> list[tuple[str, str, date, date | None]]:
    found = shop.do(lambda work: subscriptions.chargeable(work, line.account_id))
    return [(each.description, each.rate.per_unit.to_eng_string(), each.start, each.end) for each in found]


def upgrade(shop: Shop, line: Subscription, *, key: str = "up") -> None:
    shop.submit(line.account_id, {**UPGRADE, "subscription_id": str(line.id)}, key=key)


def latest_order(shop: Shop, line: Subscription) -> str:
    return str(shop.do(lambda work: ordering.of_account(work, line.account_id, limit=1))[0].state)


def now(shop: Shop, line: Subscription) -> Subscription:
    return shop.do(lambda work: subscriptions.get(work, line.id))


def test_prices_run_from_the_confirmed_day_not_from_the_order_s(shop: Shop) -> None:
    account_id = shop.account()
    order = shop.submit(account_id, add("home-500"))
    assert shop.do(lambda work: subscriptions.chargeable(work, account_id)) == []
    shop.at("2026-06-02T23:30:00+02:00")
    shop.settle()
    (line,) = shop.subscriptions(order)
    assert charged(shop, line) == [
        ("Home 500 setup", "29", date(2026, 6, 2), None),
        ("Home 500", "39", date(2026, 6, 2), None),
    ]
    assert [fact.at for fact in shop.facts(SubscriptionActivated)] == [shop.clock.now()]  # type: ignore[attr-defined]


def test_the_local_day_counts(shop: Shop) -> None:
    shop.at("2026-06-02T22:30:00+00:00")
    line = shop.line(shop.account(), "meter")
    assert charged(shop, line)[0][2] == date(2026, 6, 3)
    assert shop.line(shop.account(zone="America/New_York"), "meter", key="k2").ordered_at == shop.clock.now()


def test_a_chargeable_says_all_that_billing_needs(shop: Shop) -> None:
    line = shop.line(shop.account(billing_day=31), "meter")
    recurring, usage = shop.do(lambda work: subscriptions.chargeable(work, line.account_id))
    phases = shop.do(lambda work: subscriptions.phases(work, [line.id]))
    assert recurring == Chargeable(
        subscription_id=line.id,
        phase_id=phases[0].id,
        component="readings",
        description="Meter",
        kind=PriceKind.RECURRING,
        rate=recurring.rate,
        unit=recurring.unit,
        count=1,
        in_advance=True,
        quantity=1,
        rounding=recurring.rounding,
        tax_class="standard",
        revenue_account="recurring",
        start=date(2026, 6, 1),
        end=None,
        billed_none=(),
        meter=None,
        anchor=date(2025, 1, 31),
    )
    assert (usage.kind, usage.meter, usage.in_advance) == (PriceKind.USAGE, "messages", False)


def test_an_upgrade_switches_the_price_on_the_confirmed_day_and_sets_up_nothing(shop: Shop, home: Subscription) -> None:
    shop.at("2026-06-15T23:50:00+02:00")
    upgrade(shop, home)
    assert [each[3] for each in charged(shop, home)] == [None, None]
    shop.at("2026-06-16T00:10:00+02:00")
    shop.settle()
    assert charged(shop, home) == [
        ("Home 500 setup", "29", date(2026, 6, 1), None),
        ("Home 500", "39", date(2026, 6, 1), date(2026, 6, 16)),
        ("Home 1000", "59", date(2026, 6, 16), None),
    ]
    assert now(shop, home).offering == "home-1000"
    (fact,) = shop.facts(SubscriptionChanged)
    assert fact.from_date == date(2026, 6, 16)  # type: ignore[attr-defined]


def test_an_upgrade_on_the_first_day_leaves_an_empty_phase(shop: Shop, home: Subscription) -> None:
    upgrade(shop, home)
    shop.settle()
    assert charged(shop, home)[1:] == [
        ("Home 500", "39", date(2026, 6, 1), date(2026, 6, 1)),
        ("Home 1000", "59", date(2026, 6, 1), None),
    ]


def test_a_refused_upgrade_leaves_price_and_intent(shop: Shop, home: Subscription) -> None:
    shop.refuses = {"HOME1000"}
    upgrade(shop, home)
    shop.settle()
    assert now(shop, home).offering == "home-500"
    (fact,) = shop.facts(SubscriptionChangeDropped)
    assert (fact.offering, "no such profile" in fact.reason) == ("home-1000", True)  # type: ignore[attr-defined]
    assert shop.do(lambda work: inventory.get(work, home.service_id)).profile == {"profile": "HOME500"}
    assert [each[3] for each in charged(shop, home)] == [None, None]
    (failed,) = [each for each in shop.heard if each.kind() == "ProductOrderFailed"]
    assert "no such profile" in failed.reason  # type: ignore[attr-defined]


def test_an_upgrade_overtaken_by_a_restriction_still_counts(shop: Shop, home: Subscription) -> None:
    upgrade(shop, home)
    shop.do(lambda work: subscriptions.restrict(work, home.id, cause="customer", level=Level.SOFT))
    shop.settle()
    assert now(shop, home).offering == "home-1000"


def test_a_price_that_did_not_change_goes_on(shop: Shop) -> None:
    line = shop.line(shop.account(), "meter")
    text = (CONFIG / "catalog/demo.yaml").read_text(encoding="utf-8").replace('"3.00"', '"4.00"')
    shop.do(lambda work: catalog.apply(work, text))
    assert charged(shop, line) == [
        ("Meter", "3", date(2026, 6, 1), None),
        ("Messages", "0.0015", date(2026, 6, 1), None),
    ]
    shop.at("2026-06-10T12:00:00+02:00")
    shop.do(lambda work: subscriptions.change(work, line.id, "meter"))
    shop.settle()
    assert sorted(charged(shop, line), key=lambda each: (each[0], each[2])) == [
        ("Messages", "0.0015", date(2026, 6, 1), None),
        ("Meter", "3", date(2026, 6, 1), date(2026, 6, 10)),
        ("Meter", "4", date(2026, 6, 10), None),
    ]


def test_a_termination_is_free_from_its_own_day_however_late_the_network(shop: Shop) -> None:
    line = shop.line(shop.account(), "meter")
    shop.at("2026-06-10T12:00:00+02:00")
    shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    assert now(shop, line).state is SubscriptionState.PENDING_TERMINATE
    shop.at("2026-06-20T12:00:00+02:00")
    shop.settle()
    ended = now(shop, line)
    assert (ended.state, ended.ends_on, ended.terminated_at) == (
        SubscriptionState.TERMINATED,
        date(2026, 6, 10),
        shop.clock.now(),
    )
    assert charged(shop, line) == [
        ("Meter", "3", date(2026, 6, 1), date(2026, 6, 10)),
        ("Messages", "0.0015", date(2026, 6, 1), date(2026, 6, 11)),
    ]
    assert [fact.ends_on for fact in shop.facts(SubscriptionTerminated)] == [date(2026, 6, 10)]  # type: ignore[attr-defined]
    with pytest.raises(IllegalTransition, match="Subscription is terminated and cannot terminate"):
        shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))


def test_a_debtor_s_hard_restriction_is_charged_a_customer_s_is_free(shop: Shop, home: Subscription) -> None:
    def restrict(cause: str, level: Level) -> None:
        shop.do(lambda work: subscriptions.restrict(work, home.id, cause=cause, level=level))

    def free() -> tuple[Span, ...]:
        return shop.do(lambda work: subscriptions.chargeable(work, home.account_id))[1].billed_none

    shop.at("2026-06-05T12:00:00+02:00")
    restrict("nonPayment", Level.HARD)
    restrict("customer", Level.SOFT)
    assert free() == ()
    restrict("customer", Level.HARD)
    shop.settle()
    assert free() == (Span(date(2026, 6, 5), date(9999, 1, 1)),)
    shop.at("2026-06-08T12:00:00+02:00")
    lifted = shop.do(lambda work: subscriptions.lift(work, home.id, cause="customer"))
    assert [each.level for each in lifted] == [Level.SOFT, Level.HARD]
    assert free() == (Span(date(2026, 6, 5), date(2026, 6, 8)),)
    assert shop.do(lambda work: subscriptions.restricted(work, home.id)) is Level.HARD
    shop.do(lambda work: subscriptions.lift(work, home.id, cause="nonPayment"))
    assert shop.do(lambda work: subscriptions.restricted(work, home.id)) is Level.NONE
    shop.settle()
    assert "'admin': 'up'" in shop.told[-1]
    assert "'profile': 'HOME500'" in shop.told[-1]


def test_the_same_restriction_twice_is_one_order(shop: Shop, home: Subscription) -> None:
    for _ in range(2):
        shop.do(lambda work: subscriptions.restrict(work, home.id, cause="nonPayment", level=Level.SOFT))
    shop.settle()
    assert shop.rows()["restriction_billing"] == 1
    assert shop.rows()["service_order"] == 2


def test_a_restriction_with_an_end_opens_the_line_by_itself(shop: Shop, home: Subscription) -> None:
    shop.at("2026-06-05T12:00:00+02:00")
    until = shop.clock.now().replace(day=7)
    placed = shop.do(
        lambda work: subscriptions.restrict(work, home.id, cause="customer", level=Level.HARD, until=until)
    )
    shop.settle()
    shop.clock.move_to(until)
    shop.do(lambda work: inventory.lapse(work, placed.id))
    shop.settle()
    assert shop.do(lambda work: subscriptions.restricted(work, home.id)) is Level.NONE
    assert "'admin': 'up'" in shop.told[-1]
    free = shop.do(lambda work: subscriptions.chargeable(work, home.account_id))[1].billed_none
    assert free == (Span(date(2026, 6, 5), date(2026, 6, 7)),)


def test_a_protected_line_is_never_cut_for_money(shop: Shop) -> None:
    order = shop.submit(shop.account(), add("mobile", protected=True))
    shop.settle()
    (line,) = shop.subscriptions(order)
    before = shop.rows()
    with pytest.raises(Forbidden, match="protected line"):
        shop.do(lambda work: subscriptions.restrict(work, line.id, cause="nonPayment", level=Level.HARD))
    with pytest.raises(Forbidden, match="protected line"):
        shop.do(lambda work: subscriptions.terminate(work, line.id, cause="nonPayment"))
    assert shop.rows() == before
    assert now(shop, line).state is SubscriptionState.ACTIVE
    shop.do(lambda work: subscriptions.restrict(work, line.id, cause="nonPayment", level=Level.SOFT))


def test_what_cannot_be_is_refused(shop: Shop, home: Subscription) -> None:
    with pytest.raises(Invalid, match="cause: unknown cause 'spite'"):
        shop.do(lambda work: subscriptions.restrict(work, home.id, cause="spite", level=Level.SOFT))
    with pytest.raises(NotFound, match="no subscription sub_"):
        shop.do(lambda work: subscriptions.get(work, type(home.id)(7)))
    shop.do(lambda work: subscriptions.terminate(work, home.id, cause="customer"))
    with pytest.raises(Conflict, match="is pendingTerminate"):
        shop.do(lambda work: subscriptions.restrict(work, home.id, cause="nonPayment", level=Level.SOFT))
    assert shop.do(lambda work: subscriptions.lift(work, home.id, cause="nonPayment")) == []
    assert shop.do(lambda work: subscriptions.throttle(work, home.id, rate="SLOW")) is None


def test_a_held_upgrade_is_not_charged_when_a_restriction_passes_it(shop: Shop, home: Subscription) -> None:
    shop.refuses = {"'profile': 'HOME"}
    upgrade(shop, home)
    shop.settle()
    shop.do(lambda work: subscriptions.restrict(work, home.id, cause="customer", level=Level.SOFT))
    shop.settle()
    assert "'profile': 'SOFT'" in shop.told[-1]
    assert now(shop, home).offering == "home-500"
    assert latest_order(shop, home) == "held"

    shop.refuses = set()
    (held,) = shop.do(views.fallout)
    shop.do(lambda work: orders.retry(work, held.order_id))
    shop.settle()
    assert now(shop, home).offering == "home-500"
    assert latest_order(shop, home) == "failed"
    assert len(shop.facts(SubscriptionChangeDropped)) == 1


# ---- doctor


def violations(shop: Shop, name: str, plant: Callable[[Work], None] | None = None) -> list[str]:
    if plant is not None:
        shop.do(plant)
    check = next(each for each in invariants.CHECKS if each.name == name)
    assert shop.database.run_system(check.examined) > 0
    return shop.database.run_system(check.violations)


def test_doctor_is_content_with_a_life(shop: Shop, home: Subscription) -> None:
    shop.at("2026-06-16T12:00:00+02:00")
    upgrade(shop, home)
    shop.settle()
    shop.at("2026-06-20T12:00:00+02:00")
    shop.do(lambda work: subscriptions.terminate(work, home.id, cause="customer"))
    line = shop.line(home.account_id, "meter", key="k3")
    shop.settle()
    shop.at("2026-07-20T12:00:00+02:00")
    assert violations(shop, "I5") == []
    assert violations(shop, "I18") == []
    assert now(shop, line).state is SubscriptionState.ACTIVE


def test_doctor_finds_a_service_without_a_subscription(shop: Shop, home: Subscription) -> None:
    def plant(work: Work) -> None:
        statement = sa.update(Subscription).where(Subscription.tenant == work.tenant)
        work.session.execute(statement.values(state=SubscriptionState.TERMINATED))

    (found,) = violations(shop, "I5", plant)
    assert f"{home.service_id} is served, its subscription is terminated ({home.id})" in found


def test_doctor_finds_a_day_charged_before_it_was_served(shop: Shop, home: Subscription) -> None:
    shop.at("2026-06-10T12:00:00+02:00")

    def plant(work: Work) -> None:
        statement = sa.update(PricePhase).where(PricePhase.tenant == work.tenant, PricePhase.component == "access")
        work.session.execute(statement.values(charged_from=date(2026, 5, 31)))

    (found,) = violations(shop, "I18", plant)
    assert f"{home.id} access is charged 2026-05-31 to 2026-06-10, served from 2026-06-01 to now" in found


def test_doctor_finds_a_day_charged_after_the_service_ended(shop: Shop, home: Subscription) -> None:
    def plant(work: Work) -> None:
        statement = sa.update(Service).where(Service.tenant == work.tenant)
        work.session.execute(statement.values(terminated_at=work.now))

    shop.do(plant)
    shop.at("2026-06-10T12:00:00+02:00")
    (found,) = violations(shop, "I18")
    assert "access is charged 2026-06-01 to 2026-06-10, served from 2026-06-01 to 2026-06-01" in found


def test_doctor_finds_a_line_that_is_served_for_nothing(shop: Shop, home: Subscription) -> None:
    def plant(work: Work) -> None:
        statement = sa.update(PricePhase).where(PricePhase.tenant == work.tenant, PricePhase.component == "access")
        work.session.execute(statement.values(until_date=date(2026, 6, 1)))

    (found,) = violations(shop, "I18", plant)
    assert f"{home.id} is served and no price of it runs" in found
