"""Numbers without a hole, whatever is refused and whoever draws at the same time."""

from __future__ import annotations

from concurrent.futures import Future, wait
from dataclasses import replace
from datetime import date

import pytest

from bss.customers import service as customers
from bss.invoices import series
from bss.invoices import service as invoices
from bss.invoices.model import DocumentType, NumberSeries
from bss.ledger.model import SellerId
from bss.subscriptions.model import Chargeable, PricePhaseId, SubscriptionId
from bss.tax import table
from bss.tax.port import TaxQuote
from kernel.database import Database
from kernel.errors import Conflict, Invalid
from kernel.ids import TenantId
from kernel.work import Actor, SystemWork, Work
from tests.rooms.bss.invoices.conftest import VAT, Shop
from tests.rooms.bss.invoices.tariff import HOME_500, JUNE

SELLER = SellerId(1)


@pytest.fixture
def database(any_database: Database) -> Database:
    """Proved on each database the house runs on."""
    return any_database


def drawn(work: Work, day: date, kind: DocumentType = DocumentType.INVOICE, *, shard: int = 0) -> str:
    """Draw one number."""
    return series.draw(work, SELLER, kind, on=day, shard=shard).text


def test_each_seller_document_year_and_shard_counts_from_one(shop: Shop) -> None:
    assert shop.do(lambda work: [drawn(work, JUNE), drawn(work, JUNE)]) == ["INV-2026-000001", "INV-2026-000002"]
    assert shop.do(lambda work: drawn(work, date(2027, 1, 1))) == "INV-2027-000001"
    assert shop.do(lambda work: drawn(work, JUNE, DocumentType.CREDIT_NOTE)) == "CRN-2026-000001"
    assert shop.do(lambda work: drawn(work, JUNE, shard=3)) == "INV-2026-3-000001"


def test_dates_never_run_back_within_a_series(shop: Shop) -> None:
    shop.do(lambda work: drawn(work, date(2026, 6, 2)))
    with pytest.raises(Conflict, match="later date"):
        shop.do(lambda work: drawn(work, JUNE))
    assert shop.do(lambda work: drawn(work, date(2026, 6, 2))) == "INV-2026-000002"


def test_concurrent_works_with_refusals_leave_no_hole(shop: Shop, tenant: TenantId, actor: Actor) -> None:
    def attempt(number: int) -> Future[str]:
        def fn(work: Work) -> str:
            text = drawn(work, JUNE)
            if number % 3 == 0:
                raise Invalid("refused after drawing")
            return text

        return shop.database.submit(fn, tenant=tenant, actor=actor)

    futures = [attempt(number) for number in range(90)]
    wait(futures)
    numbers = sorted(future.result() for future in futures if future.exception() is None)
    assert numbers == [f"INV-2026-{number:06d}" for number in range(1, 61)]


def of_another(number: int) -> Chargeable:
    """The same price, of a subscription that nobody billed yet."""
    return replace(HOME_500, subscription_id=SubscriptionId(100 + number), phase_id=PricePhaseId(100 + number))


def test_invoices_sealed_at_once_are_numbered_without_a_hole(shop: Shop, tenant: TenantId, actor: Actor) -> None:
    for number in range(12):

        def open_one(work: Work, number: int = number) -> None:
            _, account = customers.create(
                work, name=f"C{number}", email="c@example.org", currency="EUR", zone="Europe/Berlin"
            )
            shop.chargeable = [of_another(number)]
            invoices.draft(work, account.id, upto=JUNE)

        shop.do(open_one)
    errands = shop.database.run_system(lambda work: invoices.errands(work, 100))
    futures = []
    for number, errand in enumerate(errands):
        quote = table.quote(VAT, errand.request)
        if number % 4 == 0:
            quote = quote.model_copy(update={"lines": ()})

        def seal(work: Work, errand: invoices.Errand = errand, quote: TaxQuote = quote) -> str:
            return invoices.seal(work, errand.invoice_id, quote)

        futures.append(shop.database.submit(seal, tenant=tenant, actor=actor))
    wait(futures)
    assert sorted(f.result() for f in futures if f.exception() is None) == [f"INV-2026-{n:06d}" for n in range(1, 10)]
    assert shop.broken() == []


def test_a_hole_and_a_date_that_runs_back_are_found(shop: Shop) -> None:
    shop.chargeable = [HOME_500]
    shop.issue(JUNE)
    assert shop.broken("I28") == []

    def skip(work: SystemWork) -> None:
        work.session.query(NumberSeries).one().last += 1

    shop.plant(skip)
    assert [text.partition(": ")[2] for text in shop.broken("I28")] == ["drawn to 2, documents 1 from 1 to 1"]
