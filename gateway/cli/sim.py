"""`trunkline sim`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Annotated, Any

import typer

from gateway.cli import office
from gateway.cli.nouns import noun
from gateway.cli.output import say

app = noun("A simulated network and bank on this machine.")


@app.command("up")
def up(
    seed: Annotated[int | None, typer.Option(help="repeat passwords, keys and chances")] = None,
    broker: Annotated[str, typer.Option(help="auto, embedded or host:port")] = "auto",
    fault: Annotated[list[str] | None, typer.Option(help="ELEMENT:KIND[:MATCH[:COUNT]]; may be repeated")] = None,
    ports: Annotated[int, typer.Option(help="ports of the OLT")] = 16,
    meters: Annotated[int, typer.Option(help="meters on the broker")] = 4,
    register: Annotated[
        bool, typer.Option("--register", help="apply dialects, specifications, elements, stock and secrets for them")
    ] = False,
) -> None:
    """Run the simulators until told to stop; where each listens is one line of JSON on stdout."""
    options = ["--broker", broker, "--ports", str(ports), "--meters", str(meters)]
    options += [] if seed is None else ["--seed", str(seed)]
    options += [word for each in fault or [] for word in ("--fault", each)]
    office.answered(lambda: _up(options, register=register))


async def _up(options: list[str], *, register: bool) -> None:
    from gateway.simulated import simulators

    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with simulators(*options) as child:
        if register:
            await _register(child.facts)
        sys.stdout.write(json.dumps(child.facts) + "\n")
        sys.stdout.flush()
        await told.wait()


async def _register(facts: dict[str, Any]) -> None:
    """Tell the house of them, by the same verbs as of any other network."""
    from gateway.seed import CONFIG, secret_values

    async with office.office() as doer:
        for name, value in secret_values(facts).items():
            await office.done(doer, "secret.put", {"name": name, "value": value})
        for noun_, folder in (("dialect", "dialects"), ("spec", "specs"), ("element", "elements")):
            for path in sorted((CONFIG / folder).glob("*.yaml")):
                document = {"text": path.read_text("utf-8"), "source": f"config/{folder}/{path.name}"}
                await office.done(doer, f"{noun_}.apply", document | ({"facts": facts} if noun_ == "element" else {}))
        for path in sorted((CONFIG / "pools").glob("*.yaml")):
            await office.done(doer, "pool.stock", {"text": path.read_text("utf-8")})
    say("registered: dialects, specifications, elements, stock and secrets")
