"""The error tree of the house. Every error says which field is wrong and what would mend it.

TrunklineError
├── Invalid             the input is wrong: names the field and the fix                 (HTTP 400, CLI exit 1)
├── NotFound            no such thing for this tenant                                   (HTTP 404, CLI exit 4)
├── Conflict            it clashes with what is already there                           (HTTP 409, CLI exit 5)
│   └── IllegalTransition   the machine's table has no such move                        (HTTP 409, CLI exit 5)
├── Forbidden           the actor may not do this                                       (HTTP 403, CLI exit 3)
├── Exhausted           a named limit or an empty pool                                  (HTTP 409, CLI exit 5)
└── ElementError        what a remote party can do to a command (raised by adapters)
    ├── Refused         it heard us and said no: final
    ├── Unreachable     it never heard us: safe to send again
    └── Unanswered      nobody knows: read back before any resend
"""

from __future__ import annotations


class TrunklineError(Exception):
    """Anything the house raises on purpose; `code` is stable for machines, the text is for people."""

    code = "error"

    def __init__(self, message: str, *, field: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.fix = fix

    def __str__(self) -> str:
        parts = [f"{self.field}: {self.message}" if self.field else self.message]
        if self.fix:
            parts.append(f"({self.fix})")
        return " ".join(parts)


class Invalid(TrunklineError):
    """The input is wrong; nothing was changed."""

    code = "invalid"


class NotFound(TrunklineError):
    """No such thing, or none that this tenant may see."""

    code = "notFound"


class Conflict(TrunklineError):
    """It clashes with what is already there; nothing was changed."""

    code = "conflict"


class IllegalTransition(Conflict):
    """The machine's table has no such move from this state."""

    code = "illegalTransition"


class Forbidden(TrunklineError):
    """The actor is known and may not do this."""

    code = "forbidden"


class Exhausted(TrunklineError):
    """A named limit is reached or a pool is empty."""

    code = "exhausted"


class ElementError(TrunklineError):
    """What a remote party can do to a command; `transcript` holds the words exchanged, secrets masked."""

    code = "element"

    def __init__(self, message: str, *, transcript: str = "", field: str | None = None, fix: str | None = None) -> None:
        super().__init__(message, field=field, fix=fix)
        self.transcript = transcript


class Refused(ElementError):
    """It heard us and said no: final for this command."""

    code = "refused"


class Unreachable(ElementError):
    """It never heard us: the command may be sent again later."""

    code = "unreachable"


class Unanswered(ElementError):
    """It may have heard us: read back before any resend."""

    code = "unanswered"
