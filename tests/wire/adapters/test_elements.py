"""What only one protocol can get wrong: keys, logins, lost sessions, impostors."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import aiohttp
import asyncssh
import pytest

from adapters.elements.deadlines import Timeouts
from adapters.elements.mqtt.element import MqttElement
from kernel.errors import Refused, Unanswered, Unreachable
from oss.port import Command, State, Verdict
from tests.contracts.elements import MqttBench, SnmpBench, SshBench, wired
from tests.wire.simulators import child

ABSENT: State = {"present": False}
HEARD_S = 5
"""For a message to come through the broker."""


@pytest.fixture(scope="module")
def running() -> Iterator[child.Child]:
    with child.running("--broker", "embedded", "--ports", "64", "--meters", "64") as simulators:
        yield simulators


@pytest.fixture
async def control(running: child.Child) -> AsyncIterator[child.Handle]:
    async with aiohttp.ClientSession() as session:
        handle = child.Handle(session, running.where["control"]["url"])
        yield handle
        await handle.ask("DELETE", "/faults")


@pytest.fixture
async def ssh(running: child.Child, control: child.Handle) -> AsyncIterator[SshBench]:
    bench = wired("ssh", running.where, control)
    assert isinstance(bench, SshBench)
    yield bench
    await bench.element.close()


@pytest.fixture
async def snmp(running: child.Child, control: child.Handle) -> AsyncIterator[SnmpBench]:
    bench = wired("snmp", running.where, control)
    assert isinstance(bench, SnmpBench)
    yield bench
    await bench.element.close()


@pytest.fixture
async def mqtt(running: child.Child, control: child.Handle) -> AsyncIterator[MqttBench]:
    bench = wired("mqtt", running.where, control)
    assert isinstance(bench, MqttBench)
    yield bench
    await bench.element.close()


def command(bench: SshBench | SnmpBench | MqttBench, key: str, state: State, **more: float) -> Command:
    return Command(bench.name, key, bench.intent, state, 1, f"{key}:1", timeout_s=more.get("timeout_s", 60.0))


async def test_a_wrong_host_key_is_never_talked_to(ssh: SshBench) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    impostor = ssh.connect(host_key=other)
    arrived = await ssh.arrived()
    with pytest.raises(Unreachable, match="another host key") as unreachable:
        await impostor.read(ssh.intent, ssh.key())
    assert unreachable.value.field == "host_key"
    assert await ssh.arrived() == arrived
    await impostor.close()


async def test_a_wrong_password_is_unreachable_and_not_shown(ssh: SshBench) -> None:
    ssh.secrets = {"ref:password": "not-the-password"}
    stranger = ssh.connect()
    health = await stranger.probe()
    assert not health.reachable
    assert "does not accept the login" in health.error
    assert "not-the-password" not in health.error


async def test_a_secret_that_is_not_in_the_store_is_unreachable(ssh: SshBench) -> None:
    ssh.secrets = {}
    with pytest.raises(Unreachable, match="not in the store"):
        await ssh.connect().read(ssh.intent, ssh.key())


async def test_a_question_survives_a_session_that_died_in_between(ssh: SshBench) -> None:
    key = ssh.key()
    await ssh.element.apply(command(ssh, key, ssh.full(key)))
    await ssh.control.ask("POST", "/reboot", {"element": "hlr"})
    assert (await ssh.element.read(ssh.intent, key)).state == ssh.full(key)
    await ssh.control.ask("POST", "/reboot", {"element": "hlr"})
    assert (await ssh.element.apply(command(ssh, key, ABSENT))).verdict is Verdict.DONE


async def test_a_refusal_half_way_takes_back_what_was_done(ssh: SshBench) -> None:
    first, second = ssh.key(), ssh.key()
    await ssh.element.apply(command(ssh, first, ssh.full(first)))
    taken = {**ssh.full(second), "bar": "outgoing", "msisdn": ssh.full(first)["msisdn"]}
    with pytest.raises(Refused, match="MSISDN already in use") as refused:
        await ssh.element.apply(command(ssh, second, taken))
    assert f"> subscriber imsi {second} delete" in refused.value.transcript
    assert (await ssh.element.read(ssh.intent, second)).state == ABSENT


async def test_a_refused_change_half_way_puts_the_old_values_back(ssh: SshBench) -> None:
    first, second = ssh.key(), ssh.key()
    for key in (first, second):
        await ssh.element.apply(command(ssh, key, ssh.full(key)))
    clash = {**ssh.full(second), "bar": "all", "msisdn": ssh.full(first)["msisdn"]}
    with pytest.raises(Refused):
        await ssh.element.apply(command(ssh, second, clash))
    assert (await ssh.element.read(ssh.intent, second)).state == ssh.full(second)


async def test_a_session_lost_while_taking_back_leaves_it_unknown(ssh: SshBench) -> None:
    first, second = ssh.key(), ssh.key()
    await ssh.element.apply(command(ssh, first, ssh.full(first)))
    await ssh.control.fault("hlr", "drop", match=f"{second} delete")
    with pytest.raises(Unanswered):
        await ssh.element.apply(command(ssh, second, {**ssh.full(second), "msisdn": ssh.full(first)["msisdn"]}))


async def test_the_deadline_of_a_command_is_its_own(ssh: SshBench) -> None:
    key = ssh.key()
    await ssh.control.fault("hlr", "slow", match=f"{key} create", delay_ms=1500)
    with pytest.raises(Unanswered, match=r"no end within 0\.2 s"):
        await ssh.element.apply(command(ssh, key, ssh.full(key), timeout_s=0.2))
    assert await ssh.element.probe()


@pytest.mark.parametrize("key", ["auth_key", "priv_key"])
async def test_a_wrong_key_meets_silence(snmp: SnmpBench, key: str) -> None:
    snmp.secrets = {**snmp.secrets, f"ref:{key}": "quite-another-phrase"}
    stranger = snmp.connect()
    with pytest.raises(Unreachable):
        await stranger.read(snmp.intent, "1")
    await stranger.close()


async def test_two_users_of_one_name_keep_their_own_keys(snmp: SnmpBench) -> None:
    right = dict(snmp.secrets)
    snmp.secrets = {**right, "ref:auth_key": "quite-another-phrase"}
    stranger = snmp.connect()
    with pytest.raises(Unreachable):
        await stranger.read(snmp.intent, "1")
    assert (await snmp.element.read(snmp.intent, "1")).state == ABSENT
    await stranger.close()


async def test_a_row_that_does_not_exist_cannot_be_made(snmp: SnmpBench) -> None:
    with pytest.raises(Refused, match="noCreation") as refused:
        await snmp.element.apply(command(snmp, "999", {"present": True, "alias": "x"}))
    assert refused.value.field == "alias"


async def test_a_burst_over_many_ports_is_kept_within_the_limits(snmp: SnmpBench) -> None:
    states = {str(port): snmp.full(str(port)) for port in range(40, 60)}
    outcomes = await snmp.element.apply_many([command(snmp, key, state) for key, state in states.items()])
    assert {getattr(outcome, "verdict", outcome) for outcome in outcomes} == {Verdict.DONE}
    found = await snmp.element.audit(snmp.intent)
    assert len(found) == 64
    assert {key: found[key].state for key in states} == states


async def test_usage_is_handed_over_with_its_device(mqtt: MqttBench) -> None:
    assert isinstance(mqtt.element, MqttElement)
    reports: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
    await mqtt.element.subscribe_usage(lambda device, body: reports.put_nowait((device, body["quantity"])))
    await mqtt.control.ask("POST", "/usage", {"device": "meter-0060", "meter": "messages", "quantity": 5})
    assert await asyncio.wait_for(reports.get(), HEARD_S) == ("meter-0060", 5)


async def test_a_subscriber_that_fails_is_counted_and_the_session_goes_on(
    mqtt: MqttBench, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(mqtt.element, MqttElement)
    heard = asyncio.Event()

    def fail(device: str, body: object) -> None:
        heard.set()
        raise ValueError("no room")

    await mqtt.element.subscribe_usage(fail)
    await mqtt.control.ask("POST", "/usage", {"device": "meter-0061", "meter": "messages", "quantity": 5})
    await asyncio.wait_for(heard.wait(), HEARD_S)
    assert (await mqtt.element.read(mqtt.intent, "meter-0061")).state == ABSENT
    assert mqtt.element.session.counters.failed == 1
    assert "no room" in caplog.text


async def test_answers_that_are_malformed_or_of_another_device_are_counted_and_ignored(mqtt: MqttBench) -> None:
    element = mqtt.connect(timeouts=Timeouts())
    assert isinstance(element, MqttElement)
    key, prefix = "meter-0062", mqtt.spec.address["prefix"]
    told = command(mqtt, key, mqtt.full(key))
    good = {"version": 9, "result": "ok", "reported": {"present": True, "plan": "stolen"}, "boots": 7}
    nonsense = [
        (key, b"\xff\x00 no json"),
        (key, b"[" * 5000),
        (key, json.dumps({"id": 5}).encode()),
        (key, json.dumps({"id": told.idempotency_key, "result": "ok"}).encode()),
        ("meter-0063", json.dumps({"id": told.idempotency_key, **good}).encode()),
    ]
    await mqtt.control.fault("mqtt", "slow", match=f"{key}/desired", delay_ms=500)
    async with child.meeting(dict(mqtt.spec.address)) as gateway:
        applying = asyncio.create_task(element.apply(told))
        await gateway.hear(key, "desired")
        for device, payload in nonsense:
            await gateway.client.publish(f"{prefix}/devices/{device}/reported", payload, qos=1)
        outcome = await applying
    assert outcome.reading is not None
    assert outcome.reading.state == mqtt.full(key)
    assert (element.session.counters.malformed, element.session.counters.unasked) == (4, 1)
    await element.close()


class Relay:
    """A TCP relay in front of the broker, whose connections a test can cut."""

    def __init__(self, host: str, port: int) -> None:
        self.where = (host, port)
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self.where)
        self.writers += [writer, far_writer]
        await asyncio.gather(self.copy(reader, far_writer), self.copy(far_reader, writer))

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
        writer.close()

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()


@pytest.fixture
async def relay(mqtt: MqttBench) -> AsyncIterator[tuple[Relay, MqttElement]]:
    """An element that reaches its broker through a relay."""
    made = Relay(str(mqtt.spec.address["host"]), int(str(mqtt.spec.address["port"])))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    timeouts = Timeouts(redial_s=0.05)
    element = mqtt.connect(timeouts=timeouts, port=server.sockets[0].getsockname()[1])
    assert isinstance(element, MqttElement)
    yield made, element
    await element.close()
    made.cut()
    server.close()
    await server.wait_closed()


async def test_a_broker_lost_in_the_middle_of_a_command_leaves_it_unknown_at_once(
    mqtt: MqttBench, relay: tuple[Relay, MqttElement]
) -> None:
    made, element = relay
    await mqtt.control.fault("mqtt", "drop", match="meter-0058/desired")
    told = command(mqtt, "meter-0058", mqtt.full("meter-0058"))
    async with child.meeting(dict(mqtt.spec.address)) as gateway:
        applying = asyncio.create_task(element.apply(told))
        await gateway.hear("meter-0058", "desired")
        made.cut()
        with pytest.raises(Unanswered, match="broker went away"):
            await asyncio.wait_for(applying, HEARD_S / 2)
    assert (await element.read(mqtt.intent, "meter-0058")).state == ABSENT


async def test_a_standing_subscription_comes_back_after_its_broker(
    mqtt: MqttBench, relay: tuple[Relay, MqttElement]
) -> None:
    made, element = relay
    heard = asyncio.Event()
    await element.subscribe_usage(lambda device, body: heard.set())
    made.cut()
    async with asyncio.timeout(HEARD_S):
        while not await reported(mqtt, heard):
            pass


async def reported(mqtt: MqttBench, heard: asyncio.Event) -> bool:
    """Let a meter report, and say whether the report came within a moment."""
    await mqtt.control.ask("POST", "/usage", {"device": "meter-0057", "meter": "messages", "quantity": 1})
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(heard.wait(), 0.1)
    return heard.is_set()
