"""A bank's book: card tokens, authorisations, captures, charges and refunds, in minor units."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CURRENCY = re.compile(r"[A-Z]{3}")
NUMBER = re.compile(r"[0-9]{12,19}")
CVC = re.compile(r"[0-9]{3,4}")
AMOUNT_LIMIT = 10**12  # minor units; ten thousand million is past any invoice here
REFERENCE_LIMIT = 200  # characters
YEARS = range(2000, 2100)  # any card of this century: the demo's clock may stand anywhere in it

ALWAYS_DECLINES = {"4000000000000002": "do_not_honor", "4000000000009995": "insufficient_funds"}
BRANDS = {"3": "amex", "4": "visa", "5": "mastercard", "6": "discover"}
DEFAULT_REASON = "do_not_honor"


class BankError(Exception):
    """A request the bank turns down: the HTTP status, its word and its reason."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.body = {"error": error, "reason": reason}


@dataclass
class Token:
    """A card as the bank keeps it: never its number."""

    token: str
    brand: str
    last4: str
    expiry_month: int
    expiry_year: int
    declines: str | None = None


@dataclass
class Payment:
    """An authorisation, or a charge that took the money at once; amounts in minor units."""

    id: str
    token: str
    amount_minor: int
    currency: str
    reference: str
    state: str
    captured_minor: int = 0
    refunded_minor: int = 0
    capture: str | None = None


@dataclass
class Refund:
    """Money given back, in minor units."""

    id: str
    of: str
    amount_minor: int
    currency: str
    reference: str
    state: str = "succeeded"


def nothing() -> None:
    """The effect of an answer that changes nothing."""


@dataclass
class Outcome:
    """An answer, and the effect that makes it true once it is called."""

    status: int
    body: dict[str, Any]
    event: str | None = None
    effect: Callable[[], None] = nothing


