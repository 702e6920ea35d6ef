"""What a line goes on with: another SIM, number or port; its end taken back; another term."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from bss.catalog.model import TERM_LIMIT
from bss.ordering import undoing
from bss.subscriptions import moves, term
from bss.subscriptions.model import SubscriptionId
from gateway.verbs.core import Gives, writing
from gateway.verbs.subscriptions import SubscriptionNamed
from kernel.work import Work
from oss.inventory import service as inventory
from oss.orders import views
from oss.orders.machine import OrderState
from oss.orders.model import OrderId, Verb

TEXT = 64
"""Longer text names no piece of the stock."""


class PieceAsked(SubscriptionNamed):
    """The piece of the stock that is wanted; any when it is left out."""

    to: str | None = Field(default=None, min_length=1, max_length=TEXT)


class MoveAsked(PieceAsked):
    """Where a line is to go: to a piece, or to any that an element (`on`) carries."""

    resource: str = Field(default=moves.PORT, min_length=1, max_length=TEXT)
    on: str | None = Field(default=None, min_length=1, max_length=TEXT)


class RenewAsked(SubscriptionNamed):
    """For how long; as long as the term it was sold with when left out."""

    months: int | None = Field(default=None, ge=1, le=TERM_LIMIT, strict=True)


class LineOrderGiven(Gives):
    """The order by which the network follows; `moving` is what replaces what the line stands on."""

    subscription_id: SubscriptionId
    service_order_id: OrderId
    verb: Verb
    state: OrderState
    moving: dict[str, str]


class RenewedGiven(Gives):
    """Until when a line is bound: the first free local day."""

    subscription_id: SubscriptionId
    term_until: date | None


@writing("line.swap-sim", "/subscriptions/{subscription_id}/swap-sim")
def swap_sim(work: Work, asked: PieceAsked) -> LineOrderGiven:
    """Put a line on another SIM, made on the register before the old one is taken off; the number stays."""
    return _given(work, asked, moves.swap_sim(work, asked.subscription_id, iccid=asked.to))


@writing("line.change-number", "/subscriptions/{subscription_id}/change-number")
def change_number(work: Work, asked: PieceAsked) -> LineOrderGiven:
    """Give a line another number; the old one rests, and its late usage is still the line's."""
    return _given(work, asked, moves.change_number(work, asked.subscription_id, msisdn=asked.to))


@writing("line.move", "/subscriptions/{subscription_id}/move")
def move(work: Work, asked: MoveAsked) -> LineOrderGiven:
    """Put a line on another port, of the same element or another: made there, confirmed, then taken off here."""
    order_id = moves.move(work, asked.subscription_id, resource=asked.resource, to=asked.to, on=asked.on)
    return _given(work, asked, order_id)


@writing("line.undo-terminate", "/subscriptions/{subscription_id}/undo-terminate")
def undo_terminate(work: Work, asked: SubscriptionNamed) -> LineOrderGiven:
    """Take a line's end back, with the number and the SIM it had, while they still rest."""
    return _given(work, asked, undoing.undo_terminate(work, asked.subscription_id))


@writing("line.renew", "/subscriptions/{subscription_id}/renew")
def renew(work: Work, asked: RenewAsked) -> RenewedGiven:
    """Bind a line for another term, from the end of the one that runs; the network hears nothing."""
    renewed = term.renew(work, asked.subscription_id, months=asked.months)
    return RenewedGiven(subscription_id=renewed.id, term_until=renewed.term_until)


def _given(work: Work, asked: SubscriptionNamed, order_id: OrderId) -> LineOrderGiven:
    work.flush()
    order = views.get(work, order_id)
    moving = inventory.get(work, order.service_id).moving or {"values": {}, "elements": {}}
    return LineOrderGiven(
        subscription_id=asked.subscription_id,
        service_order_id=order_id,
        verb=order.verb,
        state=order.state,
        moving={**moving["values"], **moving["elements"]},
    )
