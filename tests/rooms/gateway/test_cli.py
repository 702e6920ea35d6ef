"""The command line: what goes to which stream, how it ends, and the same answers from a database and a gateway."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
import typer

from gateway.cli import main as command_line
from gateway.cli import order
from gateway.runtime import running
from kernel import engines
from tests.rooms.gateway.conftest import Furnished, House, Said

Trunkline = Callable[..., Said]
EVENT = {
    "event_id": "e-1",
    "meter": "messages",
    "kind": "meter",
    "value": "meter-0001",
    "quantity": 5,
    "at": "2026-06-01T07:59:00Z",
}


def test_data_goes_to_stdout_and_the_rest_to_stderr(trunkline: Trunkline) -> None:
    said = trunkline("token", "create", "batch", "--role", "meter", "-o", "json")
    assert (said.code, said.err) == (0, "keep it: it is not shown again\n")
    assert json.loads(said.out)["token"].startswith("tl_")


def test_a_list_is_a_table_json_or_json_lines(trunkline: Trunkline) -> None:
    table = trunkline("customer", "list").out.splitlines()
    assert table[0].split() == ["id", "name", "email", "created_at"]
    assert "ada@example.org" in table[1]
    (found,) = json.loads(trunkline("customer", "list", "-o", "json").out)
    assert [json.loads(line) for line in trunkline("customer", "list", "-o", "jsonl").out.splitlines()] == [found]


def test_an_error_names_field_and_fix_and_leaves_stdout_alone(trunkline: Trunkline, furnished: Furnished) -> None:
    said = trunkline("order", "submit", "--account", furnished.account, "--offering", "nope", "--key", "k")
    assert (said.code, said.out) == (1, "")
    assert said.err == ("error: offering: unknown offering 'nope'\n  fix: known: home-1000, home-500, meter, mobile\n")


def test_an_error_is_json_for_a_machine(trunkline: Trunkline) -> None:
    said = trunkline("customer", "show", "cus_0000000000000", "-o", "json")
    assert (said.code, said.out) == (4, "")
    assert {key: json.loads(said.err)[key] for key in ("code", "status", "field")} == {
        "code": "notFound",
        "status": "404",
        "field": "customer_id",
    }


def test_the_exit_code_says_what_went_wrong(
    trunkline: Trunkline, furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trunkline("customer", "show").code == 2
    assert trunkline("customer", "show", "x").code == 1
    assert trunkline("invoice", "show", "inv_0000000000000").code == 4
    once = ("order", "submit", "--account", furnished.account, "--offering", "home-500", "--key", "k")
    assert trunkline(*once).code == 0
    assert trunkline(*once).code == 0
    assert trunkline(*once, "--offering", "mobile").code == 5
    monkeypatch.setenv("TRUNKLINE_TOKEN", "tl_nobody")
    assert trunkline("customer", "list").code == 3
    monkeypatch.setenv("TRUNKLINE_TOKEN", furnished.viewer)
    assert trunkline("customer", "list").code == 0
    assert trunkline("dunning", "run").code == 3
    monkeypatch.setenv("TRUNKLINE_HTTP_PORT", "many")
    assert trunkline("customer", "list").code == 1


def test_a_waited_order_is_carried_on_by_the_command_itself(trunkline: Trunkline, furnished: Furnished) -> None:
    words = ("order", "submit", "--account", furnished.account, "--offering", "home-500")
    said = trunkline(*words, "--key", "k", "--wait", "20", "-o", "json")
    assert (said.code, json.loads(said.out)["state"]) == (0, "completed")
    assert "completed" in said.err
    made = json.loads(said.out)
    assert trunkline("order", "watch", made["id"]).code == 0
    told = json.loads(trunkline("order", "timeline", made["id"], "-o", "json").out)
    assert next(moment["what"] for moment in told if moment["kind"] == "fact") == "ProductOrderAcknowledged"
    step = json.loads(trunkline("order", "show", made["service_orders"][0]["id"], "-o", "json").out)
    assert step["service_orders"][0]["steps"][0]["state"] == "done"
    assert trunkline("order", "retry", made["id"]).code == 5


ENDS = [("completed", 0), ("partial", 6), ("held", 7), ("failed", 1), ("pending", 8)]


@pytest.mark.parametrize(("state", "code"), ENDS)
def test_a_watched_order_ends_the_command_as_it_ended(state: str, code: int) -> None:
    if code == 0:
        order._leave(state)
        return
    with pytest.raises(typer.Exit) as caught:
        order._leave(state)
    assert caught.value.exit_code == code


def test_an_order_comes_from_a_file_too(trunkline: Trunkline, furnished: Furnished, tmp_path: Path) -> None:
    file = tmp_path / "order.yaml"
    file.write_text(f"account_id: {furnished.account}\nitems: [{{action: add, offering: home-500}}]\n")
    said = trunkline("order", "submit", str(file), "-o", "json")
    assert (said.code, json.loads(said.out)["state"]) == (0, "inProgress")
    assert said.err.startswith("key: ")
    file.write_text("account_id: [\n")
    said = trunkline("order", "submit", str(file))
    assert (said.code, f"error: {file}:2" in said.err) == (1, True)


def test_usage_counts_once_and_a_rejected_event_ends_in_part(trunkline: Trunkline, furnished: Furnished) -> None:
    words = ("order", "submit", "--account", furnished.account, "--offering", "meter", "--key", "k", "--wait", "20")
    assert trunkline(*words).code == 0
    now = json.loads(trunkline("subscription", "list", "-o", "json").out)[0]["activated_at"]
    events = [{**EVENT, "at": now}, {**EVENT, "event_id": "e-2", "value": "meter-0009", "at": now}]
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    said = trunkline("usage", "ingest", "-", "-o", "json", stdin=lines)
    assert (said.code, json.loads(said.out)) == (6, {"received": 2, "accepted": 1, "duplicate": 0, "rejected": 1})
    assert said.err == "rejected e-2: unknownIdentity: meter: meter-0009 was never bound to a service\n"
    said = trunkline("usage", "ingest", "-", "-o", "json", stdin=json.dumps(events[0]))
    assert (said.code, json.loads(said.out)["duplicate"]) == (0, 1)


def test_usage_comes_as_csv_too(trunkline: Trunkline, tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text(f"{','.join(EVENT)}\n{','.join(str(value) for value in EVENT.values())}\n")
    said = trunkline("usage", "ingest", str(tmp_path / "u.csv"), "-o", "json")
    assert (said.code, json.loads(said.out)["rejected"]) == (1, 1)


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("u.jsonl", "{}\nnot json\n", "u.jsonl:2"),
        ("u.csv", "event_id,meter\n", "u.csv:1"),
        ("u.csv", "event_id,meter,kind,value,quantity,at\ne,m,k,v,many,2026-06-01T00:00:00Z\n", "u.csv:2"),
    ],
)
def test_a_bad_line_of_usage_is_named(trunkline: Trunkline, tmp_path: Path, name: str, text: str, where: str) -> None:
    (tmp_path / name).write_text(text)
    said = trunkline("usage", "ingest", str(tmp_path / name))
    assert (said.code, said.out) == (1, "")
    assert where in said.err


CATALOGUE = """currency: EUR
offerings:
  - code: tv
    name: TV
    specification: {specification}
    prices: [{{code: tv, kind: recurring, amount: "{amount}", revenue: revenue-recurring}}]
    requires: [{requires}]
