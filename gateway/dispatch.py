"""Who listens to what, and what falls due when: the two tables by which facts go up through the house, on one screen.

Down the house is a plain call; up is only an event, and every one that anybody hears stands here.
"""

from __future__ import annotations

from collections.abc import Sequence

from bss.dunning import handlers as dunning
from bss.dunning import service as cases
from bss.invoices import debts
from bss.invoices import events as invoice_events
from bss.invoices import handlers as invoices
from bss.invoices import service as bills
from bss.ordering import events as ordering_events
from bss.ordering import handlers as ordering
from bss.ordering import holding
from bss.ordering import service as product_orders
from bss.ordering.bulk import stepping as bulk
from bss.payments import events as payment_events
from bss.payments import handlers as payments
from bss.porting import handlers as porting
from bss.porting import service as ports
from bss.subscriptions import events as subscription_events
from bss.subscriptions import handlers as subscriptions
from bss.usage import service as usage
from gateway.delivery import Handler
from gateway.due import Timer
from kernel.events import Event
from oss.inventory import events as inventory_events
from oss.inventory import service as inventory
from oss.orders import deadlines, outside, waits, windows
from oss.orders import events as order_events

TABLE: tuple[tuple[type[Event], tuple[Handler, ...]], ...] = (
    # an order: held money opens the gate, the network's confirmation delivers it, the first invoice follows
    (ordering_events.ProductOrderAcknowledged, (payments.on_order,)),
    (ordering_events.ProductOrderDue, (payments.on_order,)),
    (payment_events.PaymentAuthorised, (ordering.on_payment_authorised,)),
    (payment_events.PaymentDeclined, (ordering.on_payment_declined, payments.on_declined)),
    (
        order_events.ServiceOrderCompleted,
        (subscriptions.on_service_order_completed, ordering.on_service_order_completed),
    ),
    (order_events.ServiceOrderPartial, (subscriptions.on_service_order_partial, ordering.on_service_order_partial)),
    (order_events.ServiceOrderFailed, (subscriptions.on_service_order_failed, ordering.on_service_order_failed)),
    (
        order_events.ServiceOrderCancelled,
        (subscriptions.on_service_order_cancelled, ordering.on_service_order_cancelled),
    ),
    (order_events.ServiceOrderHeld, (ordering.on_service_order_held,)),
    (order_events.ServiceOrderReleased, (ordering.on_service_order_released,)),
    (ordering_events.ProductOrderCompleted, (invoices.on_order_completed, porting.on_order_completed)),
    (ordering_events.ProductOrderFailed, (payments.on_order_failed, porting.on_order_failed)),
    # money: an invoice is collected when issued; money or a credit cures a debt, a late one opens a case
    (invoice_events.InvoiceIssued, (invoices.on_invoice_issued, payments.on_invoice_issued)),
    (invoice_events.InvoiceOverdue, (dunning.on_overdue,)),
    (invoice_events.InvoiceSettled, (dunning.on_settled,)),
    (invoice_events.CreditNoteIssued, (dunning.on_credit,)),
    (payment_events.PaymentSucceeded, (dunning.on_payment,)),
    (payment_events.PaymentUnapplied, (dunning.on_unapplied,)),
    (
        subscription_events.SubscriptionTerminated,
        (invoices.on_subscription_terminated, porting.on_subscription_terminated),
    ),
    (subscription_events.SubscriptionReinstated, (porting.on_subscription_reinstated,)),
    # the network's own ends: reservations nobody paid for, restrictions with an end
    (inventory_events.ReservationExpired, (ordering.on_reservation_expired,)),
    (inventory_events.RestrictionLapsed, (subscriptions.on_restriction_lapsed,)),
)

TIMERS: tuple[Timer, ...] = (
    Timer("inventory", inventory.due, inventory.next_due, inventory.lapse),
    Timer("tasks", waits.due, waits.next_due, outside.look),
    Timer("windows", windows.due, windows.next_due, windows.turn),
    Timer("signals", waits.signals_due, waits.next_signal_due, waits.forget),
    Timer("jeopardy", deadlines.due, deadlines.next_due, deadlines.look),
    Timer("ordering", product_orders.due, product_orders.next_due, product_orders.expire),
    Timer("ports", ports.due, ports.next_due, ports.step),
    Timer("plans", holding.due, holding.next_due, holding.let_go),
    Timer("bulk", bulk.due, bulk.next_due, bulk.step),
    Timer("usage", usage.due, usage.next_due, usage.renew),
    Timer("billing", bills.due, bills.next_due, bills.bill),
    Timer("overdue", debts.due, debts.next_due, debts.fall_overdue),
    Timer("dunning", cases.due, cases.next_due, cases.advance),
)


def name(handler: Handler) -> str:
    """A handler's lasting name in the outbox: room, noun and function."""
    return f"{handler.__module__.removesuffix('.handlers')}.{handler.__name__}"


HANDLERS: dict[str, Handler] = {name(handler): handler for _, handlers in TABLE for handler in handlers}
SUBSCRIPTIONS: dict[str, Sequence[str]] = {
    kind.kind(): tuple(name(handler) for handler in handlers) for kind, handlers in TABLE
}
PAID, DELIVERED = name(dunning.on_payment), name(ordering.on_service_order_completed)
"""The debts that a landed payment and a confirmed service order leave: what a stopwatch listens for."""
