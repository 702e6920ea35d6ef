"""Every verb of the command line is there, says what it does, and answers a machine in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer

from gateway.cli.main import app
from gateway.settings import PREFIX, Settings
from tests.house.tree import ROOT
from tests.rooms.gateway.conftest import Said, folder, furnished, trunkline

__all__ = ["folder", "furnished", "trunkline"]  # fixtures of the gateway's room, used here by name

PROMISED = """
demo, serve, worker, sim up, db upgrade, doctor, catalog|spec|element|dialect|ladder|tax apply|show,
customer create|show, subscription list|show, order submit|show|watch|timeline|transcript|retry,
line restrict|lift|terminate, usage ingest, invoice list|show|credit, payment-method add, payment charge, dunning run,
fallout list|show, element list|probe, secret put, token create
"""
RUNNING = {"demo", "serve", "worker", "sim up"}
"""These run until they are told to stop; what they print is not a row of data."""
WINDOW = ("--from", "2026-07-01T02:00:00+02:00", "--until", "2026-07-01T04:00:00+02:00")
ORDER, ACCOUNT = "por_0000000000000", "acc_0000000000000"
SUBSCRIPTION, INVOICE = "sub_0000000000000", "inv_0000000000000"
TASK = "tsk_0000000000000"
JOB = "blk_0000000000000"
CASE, REQUEST = "dun_0000000000000", "rsq_0000000000000"
WORDS: dict[str, tuple[str, ...]] = {
    "db upgrade": (),
    "db version": (),
    "doctor": (),
    "catalog apply": ("config/catalog/demo.yaml",),
    "catalog show": ("mobile",),
    "catalog list": (),
    "spec apply": ("config/specs/meter.yaml",),
    "spec show": ("meter",),
    "spec list": (),
    "dialect apply": ("config/dialects/hlr_cli.yaml",),
    "dialect show": ("hlr_cli",),
    "dialect list": (),
    "dialect check": ("config/dialects/hlr_cli.yaml",),
    "ladder apply": ("config/dunning/standard.yaml",),
    "ladder show": ("standard",),
    "ladder list": (),
    "tax apply": ("config/tax/eu.yaml",),
    "tax show": ("eu",),
    "tax list": (),
    "retry apply": ("config/retry/standard.yaml",),
    "retry show": ("standard",),
    "retry list": (),
    "element apply": ("config/elements/demo.yaml",),
    "element show": ("hlr-1",),
    "element list": (),
    "element probe": ("hlr-1",),
    "element withdraw": ("hlr-1",),
    "element reinstate": ("hlr-1",),
    "worker list": (),
    "worker drain": ("nobody:1:00000000",),
    "pool stock": ("config/pools/demo.yaml",),
    "pool list": (),
    "seller create": ("Second", "--country", "FR"),
    "seller list": (),
    "seller balance": ("sel_0000000000000",),
    "customer create": ("Bob", "--email", "bob@example.org"),
    "customer show": ("cus_0000000000000",),
    "customer list": (),
    "account show": (ACCOUNT,),
    "account set": (ACCOUNT, "--country", "DE"),
    "account park": (ACCOUNT, "--reason", "contradiction"),
    "account unpark": (ACCOUNT,),
    "subscription list": (),
    "subscription show": (SUBSCRIPTION,),
    "order submit": ("--account", ACCOUNT, "--offering", "meter", "--key", "k"),
    "order plan": ("--account", ACCOUNT, "--offering", "meter", "--on-error", "hold"),
    "order show": (ORDER,),
    "order list": (),
    "order watch": (ORDER,),
    "order timeline": (ORDER,),
    "order transcript": (ORDER,),
    "order retry": (ORDER,),
    "order cancel": (ORDER, "--reason", "wrong"),
    "order deadline": (ORDER, "--by", "2030-01-01T00:00:00Z"),
    "line restrict": (SUBSCRIPTION,),
    "line lift": (SUBSCRIPTION,),
    "line terminate": (SUBSCRIPTION,),
    "line undo-terminate": (SUBSCRIPTION,),
    "line swap-sim": (SUBSCRIPTION,),
    "line change-number": (SUBSCRIPTION,),
    "line move": (SUBSCRIPTION,),
    "line renew": (SUBSCRIPTION,),
    "line port-in": ("--account", ACCOUNT, "--offering", "mobile", "--number", "49301234567", "--donor", "a", *WINDOW),
    "line port-out": (SUBSCRIPTION, "--recipient", "a", *WINDOW),
    "porting list": (),
    "porting show": ("prt_0000000000000",),
    "porting cancel": ("prt_0000000000000", "--reason", "why"),
    "line timeline": (SUBSCRIPTION,),
    "element window add": ("nobody", "--days", "daily", "--from", "22:00", "--until", "05:00", "--reason", "swap"),
    "element window list": (),
    "element window remove": ("win_0000000000000",),
    "task list": (),
    "task show": (TASK,),
    "task assign": (TASK, "--to", "field"),
    "task complete": (TASK, "--set", "serial=1"),
    "task refuse": (TASK, "--reason", "no key"),
    "task signal": ("--event", "portingConfirmed", "--correlation", "447700900123"),
    "approval list": (),
    "approval show": (REQUEST,),
    "approval approve": (REQUEST,),
    "approval reject": (REQUEST,),
    "usage ingest": ("nowhere.jsonl",),
    "usage list": (),
    "usage batches": (),
    "usage show": (SUBSCRIPTION,),
    "invoice list": (),
    "invoice show": (INVOICE,),
    "invoice credit": (INVOICE, "--reason", "wrong"),
    "invoice preview": (ACCOUNT,),
    "invoice explain": (INVOICE,),
    "invoice hold": (INVOICE, "--reason", "doubt"),
    "invoice release": (INVOICE,),
    "invoice discard": (INVOICE, "--reason", "wrong"),
    "invoice dispute": (INVOICE, "--reason", "not mine"),
    "invoice settle-dispute": (INVOICE,),
    "invoice write-off": (INVOICE, "--reason", "gone"),
    "payment-method add": (ACCOUNT, "--token", "tok_x", "--brand", "visa", "--last4", "4242"),
    "payment-method list": (ACCOUNT,),
    "payment charge": (ACCOUNT, "--amount", "1.00"),
    "payment refund": (ACCOUNT, "--reason", "kindness"),
    "payment show": ("pay_0000000000000",),
    "payment list": (),
    "dunning run": (),
    "dunning list": (),
    "dunning show": (CASE,),
    "dunning pause": (CASE, "--until", "2030-01-01T00:00:00Z", "--reason", "promised"),
    "dunning resume": (CASE,),
    "fallout list": (),
    "fallout show": ("sor_0000000000000",),
    "fallout take": ("flt_0000000000000",),
    "fallout release": ("flt_0000000000000", "--note", "later"),
    "fallout retry": ("flt_0000000000000",),
    "fallout correct": ("sor_0000000000000", "--set", "profile=A"),
    "fallout skip": ("flt_0000000000000", "--reason", "dark"),
    "fallout undo": ("flt_0000000000000", "--reason", "wrong"),
    "fallout cancel": ("--element", "hlr-1", "--reason", "wrong"),
    "bulk plan": ("nowhere.csv", "--verb", "lift"),
    "bulk submit": ("nowhere.csv", "--verb", "lift"),
    "bulk list": (),
    "bulk show": (JOB,),
    "bulk rows": (JOB,),
    "bulk rejects": (JOB,),
    "bulk watch": (JOB,),
    "bulk approve": (JOB,),
    "bulk pause": (JOB,),
    "bulk continue": (JOB,),
    "bulk abort": (JOB, "--reason", "wrong file"),
    "bulk undo": (JOB,),
    "guard show": (),
    "guard held": (),
    "guard approve": ("sor_0000000000000",),
    "guard stop": ("--why", "wrong file"),
    "guard resume": ("--why", "mended"),
    "incident open": ("--element", "hlr-1", "--reason", "card swap"),
    "incident close": ("inc_0000000000000",),
    "incident list": (),
    "incident show": ("inc_0000000000000",),
    "alarm list": (),
    "alarm ack": ("alm_0000000000000",),
    "alarm clear": ("alm_0000000000000",),
    "secret put": ("some/name",),
    "token create": ("batch", "--role", "meter"),
    "token list": (),
    "token revoke": ("nobody",),
}
"""How each verb is called here; an id of nobody's is answered with an error, which is JSON as well."""


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every verb with its words."""
    if not hasattr(command, "list_commands"):
        yield " ".join(path), command
        return
    if command.invoke_without_command:
        yield " ".join(path), command
    context = command.make_context("trunkline", [], resilient_parsing=True)
    for name in command.list_commands(context):
        yield from verbs(command.get_command(context, name), (*path, name))


VERBS = dict(verbs(typer.main.get_command(app)))


def promised() -> Iterator[str]:
    """The verbs by their words, alternatives spelled out."""
    for entry in PROMISED.replace("\n", " ").split(","):
        head, _, tail = entry.strip().partition(" ")
        for noun in head.split("|"):
            for verb in tail.split("|"):
                yield f"{noun} {verb}".strip()


def test_every_promised_verb_exists() -> None:
    assert set(promised()) - VERBS.keys() == set()


def test_every_verb_says_what_it_does() -> None:
    assert [
        name for name, verb in VERBS.items() if not (verb.help or "").strip().partition("\n")[0].endswith(".")
    ] == []


def test_every_option_says_what_it_is() -> None:
    silent = [
        f"{name} {option.opts[0]}"
        for name, verb in VERBS.items()
        for option in verb.params
        if option.param_type_name == "option" and not option.help
    ]
    assert silent == []


def test_every_verb_that_gives_data_takes_the_three_formats() -> None:
    told = "table, json or jsonl"
    without = {name for name, verb in VERBS.items() if not any(_prints(p) and told in p.help for p in verb.params)}
    assert without == RUNNING


def _prints(option: Any) -> bool:
    return "-o" in option.opts


def test_every_verb_is_called_here() -> None:
    assert WORDS.keys() == VERBS.keys() - RUNNING


@pytest.mark.parametrize("name", WORDS)
def test_every_verb_answers_in_json(name: str, trunkline: Callable[..., Said]) -> None:
    said = trunkline(*name.split(), *WORDS[name], "-o", "json", stdin="value\n")
    if said.code == 0:
        json.loads(said.out)
        return
    assert (said.code in (1, 4, 5), said.out) == (True, "")
    error = json.loads(said.err.splitlines()[-1])
    assert error.keys() >= {"code", "message", "field", "fix", "status"}
    assert error["field"]


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"| `{PREFIX}{name.upper()}` |" not in page] == []


def test_the_settings_of_the_design_are_there() -> None:
    assert {"database_url", "url"} <= Settings.model_fields.keys()
    assert str(Settings.model_config["env_prefix"]) == PREFIX == "TRUNKLINE_"
