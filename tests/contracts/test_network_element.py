"""What every network element must do; run over the one in memory and over SSH, SNMP and MQTT against the simulators."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.errors import Invalid, Refused, Unanswered, Unreachable
from oss.port import Command, Confirm, Outcome, Reading, State, Verdict, satisfies
from tests.contracts.elements import Bench, MemoryBench, MqttBench, SnmpBench, SshBench, wired
from tests.wire.simulators import child

pytestmark = pytest.mark.asyncio(loop_scope="module")

ABSENT: State = {"present": False}
FORBIDDEN = "\r\n\x00\t?\x1b\x7f\u2028\u2029\u202e"
BACK_S = 10
"""For a rebooted element to answer again."""
SERIAL = itertools.count(1)
Wired = SshBench | SnmpBench | MqttBench


@pytest.fixture(scope="module")
def running() -> Iterator[child.Child]:
    """One child for all tests, with a broker of its own and a port and a meter for each test."""
    with child.running("--broker", "embedded", "--ports", "48", "--meters", "48") as simulators:
        yield simulators


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def control(running: child.Child) -> AsyncIterator[child.Handle]:
    async with aiohttp.ClientSession() as session:
        yield child.Handle(session, running.where["control"]["url"])


@pytest_asyncio.fixture(params=["ssh", "snmp", "mqtt"], scope="module", loop_scope="module")
async def wire(request: pytest.FixtureRequest, running: child.Child, control: child.Handle) -> AsyncIterator[Wired]:
    """An element with a wire to listen at."""
    made = wired(request.param, running.where, control)
    yield made
    await made.element.close()


@pytest_asyncio.fixture(params=["memory", "ssh", "snmp", "mqtt"], scope="module", loop_scope="module")
async def bench(request: pytest.FixtureRequest, running: child.Child, control: child.Handle) -> AsyncIterator[Bench]:
    """Each element, its session kept from test to test."""
    made: Bench = MemoryBench() if request.param == "memory" else wired(request.param, running.where, control)
    yield made
    await made.element.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def mended(control: child.Handle) -> AsyncIterator[None]:
    """No test inherits another one's faults."""
    yield
    await control.ask("DELETE", "/faults")


def command(
    bench: Bench,
    key: str,
    state: State,
    *,
    before: State | None = None,
    protected: bool = False,
    confirm: Confirm = Confirm.READ,
) -> Command:
    """The next command of the next generation."""
    number = next(SERIAL)
    return Command(
        element="element-1",
        key=key,
        intent=bench.intent,
        state=state,
        generation=number,
        idempotency_key=f"{key}:{number}",
        before=before,
        protected=protected,
        confirm=confirm,
    )


async def activated(bench: Bench) -> tuple[str, State]:
    """A key in its whole state."""
    key = bench.key()
    state = bench.full(key)
    await bench.element.apply(command(bench, key, state))
    return key, state


async def test_apply_makes_an_absent_key_present_and_reads_it_back(bench: Bench) -> None:
    key = bench.key()
    outcome = await bench.element.apply(command(bench, key, bench.full(key)))
    assert outcome.verdict is Verdict.DONE
    assert outcome.reading is not None
    assert outcome.reading.state == bench.full(key)
    assert (await bench.element.read(bench.intent, key)).state == bench.full(key)


async def test_a_key_that_nobody_made_is_absent(bench: Bench) -> None:
    assert (await bench.element.read(bench.intent, bench.key())).state == ABSENT


async def test_apply_of_a_state_already_shown_changes_nothing(bench: Bench) -> None:
    key, state = await activated(bench)
    effects = await bench.effects(key)
    outcome = await bench.element.apply(command(bench, key, state, before=state))
    assert outcome.verdict is Verdict.ALREADY
    assert await bench.effects(key) == effects


async def test_apply_leaves_what_it_was_not_told_about(bench: Bench) -> None:
    key, state = await activated(bench)
    field, value = bench.change
    outcome = await bench.element.apply(command(bench, key, {"present": True, field: value}, before=state))
    assert outcome.verdict is Verdict.DONE
    assert (await bench.element.read(bench.intent, key)).state == {**state, field: value}


async def test_apply_of_absence_removes_the_key(bench: Bench) -> None:
    key, state = await activated(bench)
    outcome = await bench.element.apply(command(bench, key, ABSENT, before=state))
    assert outcome.verdict is Verdict.DONE
    assert (await bench.element.read(bench.intent, key)).state == ABSENT