"""


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"requires": "tv"}, ":7", "each needs the next before it: tv > tv"),
        ({"specification": "cable"}, ":5", "no specification 'cable'"),
        ({"amount": "-1"}, ":6", "-1 is negative"),
    ],
)
def test_a_wrong_catalogue_is_named_by_file_and_line(
    trunkline: Trunkline, tmp_path: Path, changes: dict[str, str], where: str, what: str
) -> None:
    file = tmp_path / "tv.yaml"
    told = {"specification": "fixed-access", "amount": "9.00", "requires": "", **changes}
    file.write_text(CATALOGUE.format(**told))
    said = trunkline("catalog", "apply", str(file))
    assert (said.code, said.out) == (1, "")
    assert f"{file}{where}" in said.err
    assert what in said.err
    assert trunkline("catalog", "show", "tv").code == 4


@pytest.mark.parametrize(
    ("noun", "name"),
    [
        ("catalog", "mobile"),
        ("spec", "mobile-line"),
        ("ladder", "standard"),
        ("tax", "eu"),
        ("element", "hlr-1"),
        ("dialect", "hlr_cli"),
    ],
)
def test_what_is_shown_can_be_applied_again_and_changes_nothing(
    trunkline: Trunkline, tmp_path: Path, noun: str, name: str
) -> None:
    if noun == "dialect":
        assert trunkline("dialect", "apply", "config/dialects/hlr_cli.yaml").code == 0
    before = json.loads(trunkline(noun, "show", name, "-o", "json").out)
    file = tmp_path / f"{name}.yaml"
    file.write_text(trunkline(noun, "show", name).out)
    said = trunkline(noun, "apply", str(file), "-o", "json")
    assert (said.code, json.loads(said.out)) == (
        0,
        [{field: before[field] for field in ("kind", "name", "number", "hash")}],
    )


@pytest.mark.parametrize("noun", ["spec", "element", "dialect", "ladder", "tax"])
def test_a_file_that_is_no_such_document_is_named(trunkline: Trunkline, tmp_path: Path, noun: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("a: [\n")
    said = trunkline(noun, "apply", str(file))
    assert (said.code, said.out) == (1, "")
    assert "wrong.yaml" in said.err
    assert trunkline(noun, "apply", str(tmp_path / "none.yaml")).code == 1


def test_an_element_nobody_knows_is_named(trunkline: Trunkline) -> None:
    said = trunkline("element", "probe", "hlr-9")
    assert (said.code, said.err) == (
        4,
        "error: element: no element 'hlr-9'\n  fix: applied are: broker-1, hlr-1, olt-1\n",
    )
    said = trunkline("element", "probe", "hlr-1", "-o", "json")
    assert (said.code, json.loads(said.out)["reachable"]) == (0, True)


def test_a_secret_goes_in_and_never_comes_out(trunkline: Trunkline, folder: Path) -> None:
    said = trunkline("secret", "put", "hlr-1/password", "-o", "json", stdin="open sesame\n")
    assert (said.code, json.loads(said.out)) == (0, {"name": "hlr-1/password"})
    assert b"sesame" not in (folder / "house.db").read_bytes()
    said = trunkline("secret", "put", "No Name", "-o", "json", stdin="open sesame\n")
    assert (said.code, "sesame" in said.err) == (1, False)


def test_a_card_number_is_refused_and_not_repeated(trunkline: Trunkline, furnished: Furnished) -> None:
    number = "4242424242424242"
    said = trunkline(
        "payment-method", "add", furnished.account, "--token", number, "--brand", "visa", "--last4", "4242"
    )
    assert (said.code, number in said.err) == (1, False)


def test_the_doctor_ends_with_one_when_something_is_wrong(trunkline: Trunkline, folder: Path) -> None:
    said = trunkline("doctor", "-o", "json")
    assert said.code == 0
    assert {each["finding"] for each in json.loads(said.out)} == {"ok", "unproven"}
    assert trunkline("doctor", "--require", "I10,I2").code == 1
    said = trunkline("doctor", "--require", "I99")
    assert (said.code, "I99" in said.err) == (1, True)
    engine = engines.open_engine(f"sqlite:///{folder}/house.db", size=1, readonly=False)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE audit SET actor = 'nobody' WHERE seq = 1"))
    engine.dispose()
    said = trunkline("doctor", "-o", "json")
    assert said.code == 1
    broken = [each["name"] for each in json.loads(said.out) if each["finding"] == "violated"]
    assert broken == ["I10"]


def test_a_second_process_is_told_who_holds_the_file(trunkline: Trunkline, folder: Path) -> None:
    lock = engines.lock_file(f"sqlite:///{folder}/house.db")
    said = trunkline("customer", "list")
    lock.close()
    assert (said.code, said.out) == (5, "")
    assert "is in use by process" in said.err
    assert "TRUNKLINE_URL" in said.err


def test_the_schema_is_brought_up_and_told(trunkline: Trunkline) -> None:
    assert json.loads(trunkline("db", "version", "-o", "json").out) == {"database": "0001", "needed": "0001"}
    assert json.loads(trunkline("db", "upgrade", "-o", "json").out) == {"version": "0001"}


# ---- the same through a gateway


def calls(furnished: Furnished) -> list[tuple[str, ...]]:
    """Reading commands, and some that fail."""
    account = furnished.account
    return [
        ("customer", "list"),
        ("seller", "list"),
        ("subscription", "list", "--account", account),
        ("invoice", "list"),
        ("payment-method", "list", account),
        ("catalog", "show", "mobile"),
        ("element", "list"),
        ("pool", "list"),
        ("fallout", "list"),
        ("token", "list"),
        ("customer", "show", "cus_0000000000000"),
        ("order", "submit", "--account", account, "--offering", "nope", "--key", "k"),
        ("line", "restrict", "sub_0000000000000", "--level", "odd"),
    ]


async def test_a_gateway_and_a_database_answer_alike(
    house: House, trunkline: Trunkline, furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_URL", str(house.client.make_url("")))
    monkeypatch.setenv("TRUNKLINE_TOKEN", furnished.token)
    asked = [(*words, "-o", "json") for words in calls(furnished)]
    remote = [await asyncio.to_thread(trunkline, *words) for words in asked]
    await house.gateway.close()
    monkeypatch.delenv("TRUNKLINE_URL")
    embedded = [await asyncio.to_thread(trunkline, *words) for words in asked]
    assert remote == embedded
    assert {said.code for said in remote} == {0, 1, 4}


async def test_an_order_through_a_gateway_is_delivered(
    house: House, trunkline: Trunkline, furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_URL", str(house.client.make_url("")))
    monkeypatch.setenv("TRUNKLINE_TOKEN", furnished.token)
    words = ("order", "submit", "--account", furnished.account, "--offering", "home-500", "--key", "k", "--wait", "20")
    async with running(house.gateway):
        said = await asyncio.to_thread(trunkline, *words, "-o", "json")
    assert (said.code, json.loads(said.out)["state"]) == (0, "completed")


async def test_an_order_that_does_not_end_in_time_says_so(
    house: House, trunkline: Trunkline, furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_URL", str(house.client.make_url("")))
    monkeypatch.setenv("TRUNKLINE_TOKEN", furnished.token)
    words = ("order", "submit", "--account", furnished.account, "--offering", "home-500", "--key", "k")
    made = json.loads((await asyncio.to_thread(trunkline, *words, "-o", "json")).out)
    said = await asyncio.to_thread(trunkline, "order", "watch", made["id"], "--timeout", "0", "-o", "json")
    assert (said.code, json.loads(said.out)["state"]) == (8, "inProgress")
    assert said.err.endswith("still inProgress: it goes on; see `trunkline order show`\n")


def test_a_gateway_that_is_not_there_is_named(trunkline: Trunkline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_URL", "http://127.0.0.1:9")
    said = trunkline("customer", "list")
    assert (said.code, said.err) == (
        1,
        "error: TRUNKLINE_URL: no gateway answers at http://127.0.0.1:9\n"
        "  fix: start it with `trunkline serve`, or unset TRUNKLINE_URL\n",
    )
    monkeypatch.setenv("TRUNKLINE_URL", "ftp://somewhere")
    assert trunkline("customer", "list").code == 1


def test_help_imports_nothing_heavy() -> None:
    heavy = ("sqlalchemy", "pydantic", "aiohttp", "asyncssh", "pysnmp", "paho", "alembic", "yaml", "structlog")
    line = f"import {command_line.__name__}, sys; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True, timeout=20)
    assert answer.stdout == "[]\n"
