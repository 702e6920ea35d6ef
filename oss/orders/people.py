"""What people do about fallout: one takes it in hand for a while, mends it, and leaves a note for the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa

from kernel.errors import Conflict, NotFound
from kernel.work import Work
from oss.orders import mending
from oss.orders import service as orders
from oss.orders.incidents import sentence
from oss.orders.model import Fallout, FalloutId, OrderId
from oss.orders.service import Placed

IN_HAND = timedelta(minutes=30)
"""Somebody who took it and did nothing for so long has gone: another may take it."""
AT_ONCE = 1_000
"""Fallout of one element dealt with by one command at most; a second one does the rest."""


def take(work: Work, fallout_id: FalloutId, *, note: str | None = None) -> Fallout:
    """Take it in hand for IN_HAND, or longer by taking it again. Raises NotFound, or Conflict naming the holder."""
    row = _mine(work, fallout_id)
    row.taken_by, row.taken_until = work.actor.name, work.now + IN_HAND
    row.note = row.note if note is None else sentence(note, field="note")
    work.audit("fallout.taken", fallout_id, {"order": str(row.order_id), "note": note})
    return row


def release(work: Work, fallout_id: FalloutId, *, note: str | None = None) -> Fallout:
    """Give it back to all, with a note for the next. Raises NotFound, or Conflict naming the holder."""
    row = _mine(work, fallout_id)
    row.taken_by = row.taken_until = None
    row.note = row.note if note is None else sentence(note, field="note")
    work.audit("fallout.released", fallout_id, {"order": str(row.order_id), "note": note})
    return row


def retry(work: Work, fallout_id: FalloutId) -> Placed:
    """Send what failed of its order again."""
    order_id = _act(work, fallout_id).order_id
    return orders.retry(work, order_id)


def correct(
    work: Work, fallout_id: FalloutId, *, profile: Mapping[str, str], resources: Mapping[str, str] | None = None
) -> Placed:
    """Want other values of its service, and go on."""
    order_id = _act(work, fallout_id).order_id
    return mending.correct(work, order_id, profile=profile, resources=resources)


def skip(work: Work, fallout_id: FalloutId, *, reason: str) -> Placed:
    """Go on without the step that failed."""
    return mending.skip(work, _act(work, fallout_id), reason=sentence(reason, field="reason"))


def undo(work: Work, fallout_id: FalloutId, *, reason: str) -> Placed:
    """Take its order back; it ends failed."""
    order_id = _act(work, fallout_id).order_id
    return mending.take_back(work, order_id, reason=sentence(reason, field="reason"))


def cancel(work: Work, fallout_id: FalloutId, *, reason: str) -> Placed:
    """Call its order off; it is taken back and ends cancelled."""
    order_id = _act(work, fallout_id).order_id
    return orders.cancel(work, order_id, reason=sentence(reason, field="reason"))


def get(work: Work, fallout_id: FalloutId) -> Fallout:
    """One row, open or closed. Raises NotFound."""
    row = work.session.get(Fallout, (work.tenant, fallout_id), populate_existing=True)
    if row is None:
        raise NotFound(f"no fallout {fallout_id}", field="fallout", fix="see trunkline fallout list")
    return row


def on(work: Work, element: str) -> list[FalloutId]:
    """What waits for a person on an element, oldest first, at most AT_ONCE."""
    mine = (Fallout.tenant == work.tenant, Fallout.closed_at.is_(None), Fallout.element == element)
    return list(work.session.scalars(sa.select(Fallout.id).where(*mine).order_by(Fallout.id).limit(AT_ONCE)))


def check_free(work: Work, order_id: OrderId) -> Sequence[Fallout]:
    """The open fallout of an order. Raises Conflict, which names whoever else has some of it in hand."""
    mine = (Fallout.tenant == work.tenant, Fallout.order_id == order_id, Fallout.closed_at.is_(None))
    found = work.session.scalars(sa.select(Fallout).where(*mine).with_for_update()).all()
    for row in found:
        _check_holder(work, row)
    return found


def _act(work: Work, fallout_id: FalloutId) -> Fallout:
    row = _mine(work, fallout_id)
    check_free(work, row.order_id)
    return row


def _mine(work: Work, fallout_id: FalloutId) -> Fallout:
    """The row, open and in nobody else's hand, after its order: who acts and who answers never wait crosswise."""
    order_id = get(work, fallout_id).order_id
    orders.locked(work, order_id)
    row = get(work, fallout_id)
    if row.closed_at is not None:
        message = f"{fallout_id} was dealt with by {row.closed_by}: {row.resolution}"
        raise Conflict(message, field="fallout", fix="see trunkline fallout list")
    _check_holder(work, row)
    return row


def _check_holder(work: Work, row: Fallout) -> None:
    held = row.taken_until is not None and row.taken_until > work.now
    if held and row.taken_by != work.actor.name:
        until = f"{row.taken_until:%H:%M} UTC"
        message = f"{row.taken_by} has {row.id} in hand until {until}"
        raise Conflict(message, field="fallout", fix="ask them to release it, or wait until then")
