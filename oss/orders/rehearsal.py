"""What an order would say and how it would be taken back, read off an order that was placed to be undone.

Whoever rehearses places the order by the very functions that place any other, reads it here, and lets the Work end
without a commit: nothing is composed a second time.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernel.work import Work
from oss.inventory.model import ServiceId
from oss.orders import prepare, views, waits
from oss.orders.machine import OrderState
from oss.orders.model import OrderId, OrderPlan, Verb
from oss.orders.plan import UNDO, Plan, Step, command, undo_words, words
from oss.port import Command


@dataclass(frozen=True, slots=True)
class Planned:
    """One command as it would be sent, and the steps of its order that go before it.

    A step that no element answers says in `waits_for` whom or what it would wait for; its command is sent nowhere.
    """

    order_id: OrderId
    seq: int
    name: str
    requires: tuple[int, ...]
    command: Command
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One order: its commands in their order, and those that would take them back, the last one first.

    A `pending` one waits behind an open order of its service and has no commands before it starts.
    """

    order_id: OrderId
    service_id: ServiceId
    verb: Verb
    state: OrderState
    generation: int
    do: tuple[Planned, ...]
    undo: tuple[Planned, ...]


def of(work: Work, order_id: OrderId) -> Rehearsal:
    """An order of this Work that was placed and not sent. Raises NotFound."""
    work.flush()
    order = views.get(work, order_id)
    stored = work.session.get(OrderPlan, (work.tenant, order_id), populate_existing=True)
    steps = () if stored is None else Plan.loads(stored.plan).steps
    subject = prepare.lock(work, order.service_id)

    def said(step: Step) -> Planned:
        spoken = command(words(step), order=str(order_id), seq=step.seq, key=step.key, generation=order.generation)
        return Planned(order_id, step.seq, step.name, step.requires, spoken, "" if step.lane else waits.foretold(step))

    def unsaid(step: Step) -> Planned:
        back = undo_words(step, prepare.undo_state(work, subject, step.element, step.key))
        seq = step.seq + UNDO
        spoken = command(back, order=str(order_id), seq=seq, key=step.key, generation=order.generation)
        return Planned(order_id, seq, f"undo {step.name}", (), spoken)

    return Rehearsal(
        order_id=order_id,
        service_id=order.service_id,
        verb=order.verb,
        state=order.state,
        generation=order.generation,
        do=tuple(said(step) for step in steps),
        undo=tuple(unsaid(step) for step in reversed(steps) if step.lane),
    )
