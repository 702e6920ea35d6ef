"""The port to whoever moves money: one call per step, three ways to fail, and a look-up for what nobody answered.

The failures are kernel.errors.Refused (declined, final), Unreachable (it never heard us, safe to send again) and
Unanswered (nobody knows: `lookup` by the idempotency key before any resend).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kernel.ids import Id, TenantId
from kernel.money import Money


class StepKind(StrEnum):
    """What is wanted of the gateway."""

    AUTHORISE = "authorise"
    CAPTURE = "capture"
    VOID = "void"
    CHARGE = "charge"
    REFUND = "refund"


class PaymentStepId(Id, prefix="pst"):
    """One instruction to the gateway."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The gateway did it: its own id for what it did."""

    reference: str


class PaymentGateway(Protocol):
    """One payment gateway; every call carries an idempotency key and may be repeated with the same one."""

    async def authorise(self, *, token: str, amount: Money, reference: str, idempotency_key: str) -> Receipt:
        """Hold an amount on a method; the receipt's reference names the hold."""
        ...

    async def capture(self, *, authorisation: str, amount: Money, idempotency_key: str) -> Receipt:
        """Take what is held, in whole or in part; the rest of the hold lapses."""
        ...

    async def void(self, *, authorisation: str, idempotency_key: str) -> Receipt:
        """Release a hold."""
        ...

    async def charge(self, *, token: str, amount: Money, reference: str, idempotency_key: str) -> Receipt:
        """Take an amount at once."""
        ...

    async def refund(self, *, taken: str, amount: Money, idempotency_key: str) -> Receipt:
        """Give back some of what a charge or a capture took."""
        ...

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """What became of the instruction with that key: its receipt, or None when it never arrived; else Refused."""
        ...

    async def close(self) -> None:
        """End the session; a later call opens a new one."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """One instruction for the edge to carry out between two Works; `ask` says to look it up instead of sending it."""

    tenant: TenantId
    step_id: PaymentStepId
    kind: StepKind
    amount: Money
    idempotency_key: str
    reference: str
    token: str
    target: str
    ask: bool


class AnswerKind(StrEnum):
    """How an errand ended."""

    DONE = "done"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNANSWERED = "unanswered"
    UNHEARD = "unheard"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the edge brings back: the gateway's reference when done, its reason when not; UNHEARD = it never arrived."""

    kind: AnswerKind
    reference: str | None = None
    reason: str | None = None


class AdviceKind(StrEnum):
    """What a gateway tells on its own accord."""

    AUTHORISED = "authorised"
    AUTHORISATION_DECLINED = "authorisationDeclined"
    CAPTURED = "captured"
    VOIDED = "voided"
    CHARGED = "charged"
    CHARGE_DECLINED = "chargeDeclined"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Advice:
    """A gateway's own notice of a change, its signature already checked.

    `reference` is the one we gave with the payment, `operation` the gateway's id of what it did (None when declined),
    `target` the hold or the taking that it was done to.
    """

    advice_id: str
    kind: AdviceKind
    reference: str
    amount: Money
    operation: str | None = None
    target: str | None = None
    reason: str | None = None
