"""What an error is to whoever asked: its HTTP status, its exit code, its body; said in this one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from kernel import errors
from kernel.database import Unavailable
from kernel.errors import TrunklineError


class Exit(IntEnum):
    """How a command ends."""

    OK = 0
    ERROR = 1
    USAGE = 2
    AUTH = 3
    NOT_FOUND = 4
    CONFLICT = 5
    PARTIAL = 6
    FALLOUT = 7
    TIMEOUT = 8


class Unauthenticated(TrunklineError):
    """Nobody we know: no token, or one that does not hold."""

    code = "unauthenticated"


class TooLarge(TrunklineError):
    """More than one request may carry."""

    code = "tooLarge"


class MethodNotAllowed(TrunklineError):
    """There is such a resource, and nothing of that kind to do with it."""

    code = "methodNotAllowed"


class Partial(TrunklineError):
    """Some of it was done."""

    code = "partial"


class Fallout(TrunklineError):
    """It waits for a person."""

    code = "fallout"


class TimedOut(TrunklineError):
    """It did not come to an end while somebody waited; it goes on."""

    code = "timeout"


class Broken(TrunklineError):
    """A fault of ours; the log has the whole of it."""

    code = "internal"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One kind of error at the edge."""

    kind: type[TrunklineError]
    status: int
    reason: str
    exit: Exit


OUTCOMES = (
    Outcome(Unauthenticated, 401, "Unauthorized", Exit.AUTH),
    Outcome(TooLarge, 413, "Content too large", Exit.ERROR),
    Outcome(MethodNotAllowed, 405, "Method not allowed", Exit.USAGE),
    Outcome(Partial, 200, "Partly done", Exit.PARTIAL),
    Outcome(Fallout, 409, "Waits for a person", Exit.FALLOUT),
    Outcome(TimedOut, 504, "Timeout", Exit.TIMEOUT),
    Outcome(Unavailable, 503, "Service unavailable", Exit.ERROR),
    Outcome(Broken, 500, "Internal error", Exit.ERROR),
    Outcome(errors.Invalid, 400, "Bad request", Exit.ERROR),
    Outcome(errors.NotFound, 404, "Not found", Exit.NOT_FOUND),
    Outcome(errors.IllegalTransition, 409, "Conflict", Exit.CONFLICT),
    Outcome(errors.Conflict, 409, "Conflict", Exit.CONFLICT),
    Outcome(errors.Forbidden, 403, "Forbidden", Exit.AUTH),
    Outcome(errors.Exhausted, 409, "Conflict", Exit.CONFLICT),
    Outcome(errors.Refused, 502, "The other side refused", Exit.ERROR),
    Outcome(errors.Unreachable, 502, "The other side was not reached", Exit.ERROR),
    Outcome(errors.Unanswered, 504, "The other side did not answer", Exit.TIMEOUT),
)
"""Looked through from the top: a kind stands before the one it derives from."""

_BY_CODE = {outcome.kind.code: outcome for outcome in OUTCOMES}
_OTHER = Outcome(Broken, 500, "Internal error", Exit.ERROR)


def of(error: BaseException) -> Outcome:
    """The outcome of an error; of one nobody raised on purpose, a fault of ours."""
    return next((outcome for outcome in OUTCOMES if isinstance(error, outcome.kind)), _OTHER)


def body(error: TrunklineError) -> dict[str, Any]:
    """The error as integrators read it (TMF630's shape, with our field and fix)."""
    outcome = of(error)
    return {
        "code": error.code,
        "reason": outcome.reason,
        "message": error.message,
        "status": str(outcome.status),
        "field": error.field,
        "fix": error.fix,
        "referenceError": f"urn:trunkline:error:{error.code}",
        "@type": "Error",
    }


def raised(told: dict[str, Any]) -> TrunklineError:
    """The error that a gateway told, as if it had been raised here."""
    outcome = _BY_CODE.get(str(told.get("code")), _OTHER)
    field, fix = told.get("field"), told.get("fix")
    return outcome.kind(
        str(told.get("message") or "the gateway gave no reason"),
        field=None if field is None else str(field),
        fix=None if fix is None else str(fix),
    )
