"""What invoices do about facts of other nouns; hearing one twice changes nothing, as billing twice makes nothing."""

from __future__ import annotations

from bss.customers import service as customers
from bss.invoices import drafting
from bss.invoices import service as invoices
from bss.invoices.events import InvoiceIssued
from bss.notices import service as notices
from bss.ordering.events import ProductOrderCompleted
from bss.subscriptions.events import SubscriptionTerminated
from kernel.money import Money
from kernel.time import local_date
from kernel.work import Work


def on_order_completed(work: Work, event: ProductOrderCompleted) -> None:
    """The first invoice of what an order added; what it changed is billed on the billing day."""
    account = customers.account(work, event.account_id)
    upto = local_date(work.now, account.zone)
    charged = {item.subscription_id for item in drafting.history(work, event.subscription_ids, upto=upto).charged}
    if new := [found for found in event.subscription_ids if found not in charged]:
        invoices.draft(work, account.id, upto=upto, order_ref=str(event.order_id), only=new)


def on_subscription_terminated(work: Work, event: SubscriptionTerminated) -> None:
    """The final bill of a subscription: unbilled usage, or a credit for the days it was billed ahead."""
    account = customers.account(work, event.account_id)
    invoices.draft(work, account.id, upto=local_date(work.now, account.zone), only=[event.subscription_id])


def on_invoice_issued(work: Work, event: InvoiceIssued) -> None:
    """Send the customer word of an invoice, once."""
    params = {
        "number": invoices.get(work, event.invoice_id).number or "",
        "total": str(Money(event.total_minor, event.currency)),
        "due_on": f"{event.due_on:%d.%m.%Y}",
    }
    notices.queue(work, event.account_id, "invoice", params, key=f"{event.invoice_id}-issued")
