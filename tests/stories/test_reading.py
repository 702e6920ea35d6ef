"""Whoever looks holds nothing: PostgreSQL refuses to lock a row in a transaction that only reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.dunning import service as dunning
from bss.invoices import service as invoices
from bss.invoices import statement
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.payments import service as payments
from bss.subscriptions import service as subscriptions
from bss.usage import service as usage
from gateway import migrate
from gateway.demo.town import CLERK, OPERATOR, Town
from gateway.demo.town import town as built
from gateway.identity.service import Caller
from gateway.verbs import core
from gateway.verbs.core import Desk
from gateway.verbs.table import VERBS
from kernel.errors import NotFound
from kernel.ids import Id
from kernel.work import Work
from oss.inventory import service as inventory
from oss.orders import views
from tests.conftest import postgres_url
from tests.stories.conftest import BROKER
from tests.stories.test_main_job import METER, bundle

pytestmark = pytest.mark.real


@pytest.fixture
async def furnished(tmp_path: Path) -> AsyncIterator[Town]:
    """A house on PostgreSQL with a customer whose lines are up and whose invoice is paid."""
    with postgres_url() as url:
        await asyncio.to_thread(migrate.upgrade, url)
        async with built(tmp_path, database_url=url, options=BROKER, strict_tenancy=True) as town:
            account, method, _ = await town.customer("Ada Berg")
            await town.order(account, bundle(METER), method_id=method, key="ada-1")
            yield town


async def known(town: Town) -> dict[str, str]:
    """Something to ask for by each field of a question."""

    def fn(work: Work) -> dict[str, str]:
        [customer] = customers.page(work)
        [account] = customers.accounts(work, customer.id)
        [invoice] = invoices.listed(work)
        [payment] = payments.of_account(work, account.id)
        line = subscriptions.of_account(work, account.id)[0]
        return {
            "service_order_id": str(views.of_service(work, line.service_id)[0].id),
            "customer_id": str(customer.id),
            "account_id": str(account.id),
            "seller_id": str(account.seller_id),
            "subscription_id": str(line.id),
            "order_id": str(ordering.of_account(work, account.id)[0].id),
            "invoice_id": str(invoice.id),
            "payment_id": str(payment.id),
        }

    return await town.do(fn)


NAMES = {
    "catalog.show": "home-500",
    "spec.show": "fixed-access",
    "dialect.show": "hlr_cli",
    "element.show": "hlr-1",
    "ladder.show": "standard",
    "tax.show": "eu",
}


def nobodys(field: FieldInfo) -> str:
    """An id of the kind that a field asks for, or a name, of nothing at all."""
    assert isinstance(field.annotation, type)
    if field.annotation is str:
        return "nobody"
    assert issubclass(field.annotation, Id)
    return str(field.annotation.new())


async def test_every_reading_verb_reads_on_postgresql(furnished: Town) -> None:
    desk, given = Desk(furnished.gateway, Caller(OPERATOR, CLERK)), await known(furnished)
    for verb in (verb for verb in VERBS if verb.reads):
        told: dict[str, Any] = {name: given[name] for name in verb.asks.model_fields if name in given}
        if verb.name in NAMES:
            told["name"] = NAMES[verb.name]
        if verb.name == "fallout.show":
            told["id"] = given["service_order_id"]
        if verb.name == "task.list":
            told["order_id"] = given["service_order_id"]
        fields = verb.asks.model_fields.items()
        unknown = {name: nobodys(field) for name, field in fields if field.is_required() and name not in told}
        if unknown:  # nothing of that kind is there: it is looked for all the same
            with pytest.raises(NotFound):
                await desk.do(verb, core.asked(verb, {**told, **unknown}))
        else:
            await desk.do(verb, core.asked(verb, told))


async def test_what_people_look_at_holds_nothing(furnished: Town) -> None:
    given = await known(furnished)
    body = {"account_id": given["account_id"], "key": "x", "items": [{"action": "add", "offering": "home-500"}]}

    def fn(work: Work) -> list[Any]:
        account = AccountId.parse(given["account_id"])
        line = subscriptions.of_account(work, account)[0]
        invoice = invoices.listed(work)[0].id
        payment = payments.of_account(work, account)[0].id
        return [
            dunning.owed(work, account).plain(),
            invoices.owed(work, account, currency="EUR"),
            invoices.open_amount(work, invoice).plain(),
            statement.show(work, invoice)["status"],
            statement.explain(work, invoice)[-1],
            statement.open_credit(work, account, currency="EUR").plain(),
            payments.unapplied(work, payment).plain(),
            str(subscriptions.restricted(work, line.id)),
            len(subscriptions.chargeable(work, account)) > 0,
            usage.counters(work, line.id),
            inventory.intent(work, line.service_id).present,
            len(views.of_service(work, line.service_id)),
            ordering.preview(work, requests.read(body)).plain(),
        ]

    assert await furnished.see(fn) == [
        *("0.00", [], "0.00", "paid", "In all 86.00 EUR, of which 0.00 EUR is tax.", "0.00", "0.00", "none", True),
        *([], True, 1, "68.00"),
    ]
