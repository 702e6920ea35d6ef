"""A shop over a network that answers at once: the real engine, elements that do as they are told or refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from bss.catalog import service as catalog
from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.ledger import service as ledger
from bss.ledger.model import TaxStatus
from bss.ordering import handlers as on_ordering
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.ordering.model import ProductOrder, ProductOrderItem
from bss.porting import handlers as on_porting
from bss.subscriptions import handlers as on_subscriptions
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Subscription
from kernel.database import Database
from kernel.events import Event, EventRow, catalogue
from kernel.ids import TenantId
from kernel.tables import Base
from kernel.time import VirtualClock
from kernel.work import Actor, SystemWork, Work
from oss.inventory import elements, supply
from oss.orders import lanes
from oss.orders import run as engine
from oss.orders.settle import Answer, Policy, Word
from oss.port import Reading
from oss.specs import service as specs

T = TypeVar("T")

METHOD = "pmt_0000000000001"
CONFIG = Path(__file__).parents[3] / "config"
PATIENT = Policy(failures=3, first_s=0.0, longest_s=0.0, horizon_s=0.0)
ELEMENTS = """
elements:
  - {name: hlr-1, protocol: memory, role: register}
  - {name: olt-1, protocol: memory, role: line-terminal}
  - {name: broker-1, protocol: memory, role: devices}
"""
STOCK = """
pools:
  - {pool: msisdn, run: {first: '447700900000', count: 5}}
  - {pool: sim, element: hlr-1, sim_run: {iccid: '899900100000000000', imsi: '001010000000001', count: 5}}
  - {pool: port, element: olt-1, run: {first: '1', count: 5}}
  - {pool: meter, element: broker-1, values: [meter-0001, meter-0002, meter-0003]}