@dataclass
class Book:
    """Everything the bank knows; each operation gives an Outcome whose effect has not happened yet."""

    new_id: Callable[[str], str]
    tokens: dict[str, Token] = field(default_factory=dict)
    authorisations: dict[str, Payment] = field(default_factory=dict)
    charges: dict[str, Payment] = field(default_factory=dict)
    captures: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)

    def tokenise(self, body: dict[str, Any]) -> Outcome:
        """Keep a card under a token."""
        number = str(body.get("number", "")).replace(" ", "")
        if not NUMBER.fullmatch(number) or not luhn(number):
            raise BankError(400, "invalid", "number: not a card number")
        month = whole(body, "expiry_month", range(1, 13))
        year = whole(body, "expiry_year", YEARS)
        if not CVC.fullmatch(str(body.get("cvc", ""))):
            raise BankError(400, "invalid", "cvc: use 3 or 4 digits")
        brand = BRANDS.get(number[0], "card")
        token = Token(self.new_id("tok"), brand, number[-4:], month, year, ALWAYS_DECLINES.get(number))
        shown = {key: value for key, value in vars(token).items() if key != "declines"}
        return Outcome(201, shown, effect=lambda: self.tokens.__setitem__(token.token, token))

    def instruct(self, token: str, body: dict[str, Any]) -> Outcome:
        """Set whether a token's payments are approved from now on."""
        card = self._token(token)
        mode, reason = body.get("mode"), body.get("reason", DEFAULT_REASON)
        if mode not in ("approve", "decline") or not isinstance(reason, str):
            raise BankError(400, "invalid", "mode: use approve or decline")
        declines = reason if mode == "decline" else None
        return Outcome(200, {"token": token, "mode": mode}, effect=lambda: setattr(card, "declines", declines))

    def authorise(self, body: dict[str, Any], *, refuse: bool) -> Outcome:
        """Hold an amount on a card."""
        payment = self._payment("aut", "authorised", body)
        declined = self._declined(payment, "authorisation", refuse=refuse)
        if declined is not None:
            return declined
        keep = self.authorisations
        return Outcome(201, shown(payment), "authorisation.authorised", lambda: keep.__setitem__(payment.id, payment))

    def charge(self, body: dict[str, Any], *, refuse: bool) -> Outcome:
        """Take an amount from a card at once."""
        payment = self._payment("chg", "succeeded", body)
        declined = self._declined(payment, "charge", refuse=refuse)
        if declined is not None:
            return declined
        payment.captured_minor = payment.amount_minor
        keep = self.charges
        return Outcome(201, shown(payment), "charge.succeeded", lambda: keep.__setitem__(payment.id, payment))

    def capture(self, key: str, body: dict[str, Any]) -> Outcome:
        """Take what an authorisation holds, once, in whole or in part."""
        held = self._authorisation(key)
        if held.state != "authorised":
            raise BankError(409, "conflict", f"authorisation is {held.state}")
        amount = body.get("amount_minor", held.amount_minor)
        amount = whole({"amount_minor": amount}, "amount_minor", range(1, AMOUNT_LIMIT + 1))
        if amount > held.amount_minor:
            raise BankError(409, "conflict", f"amount_minor: at most {held.amount_minor}")
        capture = self.new_id("cap")

        def effect() -> None:
            held.state, held.captured_minor, held.capture = "captured", amount, capture
            self.captures[capture] = held

        answer = {"id": capture, "state": "succeeded", "authorisation": key, "amount_minor": amount}
        return Outcome(201, {**answer, **about(held)}, "authorisation.captured", effect)

    def void(self, key: str) -> Outcome:
        """Release what an authorisation holds; again is no error."""
        held = self._authorisation(key)
        if held.state == "captured":
            raise BankError(409, "conflict", "authorisation is captured")
        answer = {"id": key, "state": "voided", "amount_minor": held.amount_minor, **about(held)}
        if held.state == "voided":
            return Outcome(200, answer)
        return Outcome(200, answer, "authorisation.voided", lambda: setattr(held, "state", "voided"))

    def refund(self, body: dict[str, Any]) -> Outcome:
        """Give back what was taken, at most once over."""
        named = [name for name in ("charge", "capture") if name in body]
        if len(named) != 1:
            raise BankError(400, "invalid", "charge or capture: name one of them")
        source = str(body[named[0]])
        payment = (self.charges if named[0] == "charge" else self.captures).get(source)
        if payment is None:
            raise BankError(404, "not_found", f"unknown {named[0]}")
        amount = whole(body, "amount_minor", range(1, AMOUNT_LIMIT + 1))
        if amount > payment.captured_minor - payment.refunded_minor:
            raise BankError(409, "conflict", "amount_minor: more than was captured")
        refund = Refund(self.new_id("ref"), source, amount, payment.currency, payment.reference)

        def effect() -> None:
            payment.refunded_minor += amount
            self.refunds[refund.id] = refund

        return Outcome(201, dict(vars(refund)), "refund.succeeded", effect)

    def _token(self, token: str) -> Token:
        card = self.tokens.get(token)
        if card is None:
            raise BankError(404, "not_found", "unknown token")
        return card

    def _authorisation(self, key: str) -> Payment:
        held = self.authorisations.get(key)
        if held is None:
            raise BankError(404, "not_found", "unknown authorisation")
        return held

    def _payment(self, prefix: str, state: str, body: dict[str, Any]) -> Payment:
        token = self._token(str(body.get("token", "")))
        amount = whole(body, "amount_minor", range(1, AMOUNT_LIMIT + 1))
        currency, reference = body.get("currency"), body.get("reference", "")
        if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
            raise BankError(400, "invalid", "currency: use three capital letters")
        if not isinstance(reference, str) or len(reference) > REFERENCE_LIMIT:
            raise BankError(400, "invalid", f"reference: use text of at most {REFERENCE_LIMIT} characters")
        return Payment(self.new_id(prefix), token.token, amount, currency, reference, state)

    def _declined(self, payment: Payment, noun: str, *, refuse: bool) -> Outcome | None:
        reason = self.tokens[payment.token].declines or (DEFAULT_REASON if refuse else None)
        if reason is None:
            return None
        body = {"error": "declined", "reason": reason, "amount_minor": payment.amount_minor, **about(payment)}
        return Outcome(402, body, f"{noun}.declined")


def about(payment: Payment) -> dict[str, Any]:
    """What every answer about a payment repeats."""
    return {"currency": payment.currency, "reference": payment.reference, "token": payment.token}


def shown(payment: Payment) -> dict[str, Any]:
    """A payment as its own answer."""
    return {
        "id": payment.id,
        "state": payment.state,
        "amount_minor": payment.amount_minor,
        **about(payment),
    }


def whole(body: dict[str, Any], name: str, allowed: range) -> int:
    """The named whole number, or BankError saying which are allowed."""
    value = body.get(name)
    if type(value) is not int or value not in allowed:
        raise BankError(400, "invalid", f"{name}: use {allowed.start} to {allowed.stop - 1}")
    return value


def luhn(number: str) -> bool:
    """Whether a card number's check digit is right."""
    digits = [int(each) for each in reversed(number)]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
