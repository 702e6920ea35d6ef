"""A furnished house for the demo: simulators, a database, a virtual clock, everything running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.ordering.model import ProductOrderId
from bss.payments import service as payments
from bss.payments.model import PaymentMethodId
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Subscription
from gateway import dispatch, seed
from gateway.runtime import Runtime, running
from gateway.settings import Settings
from gateway.simulated import Simulators, simulators
from gateway.wiring import Gateway, open_gateway
from kernel.ids import TenantId
from kernel.time import VirtualClock
from kernel.work import Actor, Work
from oss.orders.settle import Policy

T = TypeVar("T")

OPERATOR = TenantId(1)
CLERK = Actor("demo:clerk", frozenset({"admin"}))
START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
CARD = "4242424242424242"
"""The bank's test card: only the customer's browser ever sends it, and only to the bank."""
BRISK = Policy(failures=3, first_s=0.1, longest_s=0.5, horizon_s=0.1)
"""A demo does not wait minutes for an element that is played dead on purpose."""


@dataclass
class Town:
    """The house and its surroundings."""

    sim: Simulators
    gateway: Gateway
    runtime: Runtime
    clock: VirtualClock

    async def do(self, fn: Callable[[Work], T]) -> T:
        """One committed Work of the clerk."""
        return await asyncio.wrap_future(self.gateway.database.submit(fn, tenant=OPERATOR, actor=CLERK))

    async def see(self, fn: Callable[[Work], T]) -> T:
        """One Work that only reads."""
        return await asyncio.wrap_future(self.gateway.database.read(fn, tenant=OPERATOR, actor=CLERK))

    async def advance(self, to: datetime) -> None:
        """Let business time pass, doing everything that falls due on the way."""
        await self.runtime.advance(to)

    async def settled(self) -> None:
        """Wait until the house is at rest."""
        await self.runtime.settled()

    # ---- what people do

    async def customer(self, name: str, *, card: str = CARD) -> tuple[AccountId, PaymentMethodId, str]:
        """A customer with a card: the account, the method, the token the bank made of the card."""
        made = await self.sim.bank(
            "POST", "/v1/tokens", {"number": card, "expiry_month": 12, "expiry_year": 2030, "cvc": "123"}
        )

        def fn(work: Work) -> tuple[AccountId, PaymentMethodId]:
            email = f"{name.lower().replace(' ', '.')}@example.org"
            _, account = customers.create(work, name=name, email=email, currency="EUR", zone=ZONE, billing_day=1)
            work.session.flush()
            method = payments.add_method(
                work, account.id, token=made["token"], brand=made["brand"], last4=made["last4"]
            )
            return account.id, method.id

        account_id, method_id = await self.do(fn)
        return account_id, method_id, made["token"]

    async def order(
        self, account_id: AccountId, items: Sequence[Mapping[str, Any]], *, method_id: PaymentMethodId, key: str
    ) -> ProductOrderId:
        """Submit a product order and let it come to rest."""
        body = {"account_id": str(account_id), "items": items, "method_id": str(method_id), "key": key}
        order = await self.do(lambda work: ordering.submit(work, requests.read(body)))
        await self.settled()
        return order.id

    async def lines(self, account_id: AccountId) -> dict[str, Subscription]:
        """An account's subscriptions by the offering each has now."""
        found = await self.see(lambda work: subscriptions.of_account(work, account_id))
        return {subscription.offering: subscription for subscription in found}

    # ---- what the network shows

    async def shows(self, element: str, key: str) -> dict[str, Any]:
        """What an element really shows for a key, read from the simulator and not from our books."""
        state: dict[str, dict[str, Any]] = await self.sim.control("GET", f"/state/{element}")
        return state.get(key, {})


@asynccontextmanager
async def town(
    folder: Path, *, database_url: str | None = None, options: Sequence[str] = (), strict_tenancy: bool = False
) -> AsyncIterator[Town]:
    """Build it, furnish it, set it running; take it down with the block."""
    clock = VirtualClock(START)
    async with simulators(*options) as sim:
        settings = Settings(
            database_url=database_url or f"sqlite:///{folder}/trunkline.db",
            secret_key_file=folder / "secret.key",
            audit_anchor=folder / "audit.anchor",
            notices_dir=folder / "notices",
            bank_url=sim.facts["bank"]["url"],
            portability_url=sim.facts["portability"]["url"],
            poll_s=0.2,
        )
        gateway = open_gateway(
            settings, subscriptions=dispatch.SUBSCRIPTIONS, clock=clock, strict_tenancy=strict_tenancy
        )
        try:
            await asyncio.to_thread(_furnish, gateway, sim)
            async with running(gateway, policy=BRISK) as runtime:
                yield Town(sim, gateway, runtime, clock)
        finally:
            await gateway.close()


def _furnish(gateway: Gateway, sim: Simulators) -> None:
    database = gateway.database
    database.run_system(lambda work: seed.secrets(work, gateway.vault, sim.facts))
    database.run_system(lambda work: seed.platform(work, facts=sim.facts, operator=OPERATOR))
    database.run(seed.commercial, tenant=OPERATOR, actor=CLERK)
