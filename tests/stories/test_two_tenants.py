"""Two operators on one platform: the same codes and keys, one live identity each, and neither sees the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bss.catalog import service as catalog
from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices import service as invoices
from bss.invoices.model import InvoiceId
from bss.ledger import service as ledger
from bss.notices import service as notices
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.ordering.model import ProductOrder
from bss.payments import service as payments
from bss.payments.model import PaymentMethodId
from bss.subscriptions import service as subscriptions
from bss.usage import service as usage
from bss.usage.model import UsageEvent
from gateway import doctor, migrate, seed
from gateway.demo.town import CARD, OPERATOR, ZONE, Town
from gateway.demo.town import town as built
from gateway.identity.service import Caller
from gateway.verbs import core
from gateway.verbs.core import Desk, Verb
from gateway.verbs.table import VERBS
from kernel.errors import Conflict, Invalid, NotFound, TrunklineError
from kernel.ids import Id, TenantId
from kernel.tables import Base, Tenanted
from kernel.work import Actor, SystemWork, Work
from oss.inventory import pools, supply
from oss.inventory import service as inventory
from oss.inventory.model import Binding, BindingId
from oss.orders import views
from tests.conftest import postgres_url
from tests.stories.conftest import BROKER
from tests.stories.looking import at, line, meter, port

T = TypeVar("T")

SIMULATED = (*BROKER, "--ports", "20", "--meters", "6")
SECOND = TenantId(2)
STOCK = """
pools:
  - {pool: msisdn, run: {first: '447700900500', count: 5}}
  - {pool: sim, element: hlr-1, sim_run: {iccid: '899900100000000500', imsi: '001010000000501', count: 5}}
  - {pool: port, element: olt-1, run: {first: '17', count: 4}}
  - {pool: meter, element: broker-1, values: [meter-0005, meter-0006]}
"""
NORTHS, SOUTHS = "447700900000", "447700900500"


@dataclass
class Operator:
    """One tenant of the platform and its clerk, with one customer's order delivered."""

    town: Town
    tenant: TenantId
    actor: Actor
    account: AccountId = field(init=False)
    order: ProductOrder = field(init=False)

    async def do(self, fn: Callable[[Work], T]) -> T:
        """One committed Work of this tenant."""
        database = self.town.gateway.database
        return await asyncio.wrap_future(database.submit(fn, tenant=self.tenant, actor=self.actor))

    async def see(self, fn: Callable[[Work], T]) -> T:
        """One Work of this tenant that only reads."""
        database = self.town.gateway.database
        return await asyncio.wrap_future(database.read(fn, tenant=self.tenant, actor=self.actor))

    async def ask(self, verb: Verb[Any, Any], document: dict[str, Any]) -> str:
        """What the API and the CLI give this tenant's clerk, as they write it."""
        desk = Desk(self.town.gateway, Caller(self.tenant, self.actor))
        return str((await desk.do(verb, core.asked(verb, document))).model_dump_json())

    async def customer(self, name: str) -> tuple[AccountId, PaymentMethodId]:
        """A customer with a card."""
        card = {"number": CARD, "expiry_month": 12, "expiry_year": 2030, "cvc": "123"}
        made = await self.town.sim.bank("POST", "/v1/tokens", card)

        def fn(work: Work) -> tuple[AccountId, PaymentMethodId]:
            _, account = customers.create(
                work, name=name, email="ada@example.org", currency="EUR", zone=ZONE, billing_day=1
            )
            work.session.flush()
            method = payments.add_method(
                work, account.id, token=made["token"], brand=made["brand"], last4=made["last4"]
            )
            return account.id, method.id

        return await self.do(fn)

    async def submit(self, method: PaymentMethodId, *items: dict[str, Any], key: str) -> ProductOrder:
        """Order for the account and let it come to rest."""
        body = {"account_id": str(self.account), "items": items, "method_id": str(method), "key": key}
        order = await self.do(lambda work: ordering.submit(work, requests.read(body)))
        await self.town.settled()
        return await self.see(lambda work: ordering.get(work, order.id))


