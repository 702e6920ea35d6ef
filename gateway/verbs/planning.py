"""Dry runs: what an order or a restriction would say to each element, what it holds, bills and how it is taken back.

Each is the real thing, done in a Work that is undone; only an order's plan stays, with what it holds for 15 minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.invoices import preview as previews
from bss.invoices.preview import Preview
from bss.ordering import holding, rehearsing, undoing
from bss.ordering import request as requests
from bss.ordering.model import ProductOrder, ProductOrderPlan
from bss.ordering.request import SubmitRequest
from bss.subscriptions import moves
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import SubscriptionId
from gateway.verbs.core import Asks, Desk, Gives, edging
from kernel.errors import Invalid
from kernel.ids import EventId
from kernel.money import Money
from kernel.time import local_date
from kernel.work import Work
from oss.inventory import elements, holds
from oss.inventory.model import ServiceId
from oss.orders import rehearsal, views
from oss.orders.machine import OrderState
from oss.orders.model import OrderId, Verb
from oss.orders.rehearsal import Planned, Rehearsal
from oss.port import Level, NetworkElement


class PlanAsked(Asks):
    """An order as it would be submitted; its key may be left out."""

    account_id: AccountId
    items: list[dict[str, Any]] = Field(min_length=1, max_length=requests.ITEMS)
    method_id: str | None = None
    atomic: bool = True
    start_at: datetime | None = None
    key: str | None = None


class Change(StrEnum):
    """What may be done to a line."""

    RESTRICT = "restrict"
    LIFT = "lift"
    TERMINATE = "terminate"
    UNDO_TERMINATE = "undo-terminate"
    SWAP_SIM = "swap-sim"
    CHANGE_NUMBER = "change-number"
    MOVE = "move"


class LinePlanAsked(Asks):
    """What is to be done to a line, as it would be asked for; `to`, `on` and `resource` are for moves."""

    subscription_id: SubscriptionId
    change: Change
    cause: str = "customer"
    level: Level = Level.SOFT
    until: datetime | None = None
    to: str | None = None
    on: str | None = None
    resource: str = moves.PORT


class CommandGiven(Gives):
    """One command in the words of its element, unsent; it goes once the steps it requires are confirmed."""

    order_id: OrderId
    seq: int
    name: str
    element: str
    protocol: str
    key: str
    requires: list[int]
    words: list[str]


class PlacedGiven(Gives):
    """An order to the network as it would be placed; a pending one waits behind an open order of its service."""

    order_id: OrderId
    service_id: ServiceId
    verb: Verb
    state: OrderState
    generation: int


class HoldGiven(Gives):
    """A piece of the stock that is held for the plan."""

    pool: str
    value: str
    element: str | None
    service_id: ServiceId
    until: datetime


class PreviewLineGiven(Gives):
    """A line of the invoice to come."""

    description: str
    from_date: date
    until_date: date
    net: str
    tax: str
    tax_rate: str
    tax_reason: str | None


class PreviewGiven(Gives):
    """An invoice as it would be."""

    on: date
    lines: list[PreviewLineGiven]
    net: str
    tax: str
    total: str
    currency: str


class RehearsedGiven(Gives):
    """What would be said, in order, and what would take it back, the last step first."""

    orders: list[PlacedGiven]
    commands: list[CommandGiven]
    undo: list[CommandGiven]


class PlanGiven(RehearsedGiven):
    """A plan: `order submit --plan CHECKSUM` does it, unless something of its footprint has changed."""

    checksum: str
    until: datetime
    amount: str
    currency: str
    held: list[HoldGiven]
    invoice: PreviewGiven
    footprint: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Played:
    placed: list[Rehearsal]
    amount: Money
    bill: Preview


@edging("order.plan", "/orders/plan")
async def plan_order(desk: Desk, asked: PlanAsked) -> PlanGiven:
    """Plan an order, sending nothing: its exact commands, what it holds, its first invoice and its undo."""
    key = asked.key or f"plan-{EventId.new()}"
    request = requests.read({**asked.model_dump(mode="json"), "key": key})
    plan, held = await desk.run(lambda work: _hold(work, request))
    try:
        planned = request.model_copy(update={"plan": plan.checksum})
        played = await desk.rehearse(lambda work: _play(work, planned))
        told = await _rehearsed(desk, played.placed)
    except BaseException:  # also cancellation: nobody learns of this plan, so nothing stays held for it
        await asyncio.shield(desk.run(lambda work: holding.let_go(work, plan.id)))
        raise
    return PlanGiven(
        checksum=plan.checksum,
        until=plan.until,
        amount=played.amount.plain(),
        currency=played.amount.currency,
        held=held,
        invoice=preview_given(played.bill),
        footprint=plan.footprint,
        **{name: getattr(told, name) for name in RehearsedGiven.model_fields},
    )


@edging("line.plan", "/subscriptions/{subscription_id}/plan")
async def plan_line(desk: Desk, asked: LinePlanAsked) -> RehearsedGiven:
    """What a change of a line would say to each element, in order, and its undo; sends nothing."""
    if asked.until is not None and asked.until.tzinfo is None:
        raise Invalid("an instant needs its offset", field="until", fix="as in 2026-07-01T00:00:00+02:00")
    return await _rehearsed(desk, await desk.rehearse(lambda work: _changed(work, asked)))


def _hold(work: Work, request: SubmitRequest) -> tuple[ProductOrderPlan, list[HoldGiven]]:
    plan = holding.hold(work, request)
    held = [
        HoldGiven(
            pool=piece.pool, value=piece.value, element=piece.element, service_id=each.service_id, until=plan.until
        )
        for each in holding.items(plan)
        for piece in holds.pieces(work, each.service_id)
        if piece.until == plan.until
    ]
    return plan, held


def _play(work: Work, request: SubmitRequest) -> _Played:
    order, placed = rehearsing.play(work, request)
    told = [rehearsal.of(work, order_id) for order_id in placed]
    amount = Money(order.amount_minor, order.currency)
    rehearsing.deliver(work, placed)
    return _Played(told, amount, _bill(work, order))


def _bill(work: Work, order: ProductOrder) -> Preview:
    """The invoice of what an order adds; of what it changes or ends, that of the next billing day."""
    account = customers.account(work, order.account_id)
    if new := rehearsing.added(work, order):
        return previews.preview(work, account.id, on=local_date(work.now, account.zone), only=new)
    return previews.preview(work, account.id, on=local_date(account.next_bill_at, account.zone))


def _changed(work: Work, asked: LinePlanAsked) -> list[Rehearsal]:
    service_id = subscriptions.get(work, asked.subscription_id).service_id
    before = {row.id for row in views.of_service(work, service_id)}
    _do(work, asked)
    work.flush()
    placed = [row.id for row in views.of_service(work, service_id) if row.id not in before]
    return [rehearsal.of(work, order_id) for order_id in placed]


def _do(work: Work, asked: LinePlanAsked) -> None:
    match asked.change:
        case Change.RESTRICT:
            subscriptions.restrict(work, asked.subscription_id, cause=asked.cause, level=asked.level, until=asked.until)
        case Change.LIFT:
            subscriptions.lift(work, asked.subscription_id, cause=asked.cause)
        case Change.TERMINATE:
            subscriptions.terminate(work, asked.subscription_id, cause=asked.cause)
        case Change.UNDO_TERMINATE:
            undoing.undo_terminate(work, asked.subscription_id)
        case Change.SWAP_SIM:
            moves.swap_sim(work, asked.subscription_id, iccid=asked.to)
        case Change.CHANGE_NUMBER:
            moves.change_number(work, asked.subscription_id, msisdn=asked.to)
        case Change.MOVE:
            moves.move(work, asked.subscription_id, resource=asked.resource, to=asked.to, on=asked.on)


async def _rehearsed(desk: Desk, placed: Sequence[Rehearsal]) -> RehearsedGiven:
    async with AsyncExitStack() as stack:
        speaker = _Speaker(desk, stack)
        return RehearsedGiven(
            orders=[PlacedGiven.model_validate(each) for each in placed],
            commands=[await speaker.said(step) for each in placed for step in each.do],
            undo=[await speaker.said(step) for each in reversed(placed) for step in each.undo],
        )


class _Speaker:
    """Puts commands into the words of their elements; opens no session."""

    def __init__(self, desk: Desk, stack: AsyncExitStack) -> None:
        self._desk, self._stack = desk, stack
        self._known: dict[tuple[str, str], tuple[NetworkElement, str]] = {}

    async def said(self, step: Planned) -> CommandGiven:
        """One command as its element would hear it, or what a step that no element answers would wait for."""
        if step.waits_for:
            return self._waiting(step)
        element, protocol = await self._element(step.command.element, step.command.dialect)
        return CommandGiven(
            order_id=step.order_id,
            seq=step.seq,
            name=step.name,
            element=step.command.element,
            protocol=protocol,
            key=step.command.key,
            requires=list(step.requires),
            words=element.render(step.command),
        )

    def _waiting(self, step: Planned) -> CommandGiven:
        return CommandGiven(
            order_id=step.order_id,
            seq=step.seq,
            name=step.name,
            element="",
            protocol=step.command.intent,
            key=step.command.key,
            requires=list(step.requires),
            words=[step.waits_for],
        )

    async def _element(self, name: str, dialect: str) -> tuple[NetworkElement, str]:
        if (name, dialect) not in self._known:
            spec = await self._desk.read(lambda work: elements.spec(work, name, dialect_hash=dialect or None))
            element = self._desk.gateway.connect(spec)
            self._stack.push_async_callback(element.close)
            self._known[name, dialect] = element, spec.protocol
        return self._known[name, dialect]


def preview_given(bill: Preview) -> PreviewGiven:
    """A bill to come, in plain words."""
    lines = [
        PreviewLineGiven(
            description=each.line.description,
            from_date=each.line.span.start,
            until_date=each.line.span.end,
            net=each.line.net.plain(),
            tax=Money(each.tax.tax_minor, each.line.net.currency).plain(),
            tax_rate=f"{each.tax.rate:f}",
            tax_reason=each.tax.reason,
        )
        for each in bill.lines
    ]
    total = bill.total
    return PreviewGiven(
        on=bill.on,
        lines=lines,
        net=bill.net.plain(),
        tax=bill.tax.plain(),
        total=total.plain(),
        currency=total.currency,
    )
