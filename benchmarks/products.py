"""How many product orders a second go all the way: submitted, placed, drained, delivered, active and billable."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from adapters.elements.memory import MemoryElement
from benchmarks import place
from bss.catalog import service as catalog
from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.ledger import service as ledger
from bss.ledger.model import TaxStatus
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.ordering.machine import ProductOrderState
from bss.ordering.model import ProductOrder
from gateway import dispatch
from gateway.delivery import Delivery
from gateway.network import Network
from gateway.worker import Worker
from kernel.database import Database
from kernel.time import SystemClock
from kernel.work import SystemWork, Work
from oss.inventory import elements, supply
from oss.port import ElementSpec
from oss.specs import service as specs

CONFIG = Path(__file__).parent.parent / "config"
OFFERING = "mobile"
"""A line with a number and a SIM, paid by invoice: no gate stands before it."""
ELEMENT = "hlr-1"
LOOK_S = 0.02
"""How often it is looked whether all are completed."""


class Shop:
    """A seller of the shipped catalogue, customers, and stock for so many lines."""

    def __init__(self, database: Database, *, orders: int) -> None:
        self._database, self._orders = database, orders
        self.element = MemoryElement(ELEMENT)

    def connect(self, _: ElementSpec) -> MemoryElement:
        """The one element."""
        return self.element

    def open(self) -> list[AccountId]:
        """Specifications, stock, catalogue, and a customer's account for each order."""
        self._database.run_system(self._platform)
        return self._database.run(lambda work: _commerce(work, self._orders), tenant=place.OPERATOR, actor=place.CLERK)

    def _platform(self, work: SystemWork) -> None:
        for path in sorted((CONFIG / "specs").glob("*.yaml")):
            specs.apply(work, path)
        for document in elements.load(f"elements: [{{name: {ELEMENT}, protocol: memory, role: register}}]"):
            elements.apply(work, document)
        sim = f"{{iccid: '899900100000000000', imsi: '001010000000001', count: {self._orders}}}"
        stock = (
            "pools:\n"
            f"  - {{pool: msisdn, run: {{first: '447700900000', count: {self._orders}}}}}\n"
            f"  - {{pool: sim, element: {ELEMENT}, sim_run: {sim}}}\n"
        )
        supply.apply(work, stock, granted_to=place.OPERATOR)


def _commerce(work: Work, accounts: int) -> list[AccountId]:
    catalog.apply(work, CONFIG / "catalog/demo.yaml")
    exempt = {"tax_status": TaxStatus.EXEMPT, "exemption_reason": "a benchmark"}
    ledger.create_seller(work, name="Demo", country="DE", zone="Europe/Berlin", currency="EUR", **exempt)
    named: dict[str, Any] = {"name": "Ada", "email": "ada@example.org", "currency": "EUR", "zone": "Europe/Berlin"}
    return [customers.create(work, **named)[1].id for _ in range(accounts)]


def _submit(work: Work, account: AccountId) -> None:
    items = [{"action": "add", "offering": OFFERING}]
    ordering.submit(work, requests.read({"account_id": account, "items": items, "key": str(account)}))


def _completed(work: SystemWork) -> int:
    done = ProductOrder.state == ProductOrderState.COMPLETED
    query = sa.select(sa.func.count()).select_from(ProductOrder).where(ProductOrder.tenant == place.OPERATOR, done)
    return int(work.connection.execute(query).scalar_one())


def _drained(database: Database, accounts: list[AccountId]) -> float:
    begun = time.perf_counter()
    waiting = [
        database.submit(lambda work, a=account: _submit(work, a), tenant=place.OPERATOR, actor=place.CLERK)  # type: ignore[misc]
        for account in accounts
    ]
    for future in waiting:
        future.result()
    while database.read_system(_completed).result() < len(accounts):
        time.sleep(LOOK_S)
    return time.perf_counter() - begun


async def measured(url: str, *, orders: int) -> int:
    """Product orders a second, from the first submission to the last completion."""
    database = Database(url, clock=SystemClock(), subscriptions=dispatch.SUBSCRIPTIONS)
    shop = Shop(database, orders=orders)
    accounts = await asyncio.to_thread(shop.open)
    worker = Worker(database, Network(database, shop.connect))
    delivery = Delivery(database, dispatch.HANDLERS)
    parts = [asyncio.create_task(worker.run()), asyncio.create_task(delivery.run())]
    draining = asyncio.create_task(asyncio.to_thread(_drained, database, accounts))
    await asyncio.wait((draining, *parts), return_when=asyncio.FIRST_COMPLETED)
    for part in parts:
        if part.done():
            part.result()  # it gave up: say why, instead of waiting for it
    seconds = await draining
    worker.stop()
    delivery.stop()
    await asyncio.gather(*parts)
    await asyncio.to_thread(database.close)
    return round(orders / seconds)