@dataclass
class Platform:
    """The two of them."""

    town: Town
    north: Operator
    south: Operator

    def each(self) -> Iterator[tuple[Operator, Operator]]:
        """Each operator, and the other."""
        yield self.north, self.south
        yield self.south, self.north


@pytest.fixture(
    params=[pytest.param("sqlite", marks=pytest.mark.slow), pytest.param("postgresql", marks=pytest.mark.real)]
)
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
    """One platform, two operators, to each a customer called Ada who ordered a mobile line, a home and a meter."""
    with ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            url = stack.enter_context(postgres_url())
            await asyncio.to_thread(migrate.upgrade, url)
        async with built(tmp_path, database_url=url, options=SIMULATED, strict_tenancy=True) as town:
            north = Operator(town, OPERATOR, Actor("north:clerk", frozenset({"admin"})))
            south = Operator(town, SECOND, Actor("south:clerk", frozenset({"admin"})))
            await _furnish(town, south)
            for operator, device in ((north, "meter-0001"), (south, "meter-0005")):
                operator.account, method = await operator.customer("Ada Berg")
                wanted = {"action": "add", "offering": "meter", "resources": {"meter": device}}
                mobile, home = ({"action": "add", "offering": code} for code in ("mobile", "home-500"))
                operator.order = await operator.submit(method, mobile, home, wanted, key="ada-1")
            yield Platform(town, north, south)


async def _furnish(town: Town, operator: Operator) -> None:
    """The second operator's seller, its catalogue under the same codes, at prices of its own, and its stock."""

    def fn(work: Work) -> None:
        seed.commercial(work)
        text = (seed.CONFIG / "catalog" / "demo.yaml").read_text(encoding="utf-8")
        catalog.apply(work, text.replace('amount: "15.00"', 'amount: "20.00"'))

    def stock(work: SystemWork) -> None:
        supply.apply(work, STOCK, granted_to=operator.tenant)

    await operator.do(fn)
    await asyncio.wrap_future(town.gateway.database.submit_system(stock))


async def test_two_operators_share_a_platform_and_nothing_else(platform: Platform) -> None:
    await the_same_codes_and_keys_serve_both(platform)
    await invoices_are_numbered_by_each_seller(platform)
    await stock_is_granted_to_one(platform)
    await a_live_identity_is_bound_once_on_the_platform(platform)
    await no_service_function_shows_the_other(platform)
    await no_list_or_page_of_the_api_shows_the_other(platform)
    await usage_goes_to_its_owner(platform)
    await the_books_of_each_are_level(platform)


async def the_same_codes_and_keys_serve_both(platform: Platform) -> None:
    town = platform.town
    for operator, _ in platform.each():
        assert (str(operator.order.state), operator.order.key) == ("completed", "ada-1")
        named = await operator.see(lambda work: [customer.name for customer in customers.page(work)])
        assert named == ["Ada Berg"]
    north, south = await line(town, "001010000000001"), await line(town, "001010000000501")
    assert north is not None
    assert south is not None
    assert (north.msisdn, south.msisdn) == (NORTHS, SOUTHS)
    assert (await port(town, "1"), await port(town, "17")) == (("up", "HOME500"), ("up", "HOME500"))
    assert (await meter(town, "meter-0001")).enabled
    assert (await meter(town, "meter-0005")).enabled


async def invoices_are_numbered_by_each_seller(platform: Platform) -> None:
    for operator, total in ((platform.north, 8600), (platform.south, 9100)):
        found = await operator.see(lambda work: invoices.listed(work))
        assert [(row.number, row.total_minor) for row in found] == [("INV-2026-000001", total)]
        taken = await operator.see(lambda work, a=operator.account: payments.of_account(work, a))  # type: ignore[misc]
        assert [payment.captured_minor for payment in taken] == [total]


async def stock_is_granted_to_one(platform: Platform) -> None:
    north, south = platform.north, platform.south
    free = [await each.see(lambda work: _free(work, "port")) for each in (north, south)]
    assert free == [15, 3]
    account, method = await south.customer("Bob Stern")
    body = {"account_id": str(account), "method_id": str(method), "key": "bob-1"}
    for number, kind in (("447700900050", NotFound), (NORTHS, Conflict)):
        item = {"action": "add", "offering": "mobile", "resources": {"msisdn": number}}
        request = requests.read({**body, "items": [item]})
        with pytest.raises(kind, match=number) as refused:
            await south.do(lambda work, r=request: ordering.submit(work, r))  # type: ignore[misc]
        assert refused.value.field == "msisdn"