async def test_apply_of_absence_to_an_absent_key_is_already_so(bench: Bench) -> None:
    key = bench.key()
    assert (await bench.element.apply(command(bench, key, ABSENT))).verdict is Verdict.ALREADY
    assert await bench.effects(key) == 0


async def test_apply_goes_by_what_the_element_shows_not_by_what_was_last_confirmed(bench: Bench) -> None:
    key, state = await activated(bench)
    field, value = bench.change
    await bench.meddle(key, {field: value})
    outcome = await bench.element.apply(command(bench, key, state, before=state))
    assert outcome.verdict is Verdict.DONE
    assert (await bench.element.read(bench.intent, key)).state == state


async def test_poll_waits_until_the_state_has_followed(bench: Bench) -> None:
    key = bench.key()
    outcome = await bench.element.apply(command(bench, key, bench.full(key), confirm=Confirm.POLL))
    assert outcome.reading is not None
    assert outcome.reading.state == bench.full(key)


async def test_a_refusal_is_final_and_leaves_nothing_behind(bench: Bench) -> None:
    key = bench.key()
    await bench.fail("refuse", key)
    with pytest.raises(Refused):
        await bench.element.apply(command(bench, key, bench.full(key)))
    await bench.mend()
    assert (await bench.element.read(bench.intent, key)).state == ABSENT


async def test_a_refused_change_leaves_the_old_state(bench: Bench) -> None:
    key, state = await activated(bench)
    field, value = bench.change
    await bench.fail("refuse", key)
    with pytest.raises(Refused):
        await bench.element.apply(command(bench, key, {**state, field: value}, before=state))
    assert (await bench.element.read(bench.intent, key)).state == state


async def test_an_element_that_lies_is_refused_by_its_own_words(bench: Bench) -> None:
    key, state = await activated(bench)
    field, value = bench.change
    await bench.fail("lie", key)
    with pytest.raises(Refused, match=field) as refused:
        await bench.element.apply(command(bench, key, {**state, field: value}, before=state))
    assert refused.value.field == field
    assert "yes" in refused.value.message


async def test_done_and_unanswered_is_unknown_until_read(bench: Bench) -> None:
    key, state = await activated(bench)
    field, value = bench.change
    await bench.fail("lose", key)
    with pytest.raises(Unanswered):
        await bench.element.apply(command(bench, key, {**state, field: value}, before=state))
    await bench.mend()
    assert (await bench.element.read(bench.intent, key)).state == {**state, field: value}


async def test_lost_and_unanswered_is_unknown_until_read(bench: Bench) -> None:
    key, state = await activated(bench)
    field, value = bench.change
    await bench.fail("drop", key)
    with pytest.raises(Unanswered):
        await bench.element.apply(command(bench, key, {**state, field: value}, before=state))
    await bench.mend()
    assert (await bench.element.read(bench.intent, key)).state == state


async def test_an_element_that_is_not_there_is_unreachable(bench: Bench) -> None:
    element = bench.unplugged()
    key = bench.key()
    try:
        with pytest.raises(Unreachable):
            await element.apply(command(bench, key, bench.full(key)))
        with pytest.raises(Unreachable):
            await element.read(bench.intent, key)
        health = await element.probe()
        assert not health.reachable
        assert health.error
    finally:
        await element.close()


async def test_probe_says_who_answered(bench: Bench) -> None:
    health = await bench.element.probe()
    assert health.reachable
    assert health.description
    assert health.error == ""


async def test_audit_reads_every_key(bench: Bench) -> None:
    first, state = await activated(bench)
    second, other = await activated(bench)
    found = await bench.element.audit(bench.intent)
    assert found[first].state == state
    assert found[second].state == other


async def test_apply_many_answers_in_order_and_one_failure_leaves_the_others_alone(bench: Bench) -> None:
    good, bad, other = bench.key(), bench.key(), bench.key()
    await bench.fail("refuse", bad)
    answers = await bench.element.apply_many(
        [
            command(bench, good, bench.full(good)),
            command(bench, bad, bench.full(bad)),
            command(bench, "no such\nkey", bench.full(good)),
            command(bench, other, bench.full(other)),
        ]
    )
    assert [type(answer) is Outcome for answer in answers] == [True, False, False, True]
    assert isinstance(answers[1], Refused)
    assert isinstance(answers[2], Invalid)
    assert (await bench.element.read(bench.intent, other)).state == bench.full(other)


