"""What a dialect would say: one made-up command of each intent, put into words; nothing is sent anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.elements import factory
from adapters.elements.dialects import Source
from adapters.elements.grammar import AnyGrammar, Boolean, Choice, Integer, forbidden
from adapters.elements.intents import Intent
from kernel.errors import Invalid
from oss.port import Command, ElementSpec, State, Value

_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM57jdJExO1XGT/NVNoJwXwPrN9EVm/Eil+4Q+Uohbat"
"""A public key of nobody's: an address without one is refused, and this one is never met."""
_ADDRESSES: Mapping[str, Mapping[str, Value]] = {
    "ssh": {"host": "sample.invalid", "username": "sample", "host_key": _HOST_KEY},
    "snmp": {"host": "sample.invalid", "user": "sample"},
    "mqtt": {"host": "sample.invalid", "prefix": "sample"},
    "memory": {},
}
_WORDS = ("sample", "SAMPLE", "full", "yes", "sim/sample", "sample.example", "sample@example.org", "00:11:22:33:44:55")
_ADDRESS_WORDS = ("192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::/64", "eth0", "br0", "1/1/1", "0/1", "1/0/1")
_DIGITS = "0123456789ABCDEF0123456789ABCDEF"
_CANDIDATES = (
    *_WORDS,
    *_ADDRESS_WORDS,
    "447700900000",
    "001010000000001",
    *(str(number) for number in (1, 2, 10, 100, 1000)),
    *(_DIGITS[1 : 1 + length] for length in range(1, 32)),
    *(_DIGITS[1 : 1 + length].lower() for length in range(10, 32)),
    *("1234567890"[:length] * times for length in (1, 10) for times in range(1, 33)),
)
"""Texts that fit what vendors usually call keys and values: names, addresses, numbers of any length, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One intent's made-up key and state, the words that set it, and those that take it away."""

    intent: str
    key: str
    state: State
    words: list[str]
    removal: list[str]


async def said(source: Source, *, given: Mapping[str, str] | None = None) -> list[Sample]:
    """A sample of each intent; `given` values (by field, `key` among them) stand in for those that are made up.

    Raises Invalid where no made-up text fits a field's pattern.
    """
    protocol = source.dialect.protocol
    spec = ElementSpec(
        name="sample",
        protocol=protocol,
        address=_ADDRESSES[protocol],
        dialect=source.document,
        dialect_hash=source.hash,
    )
    element = factory.connect(spec, secrets=lambda reference: "")
    try:
        samples = []
        for name, intent in source.dialect.intents.items():
            key, state = _made_up(intent, given or {})
            words = element.render(_command(name, key, state, before=None))
            removal = element.render(_command(name, key, {"present": False}, before=state))
            samples.append(Sample(name, key, state, words, removal))
        return samples
    finally:
        await element.close()


def _command(intent: str, key: str, state: State, *, before: State | None) -> Command:
    return Command("sample", key, intent, state, generation=1, idempotency_key="sample", before=before)


def _made_up(intent: Intent, given: Mapping[str, str]) -> tuple[str, State]:
    state: dict[str, Value] = {"present": True}
    for name, grammar in intent.fields.items():
        cuts = intent.cuts.get(name, ())
        state[name] = _value(name, grammar, given.get(name), avoid=cuts)
    return str(_value("key", intent.key, given.get("key"), avoid=())), state


def _value(name: str, grammar: AnyGrammar, told: str | None, *, avoid: tuple[Value, ...]) -> Value:
    """What was told, or the first value that fits and takes no line down. Raises Invalid."""
    if told is not None:
        return grammar.parse(told)
    match grammar:
        case Choice():
            return next((value for value in reversed(grammar.values) if value not in avoid), grammar.values[0])
        case Integer():
            return min(max(grammar.least, 1), grammar.most)
        case Boolean():
            return True not in avoid
        case _:
            fits = (text for text in _CANDIDATES if not (forbidden(text) or grammar.fault(text)))
            found = next(fits, None)
    if found is None:
        message = f"no made-up text matches {grammar.pattern}"
        raise Invalid(message, field=name, fix=f"give one: --sample {name}=...")
    return found