def _free(work: Work, pool: str) -> int:
    return next(count for state, count in pools.counts(work, pool, tenant=work.tenant)[pool].items() if state == "free")


async def a_live_identity_is_bound_once_on_the_platform(platform: Platform) -> None:
    north, south = platform.north, platform.south
    [theirs] = await north.see(lambda work: _bindings(work, NORTHS))

    def again(work: Work) -> None:
        columns = {column.name: getattr(theirs, column.name) for column in Binding.__table__.columns}
        work.session.add(Binding(**{**columns, "id": BindingId.new(), "tenant": work.tenant}))
        work.session.flush()

    with pytest.raises((IntegrityError, TrunklineError)):
        await south.do(again)
    restock = f"pools: [{{pool: msisdn, values: ['{NORTHS}']}}]"
    assert await south.do(lambda work: supply.apply(work, restock, granted_to=SECOND)) == {"msisdn": 0}
    assert [row.tenant for row in await north.see(lambda work: _bindings(work, NORTHS))] == [OPERATOR]


def _bindings(work: Work, value: str) -> list[Binding]:
    query = sa.select(Binding).where(Binding.tenant == work.tenant, Binding.value == value, Binding.to_at.is_(None))
    return list(work.session.scalars(query))


# ---- who sees what


async def no_service_function_shows_the_other(platform: Platform) -> None:
    for operator, other in platform.each():
        theirs = await _things(other)
        for name, (look, thing) in theirs.items():
            assert await other.see(lambda work, f=look, t=thing: f(work, t)), name  # type: ignore[misc]
            with pytest.raises(NotFound):
                await operator.see(lambda work, f=look, t=thing: f(work, t))  # type: ignore[misc]
        for name, listed in _LISTS.items():
            assert await other.see(lambda work, f=listed, a=other.account: f(work, a)), name  # type: ignore[misc]
            try:
                assert not await operator.see(lambda work, f=listed, a=other.account: f(work, a)), name  # type: ignore[misc]
            except NotFound:
                continue


_LISTS: dict[str, Callable[[Work, AccountId], Any]] = {
    "subscriptions": subscriptions.of_account,
    "orders": ordering.of_account,
    "invoices": lambda work, account: invoices.listed(work, account_id=account),
    "payments": payments.of_account,
    "methods": payments.methods,
    "notices": notices.of_account,
    "what is to be charged": subscriptions.chargeable,
}


async def _things(operator: Operator) -> dict[str, tuple[Callable[[Work, Any], Any], Any]]:
    """One of each noun of an operator, with the function that looks at it."""

    def fn(work: Work) -> dict[str, tuple[Callable[[Work, Any], Any], Any]]:
        subscription = subscriptions.of_account(work, operator.account)[0]
        [invoice] = invoices.listed(work)
        [payment] = payments.of_account(work, operator.account)
        [method] = payments.methods(work, operator.account)
        account = customers.account(work, operator.account)
        order = ordering.of_account(work, operator.account)[0]
        [service_order, *_] = views.of_service(work, subscription.service_id)
        return {
            "customer": (customers.get, account.customer_id),
            "account": (customers.account, account.id),
            "seller": (ledger.seller, account.seller_id),
            "order": (ordering.get, order.id),
            "subscription": (subscriptions.get, subscription.id),
            "invoice": (invoices.get, InvoiceId(invoice.id)),
            "payment": (payments.get, payment.id),
            "method": (payments.method, method.id),
            "service": (inventory.get, subscription.service_id),
            "service order": (views.get, service_order.id),
        }

    return await operator.see(fn)


async def no_list_or_page_of_the_api_shows_the_other(platform: Platform) -> None:
    shown = 0
    for operator, other in platform.each():
        mine, theirs = await _ids(operator), await _ids(other)
        named = {str(thing): thing for _, thing in (await _things(other)).values()}
        for verb in (verb for verb in VERBS if verb.reads):
            if any(asked.is_required() for asked in verb.asks.model_fields.values()):
                await _is_not_found(operator, verb, named)
                continue
            given = await operator.ask(verb, {})
            assert [name for name in theirs if name in given] == [], verb.name
            shown += sum(1 for name in mine if name in given)
    assert shown > 0


