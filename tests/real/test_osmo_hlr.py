"""A real home location register behind a real sshd: what the contract does not ask."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncssh
import pytest

from kernel.errors import Refused, Unreachable
from oss.port import State, Verdict
from tests.real.benches import K, RegisterBench
from tests.real.conftest import Place

pytestmark = pytest.mark.real

ABSENT: State = {"present": False}


@pytest.fixture
async def bench(place: Place) -> AsyncIterator[RegisterBench]:
    made = RegisterBench(place)
    yield made
    await made.element.close()


async def test_a_subscriber_s_life_with_keys_that_nobody_sees(
    bench: RegisterBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = bench.key()
    opc = bench.secrets[f"sim/{key}"].partition(":")[2]
    told = bench.command(key, bench.full(key))
    done = await bench.element.apply(told)
    assert bench.changed[-3:] == [
        f"subscriber imsi {key} create",
        f"subscriber imsi {key} update msisdn 49151{key[-7:]}",
        f"subscriber imsi {key} update aud3g milenage k {K} opc {opc}",
    ]
    assert f"> subscriber imsi {key} update aud3g milenage k *** opc ***" in done.transcript
    assert done.reading is not None
    assert (done.reading.state, done.verdict) == (bench.full(key), Verdict.DONE)
    seen = [done.transcript, done.reading.transcript, repr(done), *bench.element.render(told), caplog.text]
    assert [text for text in seen if K in text.lower() or opc in text.lower()] == []
    assert (await bench.element.apply(bench.command(key, ABSENT))).verdict is Verdict.DONE


async def test_another_sim_key_is_a_difference_and_is_replaced(bench: RegisterBench) -> None:
    key = bench.key()
    await bench.element.apply(bench.command(key, bench.full(key)))
    bench.secrets[f"sim/{key}"] = f"{'9' * 32}:{'8' * 32}"
    assert (await bench.element.read("subscriber", key)).state["auth"] == "another"
    assert (await bench.element.apply(bench.command(key, bench.full(key)))).verdict is Verdict.DONE
    assert (await bench.element.read("subscriber", key)).state == bench.full(key)


async def test_a_sim_key_that_is_not_in_the_store_or_malformed_leaves_the_register_alone(bench: RegisterBench) -> None:
    key = bench.key()
    with pytest.raises(Unreachable, match="not in the store") as unknown:
        await bench.element.apply(bench.command(key, {**bench.full(key), "auth": "sim/nobody"}))
    assert unknown.value.field == "auth"
    bench.secrets[f"sim/{key}"] = f"{'9' * 32}:{'8' * 32}\nsubscriber imsi {key} delete"
    with pytest.raises(Unreachable, match="not of the form") as malformed:
        await bench.element.apply(bench.command(key, bench.full(key)))
    assert "9999" not in str(malformed.value) + malformed.value.transcript
    assert bench.changed == []


async def test_a_number_that_is_taken_is_refused_in_the_register_s_words_and_taken_back(bench: RegisterBench) -> None:
    first, second = bench.key(), bench.key()
    await bench.element.apply(bench.command(first, bench.full(first)))
    clash = {**bench.full(second), "access": "none", "msisdn": bench.full(first)["msisdn"]}
    with pytest.raises(Refused, match="% Error: cannot update MSISDN"):
        await bench.element.apply(bench.command(second, clash))
    assert (await bench.element.read("subscriber", second)).state == ABSENT


async def test_a_change_half_way_is_taken_back_even_where_there_was_nothing(bench: RegisterBench) -> None:
    first, second = bench.key(), bench.key()
    await bench.element.apply(bench.command(first, bench.full(first)))
    await bench.element.apply(bench.command(second, {"present": True, "access": "ps"}))
    bare = {"present": True, "access": "ps", "msisdn": None, "auth": None}
    assert (await bench.element.read("subscriber", second)).state == bare
    clash = {**bench.full(second), "access": "none", "msisdn": bench.full(first)["msisdn"]}
    with pytest.raises(Refused, match="% Error"):
        await bench.element.apply(bench.command(second, clash))
    assert (await bench.element.read("subscriber", second)).state == bare


async def test_the_key_of_the_register_opens_the_register_only(bench: RegisterBench) -> None:
    with pytest.raises(Unreachable, match=r"no channel to 127\.0\.0\.1:4259"):
        await bench.connect(vty_port=4259).read("subscriber", bench.some_key())
    other = asyncssh.generate_private_key("ssh-ed25519")
    impostor = bench.connect(host_key=other.export_public_key().decode().strip())
    with pytest.raises(Unreachable, match="another host key"):
        await impostor.read("subscriber", bench.some_key())
    bench.secrets["client_key"] = other.export_private_key().decode()
    with pytest.raises(Unreachable, match="does not accept the login") as stranger:
        await bench.connect().read("subscriber", bench.some_key())
    assert stranger.value.field == "client_key"
    bench.secrets["client_key"] = "no key at all"
    with pytest.raises(Unreachable, match="no private key"):
        await bench.connect().read("subscriber", bench.some_key())


async def test_a_jump_host_is_pinned_and_leads_to_the_register(bench: RegisterBench, place: Place) -> None:
    jump: dict[str, Any] = {"jump_host": place.host, "jump_username": "root", "jump_host_key": place.public("host_key")}
    bench.secrets["jump"] = place.secret("gateway")
    bench.spec = replace(bench.spec, credentials={**bench.spec.credentials, "jump_client_key": "jump"})
    through = bench.connect(**jump)
    assert (await through.probe()).description == "OsmoHLR 1.5.0"
    await through.close()
