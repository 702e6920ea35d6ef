"""A session at a prompt, over a shell made of scripted chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from adapters.elements.conduct import Broken, Lost
from adapters.elements.deadlines import Timeouts
from adapters.elements.ssh.session import OUTPUT_LIMIT_BYTES, Session
from adapters.elements.ssh.transport import Shell
from adapters.elements.transcript import Transcript


class ScriptedShell:
    """Plays chunks one by one; then it is silent, or closed if it ends with None."""

    def __init__(self, chunks: Sequence[bytes | None]) -> None:
        self.chunks = list(chunks)
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def read(self) -> bytes:
        if not self.chunks:
            await asyncio.Event().wait()
        chunk = self.chunks.pop(0)
        if chunk is None:
            self.closed = True
            raise ConnectionResetError("gone")
        return chunk

    def abort(self) -> None:
        self.closed = True


def session(*chunks: bytes | None, idle_s: float = 0.02) -> tuple[Session, ScriptedShell]:
    shell = ScriptedShell(chunks)
    timeouts = Timeouts(idle_s=idle_s)
    return Session(cast(Shell, shell), prompt=r"box[>#] ", newline="\n", timeouts=timeouts), shell


async def answer(*chunks: bytes) -> str:
    made, _ = session(*chunks)
    return await made.ask("show it", Transcript())


@pytest.mark.parametrize(
    ("chunks", "heard"),
    [
        ([b"one\r\ntwo\r\nbox# "], "one\ntwo"),
        ([b"box# "], ""),
        ([b"show it\r\none\r\nbox# "], "one"),
        ([b"on", b"e\r\nbo", b"x> "], "one"),
        ([b"a box# in the text\r\n", b"box# "], "a box# in the text"),
        ([b"caf\xc3", b"\xa9 \xff\r\nbox# "], "café \ufffd"),
    ],
)
async def test_an_answer_ends_at_the_prompt_without_the_echo(chunks: list[bytes], heard: str) -> None:
    assert await answer(*chunks) == heard


async def test_a_line_is_written_with_its_end_and_noted() -> None:
    made, shell = session(b"Welcome\r\nbox# ", b"ok\r\nbox# ")
    transcript = Transcript()
    assert await made.greeting() == "Welcome"
    await made.ask("set x", transcript)
    assert shell.written == [b"set x\n"]
    assert transcript.text() == "> set x\n< ok"


async def test_silence_ends_the_session_for_good() -> None:
    made, shell = session(b"half an ans")
    with pytest.raises(Lost, match="no answer"):
        await made.ask("show it", Transcript())
    assert not made.usable
    assert shell.closed
    with pytest.raises(Broken):
        await made.ask("show it", Transcript())
    assert shell.written == [b"show it\n"]


async def test_a_closed_shell_is_broken_not_silent() -> None:
    made, _ = session(b"half", None)
    with pytest.raises(Broken, match="broke"):
        await made.ask("show it", Transcript())


async def test_an_answer_without_end_is_cut_off() -> None:
    made, shell = session(*[b"x" * 65536] * (OUTPUT_LIMIT_BYTES // 65536 + 2), idle_s=5)
    with pytest.raises(Lost, match="more than 1048576 bytes"):
        await made.ask("show it", Transcript())
    assert shell.closed


async def test_a_cancelled_question_leaves_no_session_behind() -> None:
    made, shell = session(idle_s=5)
    asking = asyncio.create_task(made.ask("show it", Transcript()))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert shell.closed
    assert not made.usable
