"""Numbers that come from another operator, and lines whose number goes to one."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from bss.customers.model import AccountId
from bss.ordering.model import ProductOrderId
from bss.porting import service as porting
from bss.porting.machine import PortState
from bss.porting.model import NumberPort
from bss.porting.port import Direction, PortId
from bss.subscriptions.model import SubscriptionId
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, reading, writing
from kernel.work import Work

TEXT = 64
"""Longer text names no operator, number or offering."""


class WindowAsked(Asks):
    """The other operator, and the window (half-open, RFC 3339) in which the number moves."""

    other: str = Field(min_length=1, max_length=TEXT)
    window_from: datetime
    window_until: datetime


class PortInAsked(WindowAsked):
    """A number of another operator for a new line of an offering."""

    account_id: AccountId
    offering: str = Field(min_length=1, max_length=TEXT)
    number: str = Field(min_length=1, max_length=TEXT)
    method_id: str | None = None


class PortOutAsked(WindowAsked):
    """A line whose number goes to another operator."""

    subscription_id: SubscriptionId


class PortNamed(Asks):
    """One port."""

    port_id: PortId


class PortCancelAsked(PortNamed):
    """A port to be called off, and why."""

    reason: str = Field(min_length=1, max_length=500)


class PortGiven(Gives):
    """A port, and how far it got."""

    id: PortId
    direction: Direction
    number: str
    other: str
    state: PortState
    window_from: datetime
    window_until: datetime
    account_id: AccountId
    order_id: ProductOrderId | None
    subscription_id: SubscriptionId | None
    reference: str | None
    next_at: datetime | None
    reason: str | None
    requested_by: str
    requested_at: datetime
    ended_at: datetime | None


@writing("line.port-in", "/ports", status=201)
def port_in(work: Work, asked: PortInAsked) -> PortGiven:
    """Bring a number along from another operator; its line is ordered when the window opens."""
    port = porting.port_in(
        work,
        asked.account_id,
        number=asked.number,
        donor=asked.other,
        item={"action": "add", "offering": asked.offering},
        window=(asked.window_from, asked.window_until),
        method_id=asked.method_id,
    )
    work.flush()
    return PortGiven.model_validate(port)


@writing("line.port-out", "/subscriptions/{subscription_id}/port-out", status=201)
def port_out(work: Work, asked: PortOutAsked) -> PortGiven:
    """Agree that a line's number goes to another operator; the line ends when the window opens."""
    window = (asked.window_from, asked.window_until)
    port = porting.port_out(work, asked.subscription_id, recipient=asked.other, window=window)
    work.flush()
    return PortGiven.model_validate(port)


@writing("porting.cancel", "/ports/{port_id}/cancel")
def cancel(work: Work, asked: PortCancelAsked) -> PortGiven:
    """Call a port off before its window opens."""
    return PortGiven.model_validate(porting.cancel(work, asked.port_id, reason=asked.reason))


@reading("porting.show", "/ports/{port_id}")
def show(work: Work, asked: PortNamed) -> PortGiven:
    """A port of a number."""
    return PortGiven.model_validate(store.one(work, NumberPort, asked.port_id, field="port_id"))


@reading("porting.list", "/ports")
def listed(work: Work, asked: PageAsked) -> Page[PortGiven]:
    """Ports of numbers, the newest first."""
    rows, total = store.page(work, NumberPort, asked)
    return Page(items=[PortGiven.model_validate(row) for row in rows], total=total)
