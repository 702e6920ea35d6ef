"""Retry policies are data: by what went wrong, with limits and a spread that nothing draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.elements.memory import Fault
from kernel.database import Database
from kernel.errors import Invalid
from oss.inventory import elements
from oss.orders import people, retries, views
from oss.orders.machine import OrderState
from oss.orders.model import Fallout
from oss.orders.settle import Policy, Retry, Word
from tests.rooms.oss.orders.town import CLERK, IMSI, OPERATOR, Town

FILE = Path(__file__).parents[4] / "config/retry/standard.yaml"
AT_ONCE = {word: Retry(4, 0.0, 0.0, 0.0) for word in retries.KINDS}


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements and stock for two lines."""
    return Town(any_database).build()


def test_the_shipped_file_is_the_house_s_own_and_is_kept_as_it_was(town: Town) -> None:
    assert retries.load(FILE) == retries.RetryFile()
    town.do(lambda work: retries.apply(work, FILE))
    policy = town.database.read_system(retries.current).result()
    assert (policy.of(Word.REFUSED).attempts, policy.of(Word.UNREACHABLE)) == (1, Retry(5, 0.5, 30.0, 0.25))
    text = town.database.read_system(lambda work: retries.show(work, "standard")).result()
    assert retries.load(text) == retries.RetryFile()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("refused: {attempts: 0}", "text:1 refused.attempts: Input should be greater than or equal to 1"),
        ("horizon_ms: 5\nunanswered: {attempts: 2, first_ms: 9, longest_ms: 8}", "text:2 unanswered: longest_ms (8)"),
        ("timeout: {attempts: 2}", "text:1 timeout: Extra inputs are not permitted"),
        ("[]", "text:1: is no mapping"),
    ],
)
def test_a_bad_file_is_refused_by_its_line(text: str, said: str) -> None:
    with pytest.raises(Invalid) as error:
        retries.load(text)
    assert said in str(error.value)


def test_a_pause_doubles_to_its_limit_and_is_the_same_each_time() -> None:
    retry = Retry(9, 1.0, 8.0, 0.5)
    pauses = [retry.pause(attempt, salt=7) for attempt in range(1, 7)]
    assert pauses == [retry.pause(attempt, salt=7) for attempt in range(1, 7)]
    bases = [1_000_000, 2_000_000, 4_000_000, 8_000_000, 8_000_000, 8_000_000]
    assert all(base <= pause < base * 1.5 for base, pause in zip(bases, pauses, strict=True))
    assert len({retry.pause(1, salt=salt) for salt in range(100)}) > 90
    assert Retry(9, 1.0, 8.0, 0.0).pause(3, salt=7) == 4_000_000


def test_each_kind_of_failure_has_its_own_limit(town: Town) -> None:
    policy = Policy(horizon_s=0.0, kinds={**AT_ONCE, Word.UNREACHABLE: Retry(2, 0.0, 0.0, 0.0)})
    town.hlr.faults.plan(IMSI, Fault.UNREACHABLE, count=2)
    service = town.line()
    town.settle(policy=policy)
    assert _orders(town, service)[-1].state is OrderState.FAILED
    town.hlr.faults.plan("*", Fault.REFUSE, count=3)
    service = town.line()
    town.settle(policy=policy)
    assert _orders(town, service)[-1].state is OrderState.COMPLETED


def test_what_is_said_once_is_never_said_again_by_a_machine(town: Town) -> None:
    _once(town)
    town.hlr.faults.plan(IMSI, Fault.LOST, count=1)
    service = town.line()
    town.settle(policy=Policy(horizon_s=0.0, kinds=AT_ONCE))
    assert [said for said in town.spoken if said.startswith("hlr")] == town.spoken[:1]
    (order,) = _orders(town, service)
    assert order.state is OrderState.HELD
    (row,) = _fallout(town)
    assert row.cause == "unanswered"
    assert row.message == f"subscriber on hlr: nobody knows whether {IMSI} took it, and subscriber is said once only"
    town.do(lambda work: people.retry(work, row.id))
    town.settle()
    assert _orders(town, service)[-1].state is OrderState.COMPLETED


def test_what_was_said_once_and_took_is_found_by_the_read_back(town: Town) -> None:
    _once(town)
    town.hlr.faults.plan(IMSI, Fault.DONE, count=1)
    service = town.line()
    town.settle(policy=Policy(horizon_s=0.0, kinds=AT_ONCE))
    assert (_orders(town, service)[-1].state, len(town.spoken)) == (OrderState.COMPLETED, 3)


def test_what_is_said_once_and_was_never_heard_is_sent_again(town: Town) -> None:
    _once(town)
    town.hlr.faults.plan(IMSI, Fault.UNREACHABLE, count=2)
    service = town.line()
    town.settle(policy=Policy(horizon_s=0.0, kinds=AT_ONCE))
    assert _orders(town, service)[-1].state is OrderState.COMPLETED


def _once(town: Town) -> None:
    """Let the HLR's subscriber be an intent that must not be repeated."""
    dialect = {"dialect": "careful", "intents": {"subscriber": {"repeats": "once"}}}
    reached = "elements: [{name: hlr, protocol: memory, role: hlr, dialect: careful, address: {timeout_ms: 10}}]"
    town.do(lambda work: elements.apply_dialect(work, dialect))
    town.do(lambda work: elements.apply(work, elements.load(reached)[0]))


def _orders(town: Town, service):  # type: ignore[no-untyped-def]
    return town.database.read(lambda work: views.of_service(work, service), tenant=OPERATOR, actor=CLERK).result()


def _fallout(town: Town) -> list[Fallout]:
    return town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
