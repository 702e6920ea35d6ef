"""A gateway's own notices: signed as Standard Webhooks, read into the port's Advice."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bss.payments.port import Advice, AdviceKind
from kernel.errors import Forbidden, Invalid
from kernel.money import Money
from kernel.secrets import Secret

TOLERANCE = timedelta(minutes=5)
"""An older or later timestamp may be a replay."""
BODY_LIMIT_BYTES = 65_536
"""A notice has a few hundred bytes."""

_KINDS = {
    "authorisation.authorised": AdviceKind.AUTHORISED,
    "authorisation.declined": AdviceKind.AUTHORISATION_DECLINED,
    "authorisation.captured": AdviceKind.CAPTURED,
    "authorisation.voided": AdviceKind.VOIDED,
    "charge.succeeded": AdviceKind.CHARGED,
    "charge.declined": AdviceKind.CHARGE_DECLINED,
    "refund.succeeded": AdviceKind.REFUNDED,
}
_TARGETS = {AdviceKind.CAPTURED: "authorisation", AdviceKind.VOIDED: "id", AdviceKind.REFUNDED: "of"}


def verify(headers: Mapping[str, str], body: bytes, *, secret: Secret, now: datetime | None = None) -> Advice | None:
    """The notice in a signed request; None for a kind we do not follow, Forbidden when the signature does not hold.

    `now` is the real instant (the sender stamps by it), the machine's own unless told.
    """
    named = {name.lower(): value for name, value in headers.items()}
    key, stamp = named.get("webhook-id", ""), named.get("webhook-timestamp", "")
    if not key or not stamp.isdigit() or len(body) > BODY_LIMIT_BYTES:
        raise Forbidden("not a signed notice", field="webhook-id", fix="send id, timestamp and signature headers")
    sent = datetime.fromtimestamp(min(int(stamp), 2**40), UTC) if len(stamp) < 12 else datetime.min.replace(tzinfo=UTC)
    if abs((now or datetime.now(UTC)) - sent) > TOLERANCE:
        raise Forbidden("the notice's timestamp is too far from now", field="webhook-timestamp")
    wanted = _signature(secret, f"{key}.{stamp}.".encode() + body)
    given = named.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(wanted.encode(), each.encode()) for each in given):
        raise Forbidden("the signature does not hold", field="webhook-signature", fix="check the shared secret")
    return _advice(key, body)


def _signature(secret: Secret, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise Invalid("not base64", field="webhook_secret", fix="whsec_ and base64") from None
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def _advice(key: str, body: bytes) -> Advice | None:
    try:
        told: dict[str, Any] = json.loads(body)
        kind = _KINDS.get(told["type"])
        if kind is None:
            return None
        data: dict[str, Any] = told["data"]
        target, reason = data.get(_TARGETS.get(kind, "")), data.get("reason")
        return Advice(
            advice_id=key,
            kind=kind,
            reference=str(data["reference"]),
            amount=Money(int(data["amount_minor"]), str(data["currency"])),
            operation=None if data.get("id") is None else str(data["id"]),
            target=None if target is None else str(target),
            reason=None if reason is None else str(reason),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Invalid(f"the notice is not understood: {type(error).__name__}", field="body") from error
