"""Ports: asked of the clearing house, awaited from the other operator, cut over in their window, or called off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bss.customers.model import AccountId
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.porting import store
from bss.porting.events import NumberPorted, PortEnded
from bss.porting.machine import PORT, PortMove, PortState
from bss.porting.model import NumberPort
from bss.porting.port import Answer, AnswerKind, Ask, Direction, Errand, PortId, Wanted, Word
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SUBSCRIPTION, SubscriptionMove, SubscriptionState
from bss.subscriptions.model import SubscriptionId
from kernel.errors import Conflict, Invalid, NotFound, TrunklineError
from kernel.ids import TenantId
from kernel.work import SystemWork, Work
from oss.inventory import ported
from oss.inventory import service as inventory

POLL = timedelta(minutes=5)
"""How often the clearing house is asked for the other operator's word, and how long it rests when it is away."""
AHEAD = timedelta(days=90)
"""A window opens within so long: nobody's consent lasts longer."""
NAME_LENGTH = 64
"""An operator's name at the clearing house."""

S, M = PortState, PortMove


# ---- looking


def get(work: Work, port_id: PortId) -> NumberPort:
    """A port of the tenant. Raises NotFound."""
    found = store.locked(work, port_id)
    if found is None:
        raise NotFound(f"no port {port_id}", field="port_id", fix="see trunkline porting list")
    return found


def errands(work: SystemWork, limit: int) -> list[Errand]:
    """What the edge is to put to the clearing house now."""
    return [
        Errand(
            tenant=row.tenant,
            port_id=row.id,
            ask=row.ask,
            wanted=Wanted(row.number, row.other, row.direction, row.window_from, row.window_until),
            reference=row.reference,
        )
        for row in store.asked(work, limit)
        if row.ask is not None
    ]


def due(work: SystemWork, now: datetime, limit: int) -> list[tuple[TenantId, PortId]]:
    """Ports whose next step has fallen due; give each to `step`."""
    return store.due(work, now, limit)


def next_due(work: SystemWork) -> datetime | None:
    """When the next step falls due."""
    return store.next_due(work)


# ---- asking


def port_in(
    work: Work,
    account_id: AccountId,
    *,
    number: str,
    donor: str,
    item: Mapping[str, Any],
    window: tuple[datetime, datetime],
    method_id: str | None = None,
) -> NumberPort:
    """Want a number of another operator for a new line, which is ordered when the window opens.

    Raises what its order would raise today, Conflict for a number that is in stock here or on its way already.
    """
    number = ported.check(work, number)
    document = {"account_id": account_id, "items": [dict(item)], "method_id": method_id}
    ordering.preview(work, requests.read({**document, "key": "port"}))
    kept = {"items": document["items"], "method_id": method_id}
    return _asked(work, account_id, number, donor, Direction.IN, window, item=kept)


def port_out(
    work: Work, subscription_id: SubscriptionId, *, recipient: str, window: tuple[datetime, datetime]
) -> NumberPort:
    """Agree that a line's number goes to another operator: the line ends when the window opens.

    Raises Conflict for a line that is not active, or whose number is on its way already.
    """
    subscription = subscriptions.get(work, subscription_id)
    if subscription.state is not SubscriptionState.ACTIVE:
        message = f"{subscription_id} is {subscription.state}"
        raise Conflict(message, field="subscription_id", fix="only an active line's number goes")
    number = inventory.get(work, subscription.service_id).values.get(ported.POOL)
    if number is None:
        raise Invalid(f"{subscription_id} has no number", field="subscription_id", fix="only a number is ported")
    account_id = subscription.account_id
    return _asked(work, account_id, str(number), recipient, Direction.OUT, window, subscription_id=subscription_id)


def cancel(work: Work, port_id: PortId, *, reason: str) -> NumberPort:
    """Call a port off before its window opens. Raises Conflict once the network has been asked."""
    port = get(work, port_id)
    if port.state not in (S.REQUESTED, S.PENDING, S.CONFIRMED):
        fix = "cancel its order, or take the line's end back"
        raise Conflict(f"{port_id} is {port.state}", field="port_id", fix=fix)
    if not reason.strip():
        raise Invalid("a reason is missing", field="reason", fix="say it in a sentence")
    _withdraw(work, port, reason=reason.strip())
    return port


