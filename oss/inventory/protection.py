"""What may be taken from a line, and what never from a protected one: pure rules, each named when it forbids."""

from __future__ import annotations

from datetime import datetime

from kernel.errors import Forbidden, Invalid
from oss.inventory.model import ServiceId
from oss.port import Level

NEVER_CUTS = "nonPayment"
"""The cause that never takes a protected line down (emergency, alarm, medical, lift, public safety, court)."""
_CAUSE_LENGTH = 32
"""Letters of a cause at most: it is a code, not a story."""


def check_sense(*, cause: str, level: Level, until: datetime | None, now: datetime) -> None:
    """Raises Invalid for a restriction that takes nothing away, is over already, or has no proper cause."""
    if level is Level.NONE:
        raise Invalid("takes nothing away", field="level", fix="give soft or hard, or lift")
    if not (cause.isalpha() and cause.isascii() and len(cause) <= _CAUSE_LENGTH):
        raise Invalid(f"{cause!r} is no cause", field="cause", fix="a word such as customer, fraud, lost or legal")
    if until is not None and until <= now:
        raise Invalid(f"{until} is over", field="until", fix="give an instant to come")


def check_cut(service_id: ServiceId, *, cause: str, level: Level, actor: str, approved_by: str | None) -> None:
    """Raises Forbidden when a protected line may not be restricted so."""
    if level is not Level.HARD:
        return
    if cause == NEVER_CUTS:
        message = f"{service_id} is a protected line: it never gets a hard {cause} restriction"
        raise Forbidden(message, field="level", fix="restrict it softly")
    if approved_by is None or approved_by == actor:
        message = f"{service_id} is a protected line: a hard restriction needs a second person"
        fix = "ask for an approval; somebody other than the requester gives it"
        raise Forbidden(message, field="approved_by", fix=fix)


def check_end(service_id: ServiceId, *, cause: str | None) -> None:
    """Raises Forbidden when a protected line may not be terminated for that cause."""
    if cause == NEVER_CUTS:
        message = f"{service_id} is a protected line: it is never terminated for {cause}"
        raise Forbidden(message, field="cause", fix="settle it with the owner")
