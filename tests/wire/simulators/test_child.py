from __future__ import annotations

import signal
import subprocess
from typing import Any

import psutil
import pytest

from tests.wire.simulators import child

pytestmark = pytest.mark.slow

BAD = {
    "--fault=hlr:explode": "kind 'explode': use one of refuse, drop, lie, lose, slow",
    "--fault=router:lie": "element 'router': use one of hlr, olt, mqtt, bank",
    "--broker=somewhere": "broker 'somewhere': use auto, embedded or host:port",
    "--ports=0": "--ports 0: use 1 to 4096",
}


async def test_a_lying_hlr_can_be_asked_for_on_the_command_line_and_a_seed_repeats_its_keys(
    embedded: child.Child,
) -> None:
    with child.running("--broker", "embedded", "--seed", "7", "--meters", "1", "--fault", "hlr:lie") as liar:
        async with child.shell(liar.where["hlr"]) as hlr:
            for _ in range(2):
                assert await hlr.say("subscriber imsi 999700000000001 create") == ""
                assert await hlr.say("subscriber imsi 999700000000001 show") == "% No such subscriber\r\n"
        for part, name in (("hlr", "password"), ("hlr", "host_key"), ("olt", "priv_key"), ("bank", "api_key")):
            assert liar.where[part][name] == embedded.where[part][name]
        process = psutil.Process(liar.process.pid)
        assert liar.end() == (0, "")
        assert not process.is_running()


async def test_it_ends_on_sigterm_and_leaves_nothing_on_a_shared_broker(where: dict[str, Any]) -> None:
    broker = "{host}:{port}".format(**where["mqtt"])
    with child.running("--broker", broker, "--meters", "2") as running:
        assert running.where["mqtt"]["embedded"] is False
        running.process.send_signal(signal.SIGTERM)
        _, errors = running.process.communicate(timeout=child.START_S)
        assert (running.process.returncode, errors) == (0, "")
    async with child.meeting(running.where["mqtt"]) as gateway:
        await gateway.send("nobody", "marker", {})
        first = await anext(gateway.client.messages)
        assert str(first.topic).endswith("/devices/nobody/marker")


@pytest.mark.parametrize(("argument", "reason"), BAD.items())
def test_a_bad_command_line_is_a_usage_error(argument: str, reason: str) -> None:
    ended = subprocess.run(child.command(argument), capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert reason in ended.stderr
