"""All simulators in one process: started together, announced together, ended together."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from typing import Any

from aiohttp import web

from simulators import bank_http, broker, control, cpe_mqtt, faults, hlr_ssh, olt_agent, portability, wire

SHUTDOWN_S = 1.0  # an open HTTP request may finish
READ_WORDS = {"hlr": "show", "olt": "GET", "mqtt": "/get", "bank": "GET", "portability": "GET"}
QUIET = ("asyncssh", "amqtt", "transitions", broker.LOGGER)  # each logs what a broken session is meant to do


async def serve_http(stack: contextlib.AsyncExitStack, app: web.Application) -> str:
    """Serve an application on a free port of this machine and give back its URL."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def start(stack: contextlib.AsyncExitStack, chosen: argparse.Namespace) -> dict[str, Any]:
    """Start every simulator and say where each listens; the stack ends them."""
    run, plan = chosen.keys, chosen.plan
    wires = {name: wire.Wire(name, plan, read_word=READ_WORDS[name]) for name in faults.ELEMENTS}
    hlr = hlr_ssh.HlrServer(run, wires["hlr"])
    olt = olt_agent.OltServer(run, wires["olt"], ports=chosen.ports)
    fleet = cpe_mqtt.Fleet(run, wires["mqtt"], meters=chosen.meters)
    bank = bank_http.BankServer(run, wires["bank"])
    stack.push_async_callback(hlr.stop)
    stack.push_async_callback(olt.stop)
    where: dict[str, Any] = {"hlr": await hlr.start(), "olt": await olt.start()}
    meeting = await broker.meet(chosen.address, embed=chosen.broker == "embedded")
    stack.push_async_callback(meeting.stop)
    stack.push_async_callback(fleet.stop)
    await fleet.start(meeting.host, meeting.port)
    where["mqtt"] = {
        "host": meeting.host,
        "port": meeting.port,
        "prefix": fleet.prefix,
        "embedded": meeting.embedded,
    }
    stack.push_async_callback(bank.stop)
    where["bank"] = {
        "url": await serve_http(stack, bank.app()),
        "api_key": bank.api_key,
        "webhook_secret": bank.webhook_secret,
    }
    clearing = portability.ClearingHouse(run, wires["portability"])
    where["portability"] = {"url": await serve_http(stack, clearing.app()), "api_key": clearing.api_key}
    handle = control.Control(
        plan,
        elements={"hlr": hlr.element, "olt": olt.element, "mqtt": fleet},
        readable={
            "hlr": hlr.element.state,
            "olt": olt.element.state,
            "mqtt": fleet.state,
            "bank": bank.state,
            "portability": clearing.state,
        },
        wires=wires,
        reboots={"hlr": hlr.reboot, "olt": olt.reboot, "mqtt": fleet.reboot},
        fleet=fleet,
    )
    where["control"] = {"url": await serve_http(stack, handle.app())}
    return where


def watch_stdin(end: asyncio.Event) -> None:
    """Set the event when stdin closes; a daemon thread waits, so that any kind of stdin will do."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 4_096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has already ended
            loop.call_soon_threadsafe(end.set)

    threading.Thread(target=wait, name="stdin", daemon=True).start()


async def serve(chosen: argparse.Namespace) -> None:
    """Start everything, announce it on stdout, and stay until told to end."""
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    watch_stdin(end)
    async with contextlib.AsyncExitStack() as stack:
        where = await start(stack, chosen)
        sys.stdout.write(json.dumps(where) + "\n")
        sys.stdout.flush()
        await end.wait()


def run(chosen: argparse.Namespace) -> None:
    """Run the simulators until stdin closes or a signal comes."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    asyncio.run(serve(chosen))
