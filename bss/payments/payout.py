"""A gateway pays out what it took, less its fees: its clearing account goes down by as much."""

from __future__ import annotations

from datetime import date

from bss.ledger import service as ledger
from bss.ledger.model import SellerId
from bss.payments import store
from bss.payments.begin import GATEWAY
from bss.payments.card_number import refuse
from bss.payments.model import Settlement, SettlementId
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from kernel.work import Work

REFERENCE_LENGTH = 100
"""A bank's reference has at most 35 characters, a gateway's some more."""


def receive(work: Work, seller_id: SellerId, *, reference: str, gross: Money, fee: Money, on: date) -> Settlement:
    """Book a payout once: the same reference and sums again changes nothing, other sums are a Conflict."""
    refuse(reference, field="reference")
    if not reference.strip() or len(reference) > REFERENCE_LENGTH or not reference.isprintable():
        raise Invalid(f"a reference has 1 to {REFERENCE_LENGTH} printable characters", field="reference")
    if gross.minor <= 0 or fee.minor < 0 or gross < fee:
        raise Invalid(f"{gross} less {fee} is no payout", field="fee", fix="a fee from zero to the gross")
    known = store.settlement(work, GATEWAY, reference)
    if known is not None:
        if (known.seller_id, known.gross_minor, known.fee_minor) != (seller_id, gross.minor, fee.minor):
            raise Conflict(f"payout {reference!r} was booked with other sums", field="reference")
        return known
    booked = Settlement(
        tenant=work.tenant,
        id=SettlementId.new(),
        seller_id=seller_id,
        gateway=GATEWAY,
        reference=reference,
        gross_minor=gross.minor,
        fee_minor=fee.minor,
        currency=gross.currency,
        booked_on=on,
    )
    work.session.add(booked)
    sums = {"paidOut": gross - fee, "fee": fee, f"settled:{GATEWAY}": gross}
    ledger.post(work, "gatewaySettled", seller_id=seller_id, on=on, amounts=sums, refs={"settlement": booked.id})
    work.audit("payout.booked", booked.id, {"gross": str(gross), "fee": str(fee)})
    return booked
