"""What every payment gateway must do; run over the one in memory and over HTTP against the simulated bank."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any, Protocol

import aiohttp
import pytest

from adapters.payments.errand import perform
from adapters.payments.http import HttpGateway
from adapters.payments.memory import MemoryGateway, Trouble
from bss.payments.port import AnswerKind, Errand, PaymentGateway, PaymentStepId, Receipt, StepKind
from kernel.errors import Refused, Unanswered, Unreachable
from kernel.ids import TenantId
from kernel.money import Money
from kernel.secrets import Secret
from tests.wire.simulators import child

EUR = "EUR"
NOBODY = "tok_nobody"
WORDS = {
    StepKind.AUTHORISE: "POST /v1/authorisations",
    StepKind.CAPTURE: "/capture",
    StepKind.VOID: "/void",
    StepKind.CHARGE: "POST /v1/charges",
    StepKind.REFUND: "POST /v1/refunds",
}
"""How each instruction reads on the bank's wire."""


class Bench(Protocol):
    """A gateway under test and the hand that breaks it."""

    gateway: PaymentGateway

    async def token(self, *, declined: bool = False) -> str:
        """A method's token."""
        ...

    async def fail(self, trouble: Trouble, on: StepKind) -> None:
        """Break the next instruction of that kind, once."""
        ...


class MemoryBench:
    """The gateway in memory."""

    def __init__(self) -> None:
        self.memory = MemoryGateway()
        self.gateway: PaymentGateway = self.memory

    async def token(self, *, declined: bool = False) -> str:
        """A made-up token."""
        token = f"tok_{len(self.memory.declined)}{'d' if declined else 'a'}"
        if declined:
            self.memory.declined[token] = "do_not_honor"
        return token

    async def fail(self, trouble: Trouble, on: StepKind) -> None:
        """Told to the gateway itself."""
        self.memory.fail(trouble, on)


class HttpBench:
    """The gateway over HTTP, the simulated bank behind it."""

    def __init__(self, where: dict[str, Any], http: aiohttp.ClientSession) -> None:
        self.bank, self.control, self.http = where["bank"], where["control"]["url"], http
        self.gateway: PaymentGateway = HttpGateway(self.bank["url"], api_key=Secret(self.bank["api_key"]))

    async def token(self, *, declined: bool = False) -> str:
        """What the payer's browser would ask of the bank."""
        number = "4000000000000002" if declined else "4242424242424242"
        card = {"number": number, "expiry_month": 12, "expiry_year": 2030, "cvc": "123"}
        headers = {"Authorization": f"Bearer {self.bank['api_key']}"}
        async with self.http.post(f"{self.bank['url']}/v1/tokens", json=card, headers=headers) as answer:
            return str((await answer.json())["token"])

    async def fail(self, trouble: Trouble, on: StepKind) -> None:
        """Told to the simulator's control."""
        fault = {"element": "bank", "kind": trouble.value, "match": WORDS[on], "count": 1}
        async with self.http.post(f"{self.control}/faults", json=fault) as answer:
            assert answer.status == 201


@pytest.fixture(scope="module")
def simulators() -> Iterator[child.Child]:
    with child.running("--meters", "0") as running:
        yield running


