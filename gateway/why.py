"""Why is a line cut off? One sentence: cause, invoice, rung, restriction, order and read-back."""

from __future__ import annotations

from datetime import datetime

from bss.customers import service as customers
from bss.dunning import service as dunning
from bss.dunning.model import Deed
from bss.invoices import service as invoices
from bss.subscriptions.model import Cause, Subscription
from kernel.money import Money
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory import store as evidence
from oss.inventory.model import Confirmation, Restriction
from oss.orders import incidents, views
from oss.orders.machine import OPEN_ORDERS, OrderState
from oss.orders.model import ServiceOrder, Verb
from oss.port import Level

CONFIRMATIONS = 100
"""The newest evidence looked through for an order's."""
_STRICTNESS = (Level.NONE, Level.SOFT, Level.HARD)


def sentence(work: Work, line: Subscription) -> str:
    """The one sentence."""
    standing = inventory.open_restrictions(work, line.service_id)
    if not standing:
        return _open(work, line)
    row = max(standing, key=lambda each: (_STRICTNESS.index(each.level), each.from_at))
    how = "Cut off" if row.level is Level.HARD else "Barred for outgoing services"
    since = f"{how} ({row.level}) since {_day(row.from_at)} for {row.cause}"
    parts = [*_debt(work, line, row), f"restriction {row.id} was placed by {row.placed_by}", _carried(work, line, row)]
    others = [f"{each.cause} ({each.level})" for each in standing if each.id != row.id]
    beside = f" It is also restricted for {', '.join(others)}." if others else ""
    return f"{since}: {'; '.join(parts)}.{beside}"


def _open(work: Work, line: Subscription) -> str:
    struck = " An incident is open on an element that carries it." if incidents.touched(work, [line.service_id]) else ""
    past = [row for row in evidence.restrictions(work, line.service_id) if row.lifted_at is not None]
    if not past:
        return f"{line.id} is {line.state} and was never restricted.{struck}"
    last = past[-1]
    lifted = f"{_day(last.lifted_at)} by {last.lifted_by}" if last.lifted_at is not None else "never"
    return (
        f"{line.id} is not restricted: the last restriction {last.id} ({last.cause}, {last.level}) stood from"
        f" {_day(last.from_at)} and was lifted {lifted}.{struck}"
    )


def _debt(work: Work, line: Subscription, row: Restriction) -> list[str]:
    """Which invoice and which rung, when it is for a debt."""
    if row.cause != Cause.NON_PAYMENT:
        return []
    account = customers.account(work, line.account_id)
    owed = [item for item in invoices.owed(work, account.id, currency=account.currency, lock=False) if item.overdue]
    found = []
    if owed:
        oldest = min(owed, key=lambda item: (item.due_on, item.invoice_id))
        number = invoices.get(work, oldest.invoice_id).number or str(oldest.invoice_id)
        open_now = Money(sum(item.open_minor for item in owed), account.currency)
        found.append(f"invoice {number} was due on {oldest.due_on:%d %b %Y} and {open_now} is overdue")
    case = dunning.of_account(work, line.account_id)
    acts = [] if case is None else dunning.history(work, case.id)
    mine = [a for a in acts if a.subscription_id == line.id and a.deed in (Deed.SOFT, Deed.HARD)]
    if case is not None and mine:
        act = mine[-1]
        found.append(f"rung {act.rung} ({act.deed}) of dunning case {case.id} was climbed {_day(act.at)}")
    return found


def _carried(work: Work, line: Subscription, row: Restriction) -> str:
    """Which order told the network, and what an element showed then."""
    order = _order(work, line, row)
    if order is None:
        return "no order has told the network yet"
    if order.state is OrderState.HELD:
        return f"service order {order.id} is held ({order.reason}), so the network does not show it yet"
    if order.state in OPEN_ORDERS:
        return f"service order {order.id} is {order.state}, so the network does not show it yet"
    shown = [
        f"{proof.element} showed {_state(proof)} for {proof.key} at {_day(proof.at)}"
        for proof in evidence.confirmations(work, line.service_id, limit=CONFIRMATIONS)
        if proof.order_id == int(order.id)
    ]
    return (
        f"service order {order.id} carried it out ({order.state}) and {' and '.join(shown) or 'nothing had to change'}"
    )


def _order(work: Work, line: Subscription, row: Restriction) -> ServiceOrder | None:
    placed = [o for o in views.of_service(work, line.service_id) if o.placed_at >= row.from_at]
    told = [o for o in placed if o.state is not OrderState.CANCELLED and o.verb in (Verb.RESTRICT, Verb.ADD)]
    restricting = [o for o in told if o.verb is Verb.RESTRICT] or told
    return restricting[-1] if restricting else None


def _state(proof: Confirmation) -> str:
    shown = proof.read_back if proof.read_back is not None else proof.wanted
    return (
        ", ".join(f"{name}={shown[name]}" for name in proof.wanted if name in shown and name != "present") or "nothing"
    )


def _day(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%d %b %Y %H:%M} UTC"
