"""The two straight lines of DESIGN.md, recorded hop by hop: a plain call goes down the house, only a fact goes up."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.demo.story import at
from gateway.demo.town import Town, town
from tests.house.tracing import Call, Recorder, follow, recorded

pytestmark = pytest.mark.slow

ACTIVATION = """
bss.ordering.service.submit
    bss.ordering.planning.reserve
        oss.inventory.service.create
bss.payments.handlers.on_order
    bss.payments.service.authorise
adapters.payments.errand.perform
    adapters.payments.http.HttpGateway.authorise
bss.payments.service.settle
bss.ordering.handlers.on_payment_authorised
    bss.ordering.service.open_gate
        bss.subscriptions.service.create
            oss.orders.service.place
oss.orders.run.turn
gateway.network.Network.speak
    adapters.elements.ssh.element.SshElement.apply
        adapters.elements.ssh.dialect.SshIntent.script
        adapters.elements.ssh.dialect.SshIntent.parse
oss.orders.run.turn
    oss.orders.finish.complete
        oss.inventory.activation.become_all
bss.subscriptions.handlers.on_service_order_completed
    bss.subscriptions.service.confirmed
        bss.subscriptions.service.activate
bss.ordering.handlers.on_service_order_completed
    bss.ordering.service.delivered
bss.invoices.handlers.on_order_completed
    bss.invoices.service.draft
adapters.tax.table.TableQuotes.quote
bss.invoices.service.settle
    bss.invoices.service.seal
        bss.ledger.service.post
bss.payments.handlers.on_invoice_issued
    bss.payments.service.collect
        bss.payments.service.capture
adapters.payments.errand.perform
    adapters.payments.http.HttpGateway.capture
bss.payments.service.settle
    bss.ledger.service.post
    bss.invoices.service.allocate
"""
"""A hop stands inside the one that is indented less; at the margin another Work, or the edge, begins."""
RESTRICTION = """
gateway.due.Ticker.tick
bss.dunning.service.advance
    bss.subscriptions.service.restrict
        oss.inventory.service.restrict
        oss.orders.service.place
oss.orders.run.turn
gateway.network.Network.speak
    adapters.elements.ssh.element.SshElement.apply
        adapters.elements.ssh.dialect.SshIntent.script
        adapters.elements.ssh.dialect.SshIntent.parse
oss.orders.run.turn
    oss.orders.finish.complete
        oss.inventory.service.become
bss.ordering.handlers.on_service_order_completed
    bss.ordering.service.delivered
        bss.subscriptions.service.confirmed
"""
INDENT = 4


@dataclass(frozen=True, slots=True)
class Lines:
    """The recorded calls of each line."""

    activation: Sequence[Call]
    restriction: Sequence[Call]


@pytest.fixture(scope="module")
def lines() -> Lines:
    """One mobile line over the real HLR dialect: ordered with a card, and not paid for in July."""
    with recorded() as recorder, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_live(Path(folder), recorder))


async def _live(folder: Path, recorder: Recorder) -> Lines:
    async with town(folder, options=("--broker", "embedded")) as built:
        activation = await _ordered(built, recorder)
        await built.advance(at(7, 22))
        recorder.on = True
        await built.advance(at(7, 23))
        recorder.on = False
        return Lines(activation, recorder.taken())


async def _ordered(built: Town, recorder: Recorder) -> Sequence[Call]:
    account, method, card = await built.customer("Ada Berg")
    recorder.on = True
    await built.order(account, [{"action": "add", "offering": "mobile"}], method_id=method, key="ada-1")
    recorder.on = False
    await built.sim.bank("PUT", f"/v1/control/tokens/{card}", {"mode": "decline"})
    return recorder.taken()


def check(calls: Sequence[Call], line: str) -> None:
    """Every hop is taken in order, each inside those that it is indented under."""
    written = line.strip().splitlines()
    found = follow(calls, [hop.strip() for hop in written])
    above: list[str] = []
    for hop, call in zip(written, found, strict=True):
        above = above[: (len(hop) - len(hop.lstrip())) // INDENT]
        assert _within(call.inside, above), f"{call.name} was called inside {call.inside}, not inside {above}"
        above.append(call.name)


def _within(inside: Sequence[str], above: Sequence[str]) -> bool:
    rest = iter(inside)
    return all(hop in rest for hop in above)


def test_an_activation_goes_down_by_calls_and_up_by_facts(lines: Lines) -> None:
    check(lines.activation, ACTIVATION)


def test_a_debt_goes_down_to_the_bar_on_the_register_and_its_fact_up(lines: Lines) -> None:
    check(lines.restriction, RESTRICTION)


@pytest.mark.parametrize("line", ["activation", "restriction"])
def test_nothing_speaks_to_an_element_or_a_bank_inside_a_work(lines: Lines, line: str) -> None:
    calls: Sequence[Call] = getattr(lines, line)
    spoken = [call for call in calls if call.name.startswith(("adapters.elements.ssh.session.", "adapters.payments."))]
    assert spoken
    assert [call for call in spoken if any(name.startswith(("bss.", "oss.orders.")) for name in call.inside)] == []


@pytest.mark.parametrize("line", ["activation", "restriction"])
def test_the_network_side_never_calls_up(lines: Lines, line: str) -> None:
    calls: Sequence[Call] = getattr(lines, line)
    assert [call for call in calls if call.name.startswith("bss.") and _below(call.inside)] == []


def _below(inside: Sequence[str]) -> bool:
    """Whether the innermost call around is of the network's side, the kernel's doors and loops apart."""
    rooms = [name for name in inside if not name.startswith(("kernel.", "gateway."))]
    return bool(rooms) and rooms[-1].startswith("oss.")


def test_a_missing_hop_is_named(lines: Lines) -> None:
    with pytest.raises(AssertionError, match=r"nobody called bss\.fraud\.service\.decide"):
        check(lines.activation, "bss.ordering.service.submit\n    bss.fraud.service.decide")


def test_a_hop_outside_the_one_before_it_is_named(lines: Lines) -> None:
    with pytest.raises(AssertionError, match=r"authorise was called inside .* not inside"):
        check(lines.activation, "bss.ordering.service.submit\n    bss.payments.service.authorise")
