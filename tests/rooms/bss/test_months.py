"""A customer's months in the middle of the house, on each database: ordered, served, used, and to be charged."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.ordering import service as ordering
from bss.subscriptions import invariants as subscription_invariants
from bss.subscriptions import service as subscriptions
from bss.usage import invariants as usage_invariants
from bss.usage import service as usage
from bss.usage.model import UsageEvent
from kernel.database import Database
from kernel.ids import TenantId
from kernel.tables import Base
from kernel.time import Span, VirtualClock
from oss.port import Level
from tests.rooms.bss.shop import METHOD, Shop, add

CHECKS = (*subscription_invariants.CHECKS, *usage_invariants.CHECKS)


def deliver(shop: Shop, meter: str, kind: str, value: str, *, at: str, quantity: int, count: int = 1) -> int:
    events = [
        UsageEvent(f"{meter}-{n}", meter, kind, value, quantity, datetime.fromisoformat(at)) for n in range(count)
    ]
    answers = [shop.do(lambda work: usage.ingest(work, events)) for _ in range(2)]
    assert [each.duplicate for each in answers] == [0, count]
    shop.settle()
    return answers[0].accepted


class Plans:
    """How SQLite, without statistics, would run every statement on the tables of these nouns."""

    ROOMS = ("bss.catalog", "bss.subscriptions", "bss.ordering", "bss.usage")

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.found = engine, dict[str, list[str]]()
        mappers = Base.registry.mappers
        self.tables = {str(m.local_table) for m in mappers if m.class_.__module__.startswith(self.ROOMS)}

    def __enter__(self) -> Plans:
        sa.event.listen(self.engine, "before_cursor_execute", self._explain)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self.engine, "before_cursor_execute", self._explain)

    def _explain(self, connection: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        words = set(re.findall(r"\w+", statement))
        if many or statement in self.found or not self.tables & words or statement.startswith("INSERT"):
            return
        driver = connection.connection.driver_connection
        self.found[statement] = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", values)]

    def slow(self) -> list[str]:
        """Statements that read a whole table, or all of a tenant's rows."""
        bad = re.compile(r"^SCAN (?!\w+ USING (COVERING )?INDEX)|\(tenant=\?\)$")
        return [statement for statement, steps in self.found.items() if any(bad.search(step) for step in steps)]


def test_no_statement_reads_all_of_a_tenant(database: Database, clock: VirtualClock, tenant: TenantId) -> None:
    with Plans(database.engine) as plans:
        shop = Shop(database, clock, tenant).open()
        account_id = live_two_months(shop)
        shop.do(lambda work: subscriptions.listed(work))
        shop.do(lambda work: ordering.of_account(work, account_id))
        for line in shop.do(lambda work: subscriptions.of_account(work, account_id)):
            shop.do(lambda work, i=line.id: usage.counters(work, i))
            shop.do(lambda work, i=line.id: usage.records(work, i, "data"))
        for next_due in (usage.next_due, ordering.next_due):
            database.run_system(next_due)
    assert len(plans.found) > 30
    assert plans.slow() == []


def test_two_months_of_a_customer(any_database: Database, clock: VirtualClock, tenant: TenantId) -> None:
    live_two_months(Shop(any_database, clock, tenant).open())
    for check in CHECKS:
        assert any_database.run_system(check.examined) > 0, check.name
        assert any_database.run_system(check.violations) == [], check.name


def live_two_months(shop: Shop) -> AccountId:
    """Order, use, upgrade, renew, restrict and lift, terminate one line; what is chargeable at each step is literal."""
    account_id = shop.account()
    order = shop.submit(account_id, add("home-500"), add("mobile"), add("meter"), method_id=METHOD)
    assert order.amount_minor == 8600
    shop.do(lambda work: ordering.open_gate(work, order.id))
    shop.settle()
    home, mobile, meter = shop.subscriptions(order)

    shop.at("2026-06-10T12:00:00+02:00")
    sent = deliver(shop, "data", "imsi", "001010000000001", at="2026-06-10T11:00:00+02:00", quantity=10**9, count=6)
    assert sent == 6
    assert [line for line in shop.told if "'rate': '64'" in line] == [shop.told[-1]]

    shop.at("2026-06-16T09:00:00+02:00")
    change = {"action": "modify", "subscription_id": str(home.id), "offering": "home-1000"}
    shop.submit(account_id, change, key="up", method_id=METHOD)
    shop.settle()
    sent = deliver(shop, "messages", "meter", "meter-0001", at="2026-06-16T08:00:00+02:00", quantity=1, count=1000)
    assert sent == 1000

    shop.at("2026-07-01T00:00:00+02:00")
    for _, counter_id in shop.database.run_system(lambda work: usage.due(work, shop.clock.now(), 10)):
        shop.do(lambda work, c=counter_id: usage.renew(work, c))
    shop.settle()
    assert "'rate': 'full'" in shop.told[-1]

    found = shop.do(lambda work: subscriptions.chargeable(work, account_id))
    assert [
        (each.description, each.rate.per_unit.normalize().to_eng_string(), each.start, each.end) for each in found
    ] == [
        ("Home 500 setup", "29", date(2026, 6, 1), None),
        ("Home 500", "39", date(2026, 6, 1), date(2026, 6, 16)),
        ("Home 1000", "59", date(2026, 6, 16), None),
        ("Mobile", "15", date(2026, 6, 1), None),
        ("Meter", "3", date(2026, 6, 1), None),
        ("Messages", "0.0015", date(2026, 6, 1), None),
    ]
    june = Span(date(2026, 6, 1), date(2026, 7, 1))
    rated = shop.do(lambda work: usage.rated(work, meter.id, "messages", june))
    assert (rated.quantity, rated.amount_nano) == (1000, 1_500_000_000)
    assert shop.do(lambda work: usage.rated(work, mobile.id, "data", june)).amount_nano == 0

    shop.do(lambda work: subscriptions.terminate(work, meter.id, cause="customer"))
    shop.settle()
    shop.do(lambda work: subscriptions.restrict(work, home.id, cause="customer", level=Level.SOFT))
    shop.settle()
    shop.do(lambda work: subscriptions.lift(work, home.id, cause="customer"))
    shop.settle()
    return account_id
