"""The simulators as a child process: started, asked where they listen, and ended with the block."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from kernel.errors import Unreachable

START_S = 20.0
"""They listen within a second; past this the machine is not well."""
END_S = 5.0
"""They end within a moment of their stdin closing; past this they are killed."""


@dataclass(frozen=True, slots=True)
class Simulators:
    """Where the simulators listen (`facts`, as they printed them) and the hand that moves them."""

    facts: dict[str, Any]
    _session: aiohttp.ClientSession

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control API: states, faults, usage, reboots."""
        return await self._ask(method, f"{self.facts['control']['url']}{path}", body, {})

    async def bank(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the bank, as the customer's browser or the bank's own staff would make it."""
        key = self.facts["bank"]["api_key"]
        return await self._ask(method, f"{self.facts['bank']['url']}{path}", body, {"Authorization": f"Bearer {key}"})

    async def clearing(self, operator: str, body: Any) -> Any:
        """What an operator says to the clearing house's questions from now on."""
        url = f"{self.facts['portability']['url']}/v1/control/operators/{operator}"
        return await self._ask("PUT", url, body, {})

    async def _ask(self, method: str, url: str, body: Any, headers: dict[str, str]) -> Any:
        try:
            async with self._session.request(method, url, json=body, headers=headers) as answer:
                if answer.status >= 400:
                    raise Unreachable(f"{method} {url}: {answer.status} {await answer.text()}")
                return await answer.json() if answer.content_type == "application/json" else None
        except aiohttp.ClientError as error:
            raise Unreachable(f"{method} {url}: {error}", field="sim") from error


@asynccontextmanager
async def simulators(*options: str) -> AsyncIterator[Simulators]:
    """Run `python -m simulators` for the length of a block. Raises Unreachable if it does not start."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulators",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        facts = await _announced(child, options)
        async with aiohttp.ClientSession() as session:
            yield Simulators(facts, session)
    finally:
        await _end(child)


async def _announced(child: asyncio.subprocess.Process, options: Sequence[str]) -> dict[str, Any]:
    if child.stdout is None:
        raise Unreachable("the simulators have no output")
    try:
        async with asyncio.timeout(START_S):
            line = await child.stdout.readline()
    except TimeoutError:
        line = b""
    try:
        facts = json.loads(line)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise Unreachable("the simulators did not start", field="sim", fix=f"python -m simulators {' '.join(options)}")
    return facts


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
