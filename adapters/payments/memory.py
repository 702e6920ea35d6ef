"""A payment gateway in memory: it holds, takes and gives back as a bank does, and fails when told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from bss.payments.port import Receipt, StepKind
from kernel.errors import Refused, Unanswered, Unreachable
from kernel.money import Money


class Trouble(StrEnum):
    """How the next instruction fails: refused, not connected, dropped unread, or done with the answer lost."""

    REFUSE = "refuse"
    DOWN = "down"
    DROP = "drop"
    LOSE = "lose"


@dataclass
class _Hold:
    amount: Money
    state: str = "authorised"


@dataclass
class _Taking:
    amount: Money
    returned: Money


@dataclass
class MemoryGateway:
    """Approves every token except the declined ones; the same key and words get the same answer."""

    declined: dict[str, str] = field(default_factory=dict)
    sent: list[tuple[StepKind, str]] = field(default_factory=list)
    troubles: list[tuple[Trouble, StepKind | None]] = field(default_factory=list)
    _holds: dict[str, _Hold] = field(default_factory=dict)
    _takings: dict[str, _Taking] = field(default_factory=dict)
    _kept: dict[str, tuple[tuple[object, ...], Receipt | str]] = field(default_factory=dict)

    def fail(self, trouble: Trouble, on: StepKind | None = None) -> None:
        """Let the next instruction (of that kind) end in trouble, once."""
        self.troubles.append((trouble, on))

    @property
    def taken(self) -> dict[str, Money]:
        """What stands taken, less what was given back, by the gateway's id."""
        return {key: taking.amount - taking.returned for key, taking in self._takings.items()}

    @property
    def held(self) -> dict[str, Money]:
        """What is held now, by the gateway's id."""
        return {key: hold.amount for key, hold in self._holds.items() if hold.state == "authorised"}

    async def authorise(self, *, token: str, amount: Money, reference: str, idempotency_key: str) -> Receipt:
        """Hold an amount."""

        def effect() -> str:
            self._approve(token)
            self._holds[key := self._id("aut")] = _Hold(amount)
            return key

        return self._do(StepKind.AUTHORISE, idempotency_key, (token, amount, reference), effect)

    async def capture(self, *, authorisation: str, amount: Money, idempotency_key: str) -> Receipt:
        """Take what is held."""

        def effect() -> str:
            hold = self._hold(authorisation)
            if hold.state != "authorised":
                raise Refused(f"authorisation is {hold.state}")
            if hold.amount < amount:
                raise Refused(f"at most {hold.amount}")
            hold.state = "captured"
            self._takings[key := self._id("cap")] = _Taking(amount, Money.zero(amount.currency))
            return key

        return self._do(StepKind.CAPTURE, idempotency_key, (authorisation, amount), effect)

    async def void(self, *, authorisation: str, idempotency_key: str) -> Receipt:
        """Release a hold; again is no error."""

        def effect() -> str:
            hold = self._hold(authorisation)
            if hold.state == "captured":
                raise Refused("authorisation is captured")
            hold.state = "voided"
            return authorisation

        return self._do(StepKind.VOID, idempotency_key, (authorisation,), effect)

    async def charge(self, *, token: str, amount: Money, reference: str, idempotency_key: str) -> Receipt:
        """Take an amount at once."""

        def effect() -> str:
            self._approve(token)
            self._takings[key := self._id("chg")] = _Taking(amount, Money.zero(amount.currency))
            return key

        return self._do(StepKind.CHARGE, idempotency_key, (token, amount, reference), effect)

    async def refund(self, *, taken: str, amount: Money, idempotency_key: str) -> Receipt:
        """Give back some of what was taken."""

        def effect() -> str:
            taking = self._takings.get(taken)
            if taking is None:
                raise Refused("unknown charge or capture")
            if taking.amount - taking.returned < amount:
                raise Refused("more than was captured")
            taking.returned += amount
            return self._id("ref")

        return self._do(StepKind.REFUND, idempotency_key, (taken, amount), effect)

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """What became of the instruction with that key."""
        kept = self._kept.get(idempotency_key)
        return None if kept is None else _answer(kept[1])

    async def close(self) -> None:
        """Nothing to end."""

    def _do(self, kind: StepKind, key: str, words: tuple[object, ...], effect: Callable[[], str]) -> Receipt:
        trouble = self._trouble(kind)
        if trouble is Trouble.DOWN:
            raise Unreachable("the gateway is down")
        self.sent.append((kind, key))
        if trouble is Trouble.DROP:
            raise Unanswered("the gateway broke off")
        if key not in self._kept:
            self._kept[key] = ((kind, *words), self._decide(effect, refuse=trouble is Trouble.REFUSE))
        if self._kept[key][0] != (kind, *words):
            raise Refused("idempotency key: used with another body")
        if trouble is Trouble.LOSE:
            raise Unanswered("the gateway broke off")
        return _answer(self._kept[key][1])

    def _decide(self, effect: Callable[[], str], *, refuse: bool) -> Receipt | str:
        if refuse:
            return "do_not_honor"
        try:
            return Receipt(effect())
        except Refused as error:
            return error.message

    def _trouble(self, kind: StepKind) -> Trouble | None:
        for i, (trouble, on) in enumerate(self.troubles):
            if on in (None, kind):
                del self.troubles[i]
                return trouble
        return None

    def _approve(self, token: str) -> None:
        if token in self.declined:
            raise Refused(self.declined[token])

    def _hold(self, key: str) -> _Hold:
        if key not in self._holds:
            raise Refused("unknown authorisation")
        return self._holds[key]

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{len(self._kept):08d}x"


def _answer(kept: Receipt | str) -> Receipt:
    if isinstance(kept, str):
        raise Refused(kept)
    return kept