async def _is_not_found(operator: Operator, verb: Verb[Any, Any], theirs: dict[str, Any]) -> None:
    """Ask for each thing of the other operator that the verb could be about."""
    wanted = [name for name, asked in verb.asks.model_fields.items() if asked.is_required()]
    if wanted == ["name"]:
        return
    assert len(wanted) == 1, f"{verb.name} asks {wanted}: say here what it is asked"
    told = 0
    for name in theirs:
        try:
            given = await operator.ask(verb, {wanted[0]: name})
        except NotFound:
            told += 1
        except Invalid:
            continue
        else:
            told += 1
            assert given == '{"items":[],"total":0}', f"{verb.name} {name}"
    if told == 0:  # the other operator has nothing of that kind: ask for one of nobody's
        kind = verb.asks.model_fields[wanted[0]].annotation
        assert isinstance(kind, type), verb.name
        assert issubclass(kind, Id), f"{verb.name} was asked nothing"
        with pytest.raises(NotFound):
            await operator.ask(verb, {wanted[0]: str(kind.new())})


async def _ids(operator: Operator) -> set[str]:
    """Every id of every row of an operator, as the edge writes them."""

    def fn(work: Work) -> set[str]:
        found: set[str] = set()
        for mapper in Base.registry.mappers:
            kind = mapper.class_
            if issubclass(kind, Tenanted) and "id" in mapper.columns:
                found |= {
                    str(row) for row in work.session.scalars(sa.select(kind.id).where(kind.tenant == work.tenant))
                }
        return {text for text in found if "_" in text}

    return await operator.see(fn)


# ---- usage


async def usage_goes_to_its_owner(platform: Platform) -> None:
    town, north, south = platform.town, platform.north, platform.south
    await town.advance(at(6, 5))
    moment = at(6, 5, 9)
    event = UsageEvent(event_id="cdr-1", meter="data", kind="msisdn", value=SOUTHS, quantity=1_000, at=moment)
    for number, owner in ((NORTHS, OPERATOR), (SOUTHS, SECOND)):
        look = town.gateway.database.read_system(lambda work, n=number: inventory.resolve(work, "msisdn", n, moment))  # type: ignore[misc]
        found = await asyncio.wrap_future(look)
        assert found is not None
        assert found[0] == owner
    stray = await north.do(lambda work: usage.ingest(work, [event]))
    assert (stray.accepted, [each.reason for each in stray.rejected]) == (0, ["unknownIdentity"])
    taken = await south.do(lambda work: usage.ingest(work, [event]))
    assert (taken.accepted, taken.rejected) == (1, ())
    same = replace(event, value=NORTHS)
    assert (await north.do(lambda work: usage.ingest(work, [same]))).accepted == 1
    report = {"device": "meter-0005", "meter": "messages", "quantity": 40, "at": moment.isoformat()}
    await town.sim.control("POST", "/usage", report)
    loop = asyncio.get_running_loop()
    until = loop.time() + 10
    while not await _messages(south) and loop.time() < until:
        await town.settled()
    assert (await _messages(north), await _messages(south)) == (0, 40)


async def _messages(operator: Operator) -> int:
    def fn(work: Work) -> int:
        lines = subscriptions.of_account(work, operator.account)
        counters = [counter for line in lines for counter in usage.counters(work, line.id)]
        return sum(counter.quantity for counter in counters if counter.meter == "messages")

    return await operator.see(fn)


async def the_books_of_each_are_level(platform: Platform) -> None:
    for operator, total in ((platform.north, 8600), (platform.south, 9100)):
        balance = await operator.see(lambda work: ledger.trial_balance(work, ledger.only_seller(work).id))
        assert sum(row.debit.minor for row in balance) == sum(row.credit.minor for row in balance) == total
    town = platform.town
    verdicts = await doctor.examine(town.gateway.database, network=town.runtime.network)
    assert [sentence for verdict in verdicts for sentence in verdict.violations] == []
