"""The life of an invoice; paid, overdue and the like are computed, never set."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class InvoiceState(StrEnum):
    """Where an invoice is."""

    DRAFT = "draft"
    HELD = "held"
    ISSUED = "issued"
    DISCARDED = "discarded"


class InvoiceMove(StrEnum):
    """What moves it."""

    HOLD = "hold"
    RELEASE = "release"
    SEAL = "seal"
    DISCARD = "discard"


INVOICE = Machine(
    "Invoice",
    initial=InvoiceState.DRAFT,
    table={
        (InvoiceState.DRAFT, InvoiceMove.SEAL): InvoiceState.ISSUED,
        (InvoiceState.DRAFT, InvoiceMove.HOLD): InvoiceState.HELD,
        (InvoiceState.DRAFT, InvoiceMove.DISCARD): InvoiceState.DISCARDED,
        (InvoiceState.HELD, InvoiceMove.RELEASE): InvoiceState.DRAFT,
        (InvoiceState.HELD, InvoiceMove.DISCARD): InvoiceState.DISCARDED,
    },
    meanings={
        InvoiceState.DRAFT: "It is composed and waits for its tax quote.",
        InvoiceState.HELD: "No quote was to be had; a person mends the cause and releases it.",
        InvoiceState.ISSUED: "It is numbered, hashed and posted, and never changes again.",
        InvoiceState.DISCARDED: "It was thrown away before it had a number; what it charged is free again.",
    },
)