def _asked(
    work: Work,
    account_id: AccountId,
    number: str,
    other: str,
    direction: Direction,
    window: tuple[datetime, datetime],
    *,
    item: dict[str, Any] | None = None,
    subscription_id: SubscriptionId | None = None,
) -> NumberPort:
    _check_window(work, window)
    if not other.strip() or len(other) > NAME_LENGTH or not other.isprintable():
        raise Invalid(f"has 1 to {NAME_LENGTH} printable characters", field="other", fix="name the other operator")
    known = store.open_of(work, number)
    if known is not None:
        raise Conflict(f"{number} is on its way already: {known.id}", field="number", fix="see trunkline porting list")
    port = NumberPort(
        tenant=work.tenant,
        id=PortId.new(),
        direction=direction,
        number=number,
        other=other.strip(),
        state=PORT.initial,
        window_from=window[0],
        window_until=window[1],
        account_id=account_id,
        item=item,
        order_id=None,
        subscription_id=subscription_id,
        reference=None,
        ask=Ask.REQUEST,
        sent=False,
        next_at=None,
        requested_by=work.actor.name,
        requested_at=work.now,
    )
    work.session.add(port)
    work.audit("port.requested", port.id, {"number": number, "direction": direction, "other": port.other})
    return port


def _check_window(work: Work, window: tuple[datetime, datetime]) -> None:
    opens, closes = window
    if opens.tzinfo is None or closes.tzinfo is None:
        raise Invalid("an instant needs its offset", field="window", fix="as in 2026-07-01T02:00:00+02:00")
    if not work.now <= opens < closes or opens - work.now > AHEAD:
        fix = f"give two instants, the first within {AHEAD.days} days and before the second"
        raise Invalid(f"{opens.isoformat()} to {closes.isoformat()} is no window", field="window", fix=fix)


# ---- the clock


def step(work: Work, port_id: PortId) -> bool:
    """Do what has fallen due: ask again, cut over when the window opens, or give up when it closes."""
    port = get(work, port_id)
    if port.next_at is None or port.next_at > work.now:
        return False
    port.next_at = None
    if port.state in (S.REQUESTED, S.PENDING) and port.window_until <= work.now:
        _withdraw(work, port, reason=f"{port.other} did not answer before the window closed")
    elif port.state is S.REQUESTED:
        port.ask = Ask.LOOKUP if port.sent else Ask.REQUEST
    elif port.state is S.PENDING:
        port.ask = Ask.STATUS
    elif port.state is S.CONFIRMED:
        _begin(work, port)
    elif port.state is S.MOVED:
        port.ask = Ask.COMPLETE
    elif port.state is S.WITHDRAWING:
        _call_off(work, port)
    return True


def _begin(work: Work, port: NumberPort) -> None:
    """Order the line with the number, or end the line that has it; what would be refused calls the port off."""
    port.state = PORT.after(port.state, M.BEGIN)
    try:
        _check(work, port)
    except TrunklineError as error:
        _withdraw(work, port, reason=f"the cut-over could not begin: {error.message}")
    else:
        _cut_over(work, port)


def _check(work: Work, port: NumberPort) -> None:
    if port.direction is Direction.IN:
        ported.check(work, port.number)
        ordering.preview(work, requests.read(_document(port)))
    elif port.subscription_id is not None:
        found = subscriptions.get(work, port.subscription_id)
        SUBSCRIPTION.after(found.state, SubscriptionMove.TERMINATE)


def _cut_over(work: Work, port: NumberPort) -> None:
    if port.direction is Direction.OUT and port.subscription_id is not None:
        subscriptions.terminate(work, port.subscription_id, cause="customer", parent=str(port.id))
        return
    ported.arrive(work, port.number, donor=port.other)
    port.order_id = ordering.submit(work, requests.read(_document(port))).id


def _document(port: NumberPort) -> dict[str, Any]:
    kept = port.item or {}
    [item] = kept["items"]
    wanted = {**item, "resources": {**item.get("resources", {}), ported.POOL: port.number}}
    return {"account_id": port.account_id, "items": [wanted], "method_id": kept["method_id"], "key": str(port.id)}


# ---- what the clearing house answered


