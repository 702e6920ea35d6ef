"""What must not be done twice is done once for each key, however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from gateway.verbs.core import Asks, B
from gateway.verbs.model import AnsweredRequest
from kernel import versions
from kernel.errors import Conflict
from kernel.work import Work

IDEMPOTENCY = {"key": "Idempotency-Key"}
"""The header by which a POST is made repeatable, and the field that it fills."""
Key = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
"""A caller's own name for one request."""


def once(work: Work, verb: str, asked: Asks, gives: type[B], do: Callable[[], B], *, key: str) -> B:
    """Do it and keep the answer in the same Work, or give the answer that is kept. Raises Conflict for another body."""
    body_hash = versions.digest(asked.model_dump(mode="json", exclude={"key"}))
    kept = work.session.get(AnsweredRequest, (work.tenant, verb, key))
    if kept is not None:
        if kept.body_hash != body_hash:
            fix = "give each request its own key; repeat a key only with the same body"
            raise Conflict(f"{key!r} was used for another request", field="key", fix=fix)
        return gives.model_validate(kept.answer)
    given = do()
    work.session.add(
        AnsweredRequest(
            tenant=work.tenant,
            verb=verb,
            key=key,
            body_hash=body_hash,
            answer=given.model_dump(mode="json"),
            answered_at=work.now,
        )
    )
    return given
