"""One command after the other over a kept link, for elements whose command line is an ordinary shell."""

from __future__ import annotations

import asyncio
import time

import asyncssh

from adapters.elements.conduct import Broken, Lost
from adapters.elements.deadlines import Timeouts
from adapters.elements.ssh.dialect import STATUS
from adapters.elements.ssh.session import OUTPUT_LIMIT_BYTES
from adapters.elements.ssh.transport import CHUNK_BYTES, Link
from adapters.elements.transcript import Transcript, plain

Process = asyncssh.SSHClientProcess[bytes]


class Commands:
    """Each line runs by itself; its answer is what it wrote to both outputs, and its status unless that is 0."""

    def __init__(self, link: Link, *, timeouts: Timeouts) -> None:
        self._link = link
        self._timeouts = timeouts
        self._lost = False
        self.incarnation = ""

    @property
    def usable(self) -> bool:
        """Whether a line may still be sent."""
        return not self._lost and not self._link.closed

    async def greeting(self) -> str:
        """Nothing is said before the first line."""
        return ""

    async def ask(self, line: str, transcript: Transcript) -> str:
        """Run one line and return its answer. Raises Lost; the link is gone then."""
        if not self.usable:
            raise Broken("the session is closed")
        transcript.said(line)
        try:
            answer = await self._run(line)
        except BaseException as error:  # also cancellation: nobody knows how far the command has come
            self.abort()
            if isinstance(error, asyncssh.Error | OSError):
                raise Broken(f"the connection broke: {error}") from error
            raise
        transcript.heard(answer)
        return answer

    def abort(self) -> None:
        """Drop the connection."""
        self._lost = True
        self._link.abort()

    async def close(self) -> None:
        """End the session."""
        self._lost = True
        await self._link.close()

    async def _run(self, line: str) -> str:
        until = time.monotonic() + self._timeouts.command_s
        process = await self._link.process(line)
        heard = await self._read(process.stdout, until) + await self._read(process.stderr, until)
        async with asyncio.timeout(self._timeouts.idle_s):
            await process.wait_closed()
        text = plain(heard.decode("utf-8", "replace")).strip("\n")
        if process.exit_status == 0:
            return text
        if process.exit_status is None:
            raise Lost("the command ended without a status")
        return f"{text}\n{STATUS} {process.exit_status}".strip("\n")

    async def _read(self, stream: asyncssh.SSHReader[bytes], until: float) -> bytes:
        heard = bytearray()
        while chunk := await self._chunk(stream, until):
            heard += chunk
            if len(heard) > OUTPUT_LIMIT_BYTES:
                raise Lost(f"an answer of more than {OUTPUT_LIMIT_BYTES} bytes")
        return bytes(heard)

    async def _chunk(self, stream: asyncssh.SSHReader[bytes], until: float) -> bytes:
        try:
            async with asyncio.timeout(min(self._timeouts.idle_s, until - time.monotonic())):
                return await stream.read(CHUNK_BYTES)
        except TimeoutError as error:
            raise Lost(f"no answer within {self._timeouts.idle_s:g} s") from error