def settle(work: Work, port_id: PortId, ask: Ask, answer: Answer) -> None:
    """Take an answer in; one to a question that nobody asks any more changes nothing."""
    port = get(work, port_id)
    if port.ask is not ask:
        return
    port.ask, port.sent = None, port.sent or ask is Ask.REQUEST
    if answer.kind in (AnswerKind.UNREACHABLE, AnswerKind.UNANSWERED):
        port.sent = port.sent and not (ask is Ask.REQUEST and answer.kind is AnswerKind.UNREACHABLE)
        port.next_at = work.now + POLL
        port.reason = port.reason if port.state is S.WITHDRAWING else answer.reason
    elif answer.kind is AnswerKind.UNHEARD:
        port.sent, port.ask = False, Ask.REQUEST
        if port.state is S.WITHDRAWING:
            _end(work, port, M.CANCEL, reason=port.reason)
    elif answer.kind is AnswerKind.REFUSED:
        _refused(work, port, ask, reason=answer.reason or "refused")
    else:
        _done(work, port, ask, answer)


def _done(work: Work, port: NumberPort, ask: Ask, answer: Answer) -> None:
    port.reason = port.reason if port.state is S.WITHDRAWING else None
    if ask in (Ask.REQUEST, Ask.LOOKUP):
        port.reference = answer.reference
        if port.state is S.WITHDRAWING:
            port.ask = Ask.WITHDRAW
            return
        port.state, port.ask = PORT.after(port.state, M.ACCEPT), Ask.STATUS
    elif ask is Ask.STATUS and answer.standing is not None:
        _heard(work, port, answer.standing.word, reason=answer.standing.reason)
    elif ask is Ask.COMPLETE:
        _end(work, port, M.COMPLETE, reason=None)
    elif ask is Ask.WITHDRAW:
        _end(work, port, M.CANCEL, reason=port.reason)


def _heard(work: Work, port: NumberPort, word: Word, *, reason: str | None) -> None:
    if word is Word.REFUSED:
        _end(work, port, M.REFUSE, reason=reason or f"{port.other} refused")
    elif word is Word.CONFIRMED:
        port.state = PORT.after(port.state, M.CONFIRM)
        port.next_at = max(port.window_from, work.now)
    else:
        port.next_at = min(work.now + POLL, max(port.window_until, work.now))


def _refused(work: Work, port: NumberPort, ask: Ask, *, reason: str) -> None:
    if port.state in (S.REQUESTED, S.PENDING):
        _end(work, port, M.REFUSE, reason=reason)
    elif ask is Ask.WITHDRAW or port.state is S.WITHDRAWING:
        _end(work, port, M.CANCEL, reason=port.reason)
    else:
        port.reason, port.next_at = reason, work.now + POLL


def _withdraw(work: Work, port: NumberPort, *, reason: str) -> None:
    port.state, port.reason, port.next_at = PORT.after(port.state, M.WITHDRAW), reason, None
    work.audit("port.withdrawn", port.id, {"reason": reason})
    if port.ask not in (Ask.REQUEST, Ask.LOOKUP):
        _call_off(work, port)


def _call_off(work: Work, port: NumberPort) -> None:
    """Tell the clearing house, if it may know of it."""
    if port.reference is not None:
        port.ask = Ask.WITHDRAW
    elif port.sent:
        port.ask = Ask.LOOKUP
    else:
        _end(work, port, M.CANCEL, reason=port.reason)


def _end(work: Work, port: NumberPort, move: PortMove, *, reason: str | None) -> None:
    port.state, port.ask, port.next_at = PORT.after(port.state, move), None, None
    port.reason, port.ended_at = reason, work.now
    if move is M.COMPLETE:
        work.emit(NumberPorted(port_id=port.id, number=port.number, direction=port.direction, other=port.other))
    else:
        work.emit(PortEnded(port_id=port.id, number=port.number, direction=port.direction, reason=reason or ""))
    work.audit("port.ended", port.id, {"state": str(port.state), "reason": reason})


# ---- what the network showed


def moved(work: Work, port: NumberPort) -> None:
    """The network shows it: the clearing house is told; twice is once."""
    if port.state is S.MOVING:
        port.state, port.ask = PORT.after(port.state, M.ARRIVE), Ask.COMPLETE


def fell_through(work: Work, port: NumberPort, *, reason: str) -> None:
    """The line did not come up, or goes on after all: the number stays where it was; twice is once."""
    if port.state is S.MOVING:
        if port.direction is Direction.IN:
            ported.leave(work, port.number)
        _withdraw(work, port, reason=reason)
