"""One conversation at a prompt: a line goes out, what comes back up to the next prompt is its answer."""

from __future__ import annotations

import asyncio
import re
import time

from adapters.elements.conduct import Broken, Lost
from adapters.elements.deadlines import Timeouts
from adapters.elements.ssh.transport import Shell
from adapters.elements.transcript import Transcript, plain

OUTPUT_LIMIT_BYTES = 1024 * 1024
"""An answer beyond 1 MiB is no answer: an element in a loop must not fill our memory."""

PROMPT_WINDOW_BYTES = 256
"""A prompt is looked for in the last bytes only, so that a long answer is not searched again per chunk."""


class Session:
    """An open shell that stands at its prompt between two lines; once lost it is never used again."""

    def __init__(self, shell: Shell, *, prompt: str, newline: str, timeouts: Timeouts) -> None:
        self._shell = shell
        self._prompt = re.compile(rb"(?:^|\n|\r)[ ]*(?:" + prompt.encode() + rb")$")
        self._newline = newline
        self._timeouts = timeouts
        self._lost = False
        self.incarnation = ""

    @property
    def usable(self) -> bool:
        """Whether a line may still be sent."""
        return not self._lost and not self._shell.closed

    async def greeting(self) -> str:
        """Everything up to the first prompt. Raises Lost."""
        return (await self._until_prompt()).strip("\n")

    async def ask(self, line: str, transcript: Transcript) -> str:
        """Send one line and return its answer without echo and prompt. Raises Lost; the session is gone then."""
        if not self.usable:
            raise Broken("the session is closed")
        transcript.said(line)
        try:
            self._shell.write((line + self._newline).encode())
        except OSError as error:
            self.abort()
            raise Broken(f"the connection broke: {error}") from error
        answer = _without_echo(await self._until_prompt(), line)
        transcript.heard(answer)
        return answer

    def abort(self) -> None:
        """Drop the connection: its next bytes would be the answer to something else."""
        self._lost = True
        self._shell.abort()

    async def close(self) -> None:
        """End the session."""
        self._lost = True
        await self._shell.close()

    async def _until_prompt(self) -> str:
        heard = bytearray()
        until = time.monotonic() + self._timeouts.command_s
        try:
            while not self._prompt.search(heard[-PROMPT_WINDOW_BYTES:]):
                heard += await self._chunk(until)
                if len(heard) > OUTPUT_LIMIT_BYTES:
                    raise Lost(f"an answer of more than {OUTPUT_LIMIT_BYTES} bytes")
        except BaseException:  # also cancellation: whatever ended the wait, the rest of this answer may still come
            self.abort()
            raise
        return self._before_prompt(heard)

    async def _chunk(self, until: float) -> bytes:
        wait_s = min(self._timeouts.idle_s, until - time.monotonic())
        try:
            async with asyncio.timeout(wait_s):
                return await self._shell.read()
        except TimeoutError as error:
            raise Lost(f"no answer within {self._timeouts.idle_s:g} s") from error
        except OSError as error:
            raise Broken(f"the connection broke: {error}") from error

    def _before_prompt(self, heard: bytearray) -> str:
        text = bytes(heard)
        window = text[-PROMPT_WINDOW_BYTES:]
        found = self._prompt.search(window)
        end = len(text) - len(window) + (found.start() if found else len(window))
        return plain(text[:end].decode("utf-8", "replace"))


def _without_echo(answer: str, line: str) -> str:
    first, _, rest = answer.lstrip("\n").partition("\n")
    return (rest if first.strip() == line.strip() else answer).strip("\n")