async def test_commands_for_one_key_at_once_end_in_one_of_their_states(bench: Bench) -> None:
    key, state = await activated(bench)
    field, value = bench.change
    both = [command(bench, key, {**state, field: value}), command(bench, key, state)]
    await asyncio.gather(*(bench.element.apply(each) for each in both))
    assert (await bench.element.read(bench.intent, key)).state in (state, {**state, field: value})


async def test_a_protected_line_is_never_cut_but_may_end(bench: Bench) -> None:
    key, state = await activated(bench)
    field, value = bench.cut
    arrived = await bench.arrived()
    with pytest.raises(Refused, match="protected"):
        await bench.element.apply(command(bench, key, {**state, field: value}, protected=True))
    with pytest.raises(Refused, match="protected"):
        bench.element.render(command(bench, key, {**state, field: value}, protected=True))
    assert await bench.arrived() == arrived
    outcome = await bench.element.apply(command(bench, key, ABSENT, protected=True))
    assert outcome.verdict is Verdict.DONE


async def test_a_field_or_an_intent_that_no_dialect_knows_is_named(bench: Bench) -> None:
    key = bench.key()
    arrived = await bench.arrived()
    with pytest.raises(Invalid) as unknown:
        await bench.element.apply(command(bench, key, {"present": True, "colour": "red"}))
    assert unknown.value.field == "colour"
    with pytest.raises(Invalid) as missing:
        await bench.element.read("teapot", key)
    assert missing.value.field == "intent"
    assert await bench.arrived() == arrived


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.text(max_size=20), character=st.sampled_from(FORBIDDEN), after=st.text(max_size=20))
async def test_text_that_could_end_a_line_is_refused_before_a_byte_leaves(
    bench: Bench, before: str, character: str, after: str
) -> None:
    text, key = before + character + after, bench.some_key()
    field, _ = bench.change
    arrived = await bench.arrived()
    with pytest.raises(Invalid) as value:
        await bench.element.apply(command(bench, key, {"present": True, field: text}))
    assert value.value.field == field
    with pytest.raises(Invalid) as named:
        await bench.element.apply(command(bench, text, bench.full(key)))
    assert named.value.field == "key"
    with pytest.raises(Invalid):
        await bench.element.read(bench.intent, text)
    assert await bench.arrived() == arrived


async def test_render_is_what_the_wire_hears(wire: Wired) -> None:
    key = wire.key()
    state = wire.full(key)
    field, value = wire.change
    steps: list[tuple[State | None, State]] = [
        (None, state), (state, {**state, field: value}), ({**state, field: value}, ABSENT),
    ]  # fmt: skip
    for before, wanted in steps:
        told = command(wire, key, wanted, before=before)
        heard = len(await wire.log(key))
        rendered = wire.element.render(told)
        await wire.element.apply(told)
        arrived = [entry["text"] for entry in (await wire.log(key))[heard:]]
        assert [wire.normal(words) for words in rendered] == [wire.normal(words) for words in arrived]


async def test_only_the_difference_is_said(wire: Wired) -> None:
    key, state = await activated(wire)
    field, value = wire.change
    heard = len(await wire.log(key))
    await wire.element.apply(command(wire, key, {**state, field: value}, before=state))
    (entry,) = (await wire.log(key))[heard:]
    assert str(value) in entry["text"]
    unchanged = [str(shown) for name, shown in state.items() if name not in (field, "present") and len(str(shown)) > 3]
    assert [shown for shown in unchanged if shown in entry["text"]] == []


async def test_the_transcript_holds_what_was_said_and_heard(wire: Wired) -> None:
    key = wire.key()
    outcome = await wire.element.apply(command(wire, key, wire.full(key)))
    lines = outcome.transcript.splitlines()
    assert lines[0].startswith("> ")
    assert any(line.startswith("< ") for line in lines)
    assert all(secret not in outcome.transcript for secret in wire.secrets.values())
    assert outcome.elapsed_ms > 0


async def test_a_reboot_shows_as_another_incarnation_and_the_session_comes_back(wire: Wired) -> None:
    key, state = await activated(wire)
    before = (await wire.element.read(wire.intent, key)).incarnation
    await wire.control.ask("POST", "/reboot", {"element": wire.name})
    async with asyncio.timeout(BACK_S):
        reading = await back(wire, key)
        while reading is None:
            reading = await back(wire, key)
    assert satisfies(state, reading.state)
    assert int(reading.incarnation) == int(before) + 1


async def back(wire: Wired, key: str) -> Reading | None:
    """What an element shows after its reboot; None, after a moment, while it is away."""
    try:
        return await wire.element.read(wire.intent, key)
    except Unreachable:
        await asyncio.sleep(0.02)
        return None
