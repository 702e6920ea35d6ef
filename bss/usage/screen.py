"""What can be said of an event before anybody is looked up: pure checks of its values."""

from __future__ import annotations

from datetime import datetime, timedelta

from bss.usage.model import Reason, Rejected, UsageEvent

QUANTITY_LIMIT = 10**15
"""No single event is larger: a petabyte is nine days of 10 Gbit/s."""
AHEAD = timedelta(minutes=5)
"""How far an element's clock may run before ours."""
LATE = timedelta(days=90)
"""How late an event may come: as long as a released number rests, so that it still finds its owner."""
TEXT_LENGTH = 128
"""Ids and identities are short; what is longer is no event."""
STRENGTH = ("imsi", "eid", "iccid", "msisdn")
"""Which identity of an event decides whose it is, the strongest first: a number moves between SIMs. Others follow."""


def reject(event: UsageEvent, *, now: datetime) -> Rejected | None:
    """Why an event cannot be taken in, None when nothing speaks against it."""
    texts = (event.event_id, event.meter, event.kind, event.value, *event.also, *event.also.values())
    if not all(isinstance(text, str) and 0 < len(text) <= TEXT_LENGTH and text.isprintable() for text in texts):
        detail = f"event_id, meter, kind and value are printable text of 1 to {TEXT_LENGTH} characters"
        return Rejected(event, Reason.MALFORMED, detail)
    if not isinstance(event.at, datetime) or event.at.tzinfo is None:
        return Rejected(event, Reason.MALFORMED, "at: give an instant with its offset, or Z")
    whole = isinstance(event.quantity, int) and not isinstance(event.quantity, bool)
    if not whole or not 0 < event.quantity <= QUANTITY_LIMIT:
        return Rejected(event, Reason.ABSURD_QUANTITY, f"quantity: a whole number from 1 to {QUANTITY_LIMIT}")
    if event.at > now + AHEAD:
        return Rejected(event, Reason.IN_THE_FUTURE, f"at: {event.at.isoformat()} is to come; check the sender's clock")
    if event.at < now - LATE:
        return Rejected(event, Reason.TOO_LATE, f"at: more than {LATE.days} days ago")
    return None


def identity(event: UsageEvent) -> tuple[str, str]:
    """The one identity that decides whose an event is: (kind, value)."""
    known = {event.kind: event.value, **event.also}
    for kind in STRENGTH:
        if kind in known:
            return kind, known[kind]
    return event.kind, event.value
