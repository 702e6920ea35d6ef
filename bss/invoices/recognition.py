"""Revenue invoiced in advance is earned when its span is over: one journal for each account and billing day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from bss.customers.model import BillingAccount
from bss.invoices import compose, store
from bss.invoices.model import InvoiceLine, InvoiceLineId, Recognition
from bss.ledger import service as ledger
from bss.ledger.model import JournalId
from kernel.money import Money
from kernel.time import local_date
from kernel.work import Work


def recognise(work: Work, account: BillingAccount, *, day: date) -> None:
    """Book as earned what was invoiced in advance for spans that are over on a local day."""
    since = day - timedelta(days=compose.WINDOW_DAYS)
    over = store.elapsed(work, account.id, day=day, since=since)
    if not over:
        return
    earned = unearned(work, over)
    journal_id = _post(work, account, over, earned)
    work.session.add_all(
        Recognition(
            tenant=work.tenant,
            line_id=line.id,
            journal_id=journal_id,
            amount_minor=earned[line.id],
            currency=account.currency,
            recognised_at=work.now,
        )
        for line in over
    )
    work.session.flush()


def unearned(work: Work, lines: Sequence[InvoiceLine]) -> dict[InvoiceLineId, int]:
    """What of some deferred lines is still deferred: their net less what credit notes took back of it."""
    found = {line.id: line.net_minor for line in lines}
    for credit in store.credit_lines(work, list(found)):
        found[credit.line_id] -= credit.net_minor
    return found


def _post(
    work: Work, account: BillingAccount, over: Sequence[InvoiceLine], earned: dict[InvoiceLineId, int]
) -> JournalId:
    sums: dict[str, int] = defaultdict(int)
    for line in over:
        sums[f"net:{line.revenue_account}"] += earned[line.id]
        sums["deferred"] += earned[line.id]
    seller = ledger.seller(work, account.seller_id)
    return ledger.post(
        work,
        "revenueRecognised",
        seller_id=seller.id,
        on=local_date(work.now, seller.zone),
        amounts={name: Money(minor, account.currency) for name, minor in sums.items()},
        refs={"account": account.id},
    )
