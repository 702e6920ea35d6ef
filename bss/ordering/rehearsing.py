"""An order played to its end in a Work that is then undone: what it would place, and what it would leave behind.

The Work must end without a commit; only what is read in it may leave it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bss.ordering import service as ordering
from bss.ordering.model import Action, ProductOrder
from bss.ordering.request import SubmitRequest
from bss.subscriptions.model import SubscriptionId
from kernel.work import Work
from oss.inventory import service as inventory
from oss.orders import views
from oss.orders.events import ServiceOrderCompleted
from oss.orders.model import OrderId
from oss.specs.compose import Intent


def play(work: Work, request: SubmitRequest) -> tuple[ProductOrder, list[OrderId]]:
    """Submit an order, with every gate open at once: the order, and what it placed with the network, item by item."""
    order = ordering.submit(work, request)
    for gate in ordering.gates(work, order.id):
        ordering.open_gate(work, order.id, gate.name)
    work.flush()
    placed = [item.service_order_id for item in ordering.items(work, order.id)]
    return order, [order_id for order_id in placed if order_id is not None]


def deliver(work: Work, placed: Sequence[OrderId]) -> None:
    """Let the network have confirmed all of it now."""
    for order_id in placed:
        row = views.get(work, order_id)
        intent = Intent.of(row.intent)
        inventory.become(work, row.service_id, generation=row.generation, intent=intent, at=work.now)
        work.flush()
        ordering.delivered(
            work,
            ServiceOrderCompleted(
                order_id=row.id,
                service_id=row.service_id,
                owner=row.owner,
                verb=row.verb,
                parent=row.parent,
                generation=row.generation,
                at=work.now,
            ),
        )


def added(work: Work, order: ProductOrder) -> list[SubscriptionId]:
    """The new lines of an order, which its first invoice is about."""
    return [item.subscription_id for item in ordering.items(work, order.id) if item.action is Action.ADD]
