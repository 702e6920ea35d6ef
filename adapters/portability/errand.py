"""One errand carried to a clearing house and back: the port's failures become the answer that the next Work settles."""

from __future__ import annotations

from bss.porting.port import Answer, AnswerKind, Ask, Errand, NumberPortability
from kernel.errors import Refused, Unanswered, Unreachable


async def perform(house: NumberPortability, errand: Errand) -> Answer:
    """Put the errand's question; only a programming error is raised."""
    try:
        return await _ask(house, errand)
    except Refused as error:
        return Answer(AnswerKind.REFUSED, reason=error.message)
    except Unreachable as error:
        return Answer(AnswerKind.UNREACHABLE, reason=error.message)
    except Unanswered as error:
        return Answer(AnswerKind.UNANSWERED, reason=error.message)


async def _ask(house: NumberPortability, errand: Errand) -> Answer:
    reference = errand.reference or ""
    match errand.ask:
        case Ask.REQUEST:
            return Answer(AnswerKind.DONE, await house.request(errand.wanted, idempotency_key=errand.key))
        case Ask.LOOKUP:
            found = await house.lookup(errand.key)
            return Answer(AnswerKind.UNHEARD) if found is None else Answer(AnswerKind.DONE, found)
        case Ask.STATUS:
            return Answer(AnswerKind.DONE, standing=await house.status(reference))
        case Ask.COMPLETE:
            await house.complete(reference, idempotency_key=f"{errand.key}.complete")
        case Ask.WITHDRAW:
            await house.withdraw(reference, idempotency_key=f"{errand.key}.withdraw")
    return Answer(AnswerKind.DONE)
