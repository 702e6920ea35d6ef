"""What porting does about facts of others; each may be told twice and acts once."""

from __future__ import annotations

from bss.ordering.events import ProductOrderCompleted, ProductOrderFailed
from bss.porting import service as porting
from bss.porting import store
from bss.subscriptions.events import SubscriptionReinstated, SubscriptionTerminated
from kernel.work import Work
from oss.inventory import ported


def on_order_completed(work: Work, event: ProductOrderCompleted) -> None:
    """The line with the number is up: calls may be sent to it."""
    port = store.of_order(work, event.order_id)
    if port is not None:
        porting.moved(work, port)


def on_order_failed(work: Work, event: ProductOrderFailed) -> None:
    """The line did not come up: the number goes back to the other operator."""
    port = store.of_order(work, event.order_id)
    if port is not None:
        porting.fell_through(work, port, reason=event.reason or "its order failed")


def on_subscription_terminated(work: Work, event: SubscriptionTerminated) -> None:
    """A line has ended whose number goes to another operator: it rests with nobody here."""
    port = store.of_subscription(work, event.subscription_id)
    if port is not None:
        ported.leave(work, port.number, to=port.other)
        porting.moved(work, port)


def on_subscription_reinstated(work: Work, event: SubscriptionReinstated) -> None:
    """A line's end was taken back: its number stays."""
    port = store.of_subscription(work, event.subscription_id)
    if port is not None:
        porting.fell_through(work, port, reason="the line's end was taken back")
