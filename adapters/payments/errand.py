"""One errand carried to a gateway and back: the port's failures become the answer that the next Work settles."""

from __future__ import annotations

from bss.payments.port import Answer, AnswerKind, Errand, PaymentGateway, Receipt, StepKind
from kernel.errors import Refused, Unanswered, Unreachable


async def perform(gateway: PaymentGateway, errand: Errand) -> Answer:
    """Send the errand's instruction, or look up what became of it; only a programming error is raised."""
    try:
        receipt = await _ask(gateway, errand) if errand.ask else await _send(gateway, errand)
    except Refused as error:
        return Answer(AnswerKind.REFUSED, reason=error.message)
    except Unreachable as error:
        # A look-up that never arrived has answered nothing about the instruction itself.
        kind = AnswerKind.UNANSWERED if errand.ask else AnswerKind.UNREACHABLE
        return Answer(kind, reason=error.message)
    except Unanswered as error:
        return Answer(AnswerKind.UNANSWERED, reason=error.message)
    if receipt is None:
        return Answer(AnswerKind.UNHEARD)
    return Answer(AnswerKind.DONE, reference=receipt.reference)


async def _ask(gateway: PaymentGateway, errand: Errand) -> Receipt | None:
    return await gateway.lookup(errand.idempotency_key)


async def _send(gateway: PaymentGateway, errand: Errand) -> Receipt:
    key, amount = errand.idempotency_key, errand.amount
    match errand.kind:
        case StepKind.AUTHORISE:
            return await gateway.authorise(
                token=errand.token, amount=amount, reference=errand.reference, idempotency_key=key
            )
        case StepKind.CHARGE:
            return await gateway.charge(
                token=errand.token, amount=amount, reference=errand.reference, idempotency_key=key
            )
        case StepKind.CAPTURE:
            return await gateway.capture(authorisation=errand.target, amount=amount, idempotency_key=key)
        case StepKind.VOID:
            return await gateway.void(authorisation=errand.target, idempotency_key=key)
        case StepKind.REFUND:
            return await gateway.refund(taken=errand.target, amount=amount, idempotency_key=key)