@pytest.fixture(params=["memory", "http"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    where = request.getfixturevalue("simulators").where
    async with aiohttp.ClientSession() as http:
        made = HttpBench(where, http)
        yield made
        await made.gateway.close()
        async with http.delete(f"{made.control}/faults") as answer:
            assert answer.status == 204


_numbers = count()


def key() -> str:
    return f"test-{next(_numbers)}"


def euro(text: str) -> Money:
    return Money.of(text, EUR)


async def held(bench: Bench, amount: str = "86.00") -> Receipt:
    token = await bench.token()
    return await bench.gateway.authorise(token=token, amount=euro(amount), reference="pay_1", idempotency_key=key())


async def test_an_authorisation_is_held_then_captured(bench: Bench) -> None:
    hold = await held(bench)
    taken = await bench.gateway.capture(authorisation=hold.reference, amount=euro("86.00"), idempotency_key=key())
    assert taken.reference.startswith("cap_")
    with pytest.raises(Refused, match="captured"):
        await bench.gateway.capture(authorisation=hold.reference, amount=euro("86.00"), idempotency_key=key())


async def test_no_more_is_captured_than_is_held(bench: Bench) -> None:
    hold = await held(bench)
    with pytest.raises(Refused, match="at most"):
        await bench.gateway.capture(authorisation=hold.reference, amount=euro("86.01"), idempotency_key=key())


async def test_a_declined_method_is_refused_with_its_reason(bench: Bench) -> None:
    token = await bench.token(declined=True)
    with pytest.raises(Refused, match="do_not_honor"):
        await bench.gateway.authorise(token=token, amount=euro("1.00"), reference="pay_2", idempotency_key=key())
    with pytest.raises(Refused, match="do_not_honor"):
        await bench.gateway.charge(token=token, amount=euro("1.00"), reference="pay_3", idempotency_key=key())


async def test_a_hold_is_released_once_and_again_is_no_error(bench: Bench) -> None:
    hold = await held(bench)
    for _ in range(2):
        await bench.gateway.void(authorisation=hold.reference, idempotency_key=key())
    with pytest.raises(Refused, match="voided"):
        await bench.gateway.capture(authorisation=hold.reference, amount=euro("1.00"), idempotency_key=key())


async def test_what_is_captured_cannot_be_released(bench: Bench) -> None:
    hold = await held(bench)
    await bench.gateway.capture(authorisation=hold.reference, amount=euro("86.00"), idempotency_key=key())
    with pytest.raises(Refused, match="captured"):
        await bench.gateway.void(authorisation=hold.reference, idempotency_key=key())


@pytest.mark.parametrize("by", ["charge", "capture"])
async def test_money_is_given_back_up_to_what_was_taken(bench: Bench, by: str) -> None:
    if by == "charge":
        token = await bench.token()
        taken = await bench.gateway.charge(token=token, amount=euro("10.00"), reference="pay_4", idempotency_key=key())
    else:
        hold = await held(bench, "10.00")
        taken = await bench.gateway.capture(authorisation=hold.reference, amount=euro("10.00"), idempotency_key=key())
    await bench.gateway.refund(taken=taken.reference, amount=euro("4.00"), idempotency_key=key())
    with pytest.raises(Refused, match="more than was captured"):
        await bench.gateway.refund(taken=taken.reference, amount=euro("6.01"), idempotency_key=key())
    await bench.gateway.refund(taken=taken.reference, amount=euro("6.00"), idempotency_key=key())


async def test_the_same_key_gets_the_same_answer(bench: Bench) -> None:
    token, once = await bench.token(), key()
    first = await bench.gateway.charge(token=token, amount=euro("5.00"), reference="pay_5", idempotency_key=once)
    again = await bench.gateway.charge(token=token, amount=euro("5.00"), reference="pay_5", idempotency_key=once)
    assert again == first
    with pytest.raises(Refused, match="another body"):
        await bench.gateway.charge(token=token, amount=euro("6.00"), reference="pay_5", idempotency_key=once)


async def test_a_lookup_tells_done_refused_and_never_arrived(bench: Bench) -> None:
    good, bad, done, refused = await bench.token(), await bench.token(declined=True), key(), key()
    receipt = await bench.gateway.charge(token=good, amount=euro("5.00"), reference="pay_6", idempotency_key=done)
    with pytest.raises(Refused):
        await bench.gateway.charge(token=bad, amount=euro("5.00"), reference="pay_7", idempotency_key=refused)
    assert await bench.gateway.lookup(done) == receipt
    with pytest.raises(Refused, match="do_not_honor"):
        await bench.gateway.lookup(refused)
    assert await bench.gateway.lookup(key()) is None


async def test_an_instruction_dropped_unread_is_unanswered_and_never_arrived(bench: Bench) -> None:
    token, once = await bench.token(), key()
    await bench.fail(Trouble.DROP, StepKind.CHARGE)
    with pytest.raises(Unanswered):
        await bench.gateway.charge(token=token, amount=euro("5.00"), reference="pay_8", idempotency_key=once)
    assert await bench.gateway.lookup(once) is None


@pytest.mark.parametrize("kind", [StepKind.AUTHORISE, StepKind.CHARGE])
async def test_an_instruction_whose_answer_is_lost_is_unanswered_and_was_done(bench: Bench, kind: StepKind) -> None:
    token, once = await bench.token(), key()
    await bench.fail(Trouble.LOSE, kind)
    call = bench.gateway.charge if kind is StepKind.CHARGE else bench.gateway.authorise
    with pytest.raises(Unanswered):
        await call(token=token, amount=euro("5.00"), reference="pay_9", idempotency_key=once)
    found = await bench.gateway.lookup(once)
    assert found is not None
    assert await call(token=token, amount=euro("5.00"), reference="pay_9", idempotency_key=once) == found


@pytest.mark.parametrize("kind", [StepKind.CAPTURE, StepKind.VOID])
async def test_a_refused_instruction_leaves_the_hold(bench: Bench, kind: StepKind) -> None:
    hold = await held(bench)
    await bench.fail(Trouble.REFUSE, kind)
    with pytest.raises(Refused):
        await bench.gateway.void(authorisation=hold.reference, idempotency_key=key()) if (
            kind is StepKind.VOID
        ) else await bench.gateway.capture(authorisation=hold.reference, amount=euro("86.00"), idempotency_key=key())
    await bench.gateway.capture(authorisation=hold.reference, amount=euro("86.00"), idempotency_key=key())


async def test_what_the_gateway_does_not_know_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused, match="unknown authorisation"):
        await bench.gateway.capture(authorisation="aut_nobody", amount=euro("1.00"), idempotency_key=key())


async def test_an_errand_comes_back_as_an_answer(bench: Bench) -> None:
    errand = Errand(
        tenant=TenantId(1),
        step_id=PaymentStepId.new(),
        kind=StepKind.CHARGE,
        amount=euro("5.00"),
        idempotency_key=key(),
        reference="pay_10",
        token=await bench.token(),
        target="",
        ask=True,
    )
    assert (await perform(bench.gateway, errand)).kind is AnswerKind.UNHEARD
    await bench.fail(Trouble.LOSE, StepKind.CHARGE)
    sending = Errand(**{name: getattr(errand, name) for name in errand.__slots__ if name != "ask"}, ask=False)
    assert (await perform(bench.gateway, sending)).kind is AnswerKind.UNANSWERED
    found = await perform(bench.gateway, errand)
    assert found.kind is AnswerKind.DONE
    assert found == await perform(bench.gateway, sending)


async def test_a_gateway_that_is_not_there_was_never_reached(unused_tcp_port: int) -> None:
    gateway = HttpGateway(f"http://127.0.0.1:{unused_tcp_port}", api_key=Secret("k"))
    with pytest.raises(Unreachable):
        await gateway.charge(token=NOBODY, amount=euro("1.00"), reference="pay_11", idempotency_key=key())
    await gateway.close()


async def test_a_wrong_api_key_declines_nobody(simulators: child.Child) -> None:
    gateway = HttpGateway(simulators.where["bank"]["url"], api_key=Secret("wrong"))
    with pytest.raises(Unreachable, match="API key"):
        await gateway.charge(token=NOBODY, amount=euro("1.00"), reference="pay_12", idempotency_key=key())
    await gateway.close()


async def test_an_answer_that_comes_too_late_is_unanswered(simulators: child.Child) -> None:
    where = simulators.where
    gateway = HttpGateway(where["bank"]["url"], api_key=Secret(where["bank"]["api_key"]), total_s=0.2)
    async with aiohttp.ClientSession() as http:
        bench = HttpBench(where, http)
        token, once = await bench.token(), key()
        fault = {"element": "bank", "kind": "slow", "match": "pay_13", "count": 1, "delay_ms": 2_000}
        async with http.post(f"{bench.control}/faults", json=fault) as answer:
            assert answer.status == 201
        with pytest.raises(Unanswered, match="in time"):
            await gateway.charge(token=token, amount=euro("1.00"), reference="pay_13", idempotency_key=once)
        assert await gateway.lookup(once) is not None
    await gateway.close()
