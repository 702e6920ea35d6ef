"""A gateway's notice is believed only when it is signed, fresh and understood."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.payments import webhook
from bss.payments.port import Advice, AdviceKind
from kernel.errors import Forbidden, Invalid
from kernel.money import Money
from kernel.secrets import Secret

KEY = base64.b64encode(b"a key that only two know").decode()
SECRET = Secret(f"whsec_{KEY}")
NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
CAPTURED = {
    "id": "evt_1",
    "type": "authorisation.captured",
    "created": 1,
    "data": {
        "id": "cap_1",
        "state": "succeeded",
        "authorisation": "aut_1",
        "amount_minor": 8600,
        "currency": "EUR",
        "reference": "ours",
    },
}


def signed(body: bytes, *, at: datetime = NOW, key: str = KEY) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    digest = hmac.digest(base64.b64decode(key), f"evt_1.{stamp}.".encode() + body, "sha256")
    signature = f"v1,AAAA v1,{base64.b64encode(digest).decode()}"
    return {"Webhook-Id": "evt_1", "Webhook-Timestamp": stamp, "Webhook-Signature": signature}


def test_a_signed_notice_is_read() -> None:
    body = json.dumps(CAPTURED).encode()
    assert webhook.verify(signed(body), body, secret=SECRET, now=NOW) == Advice(
        advice_id="evt_1",
        kind=AdviceKind.CAPTURED,
        reference="ours",
        amount=Money(8600, "EUR"),
        operation="cap_1",
        target="aut_1",
    )


@pytest.mark.parametrize("by", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_an_old_or_early_notice_is_refused(by: timedelta) -> None:
    body = json.dumps(CAPTURED).encode()
    with pytest.raises(Forbidden, match="timestamp"):
        webhook.verify(signed(body, at=NOW + by), body, secret=SECRET, now=NOW)


def test_a_changed_body_is_refused() -> None:
    body = json.dumps(CAPTURED).encode()
    with pytest.raises(Forbidden, match="signature"):
        webhook.verify(signed(body), body.replace(b"8600", b"1"), secret=SECRET, now=NOW)


def test_another_key_is_refused() -> None:
    body = json.dumps(CAPTURED).encode()
    other = base64.b64encode(b"somebody else's key").decode()
    with pytest.raises(Forbidden, match="signature"):
        webhook.verify(signed(body, key=other), body, secret=SECRET, now=NOW)


@pytest.mark.parametrize("missing", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_an_unsigned_notice_is_refused(missing: str) -> None:
    body = json.dumps(CAPTURED).encode()
    headers = {name: text for name, text in signed(body).items() if name != missing}
    with pytest.raises(Forbidden):
        webhook.verify(headers, body, secret=SECRET, now=NOW)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"not json", b'{"type": "charge.succeeded", "data": {}}'])
def test_a_notice_that_is_not_understood_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid, match="not understood"):
        webhook.verify(signed(body), body, secret=SECRET, now=NOW)


def test_a_kind_that_we_do_not_follow_is_passed_over() -> None:
    body = json.dumps({**CAPTURED, "type": "dispute.opened"}).encode()
    assert webhook.verify(signed(body), body, secret=SECRET, now=NOW) is None