"""
HANDLERS: Mapping[str, list[Callable[[Work, Any], None]]] = {
    "ServiceOrderCompleted": [on_ordering.on_service_order_completed, on_subscriptions.on_service_order_completed],
    "ServiceOrderPartial": [on_ordering.on_service_order_partial, on_subscriptions.on_service_order_partial],
    "ServiceOrderFailed": [on_ordering.on_service_order_failed, on_subscriptions.on_service_order_failed],
    "ServiceOrderCancelled": [on_ordering.on_service_order_cancelled, on_subscriptions.on_service_order_cancelled],
    "ServiceOrderHeld": [on_ordering.on_service_order_held],
    "ServiceOrderReleased": [on_ordering.on_service_order_released],
    "ProductOrderCompleted": [on_porting.on_order_completed],
    "ProductOrderFailed": [on_porting.on_order_failed],
    "SubscriptionTerminated": [on_porting.on_subscription_terminated],
    "SubscriptionReinstated": [on_porting.on_subscription_reinstated],
    "ReservationExpired": [on_ordering.on_reservation_expired],
    "RestrictionLapsed": [on_subscriptions.on_restriction_lapsed],
}


@dataclass
class Shop:
    """A tenant that sells the demo's catalogue, its clock, and a network in the drawer.

    A command that names one of the words in `refuses` is refused; `told` is what the network was told, in order.
    """

    database: Database
    clock: VirtualClock
    tenant: TenantId
    actor: Actor = Actor("test:clerk", frozenset({"admin"}))  # noqa: RUF009  (frozen)
    refuses: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    heard: list[Event] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def open(self, *, currency: str = "EUR") -> Shop:
        """Apply specifications, elements, stock, catalogue; a seller that is exempt."""

        def platform(work: SystemWork) -> None:
            for path in sorted((CONFIG / "specs").glob("*.yaml")):
                specs.apply(work, path)
            for document in elements.load(ELEMENTS):
                elements.apply(work, document)
            supply.apply(work, STOCK, granted_to=self.tenant)

        def commerce(work: Work) -> None:
            catalog.apply(work, CONFIG / "catalog/demo.yaml")
            ledger.create_seller(
                work,
                name="Demo",
                country="DE",
                zone="Europe/Berlin",
                currency=currency,
                tax_status=TaxStatus.EXEMPT,
                exemption_reason="small business",
            )

        self.database.run_system(platform)
        self.do(commerce)
        return self

    def do(self, fn: Callable[[Work], T]) -> T:
        """One committed Work of the tenant, and the handlers of what it announced."""
        result = self.database.run(fn, tenant=self.tenant, actor=self.actor)
        self.dispatch()
        return result

    def account(self, **over: Any) -> AccountId:
        """A customer's account in Berlin, billed on the first."""
        given = {"name": "Ada", "email": "ada@example.org", "currency": "EUR", "zone": "Europe/Berlin", **over}
        return self.do(lambda work: customers.create(work, **given)[1].id)

    def submit(self, account_id: AccountId, *items: dict[str, Any], key: str = "k1", **over: Any) -> ProductOrder:
        """Submit an order as it comes in from outside."""
        document = {"account_id": account_id, "items": list(items), "key": key, **over}
        return self.do(lambda work: ordering.submit(work, requests.read(document)))

    def line(self, account_id: AccountId, offering: str, *, key: str = "k1") -> Subscription:
        """An active line of an offering, paid by invoice."""
        order = self.submit(account_id, add(offering), key=key)
        self.settle()
        return self.subscriptions(order)[0]

    def order(self, order: ProductOrder) -> tuple[ProductOrder, list[ProductOrderItem]]:
        """An order and its items as stored."""
        return self.do(lambda work: (ordering.get(work, order.id), ordering.items(work, order.id)))

    def subscriptions(self, order: ProductOrder) -> list[Subscription]:
        """The subscriptions that an order is about."""
        _, items = self.order(order)
        return [self.do(lambda work, i=item: subscriptions.get(work, i.subscription_id)) for item in items]

    def at(self, text: str) -> None:
        """Move the clock to an instant."""
        self.clock.move_to(datetime.fromisoformat(text))

    def settle(self, *, turns: int = 100) -> None:
        """Turn the engine until the network has nothing more to do, and dispatch what it announced."""
        answers: list[Answer] = []
        for _ in range(turns):
            sent = self._turn(answers)
            answers = [self._answer(each) for each in sent]
            self.dispatch()
            if not sent:
                return
        raise AssertionError("the network never settled")

    def dispatch(self) -> None:
        """Hand every new fact to its handlers, each twice, for they must act once."""
        kinds = catalogue()
        while fresh := [row for row in self._facts() if row.id not in self._seen]:
            for row in fresh:
                self._seen.add(row.id)
                event = kinds[row.kind].model_validate_json(row.body)
                self.heard.append(event)
                for handler in HANDLERS.get(row.kind, []) * 2:
                    self.database.run(lambda work, h=handler, e=event: h(work, e), tenant=self.tenant, actor=self.actor)

    def facts(self, *kinds: type[Event]) -> list[Event]:
        """What was announced of some kinds, in order."""
        return [event for event in self.heard if isinstance(event, kinds)]

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""

        def count(work: SystemWork) -> dict[str, int]:
            tables = Base.metadata.tables
            return {
                name: work.connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for name, table in tables.items()
            }

        return self.database.run_system(count)

    def _facts(self) -> list[EventRow]:
        def read(work: Work) -> list[EventRow]:
            statement = sa.select(EventRow).where(EventRow.tenant == work.tenant).order_by(EventRow.id)
            return list(work.session.scalars(statement))

        return self.database.run(read, tenant=self.tenant, actor=self.actor)

    def _turn(self, answers: list[Answer]) -> list[engine.Sent]:
        def fn(work: SystemWork) -> list[engine.Sent]:
            room = dict.fromkeys(lanes.hold(work, "w1"), 10)
            return engine.turn(work, answers, worker="w1", room=room, policy=PATIENT).sent

        return self.database.run_system(fn)

    def _answer(self, sent: engine.Sent) -> Answer:
        command = sent.command
        self.told.append(f"{command.element} {command.key} {dict(command.state)}")
        if command.state.get("present") and any(word in self.told[-1] for word in self.refuses):
            return Answer(sent.task, sent.attempt, Word.REFUSED, message="no such profile")
        reading = Reading(command.state, transcript="")
        return Answer(sent.task, sent.attempt, Word.READ if sent.read_only else Word.DONE, reading)


def add(offering: str, **over: Any) -> dict[str, Any]:
    """An item for a new line."""
    return {"action": "add", "offering": offering, **over}
