"""Telnet commands in a byte stream: some local VTYs still speak them, and no prompt matches with them in it."""

from __future__ import annotations

IAC, SUBNEGOTIATION, END, WILL, DONT = 0xFF, 0xFA, 0xF0, 0xFB, 0xFE

HELD_LIMIT_BYTES = 4096
"""A negotiation that has not ended by then is none: it must not swallow the stream."""


class TelnetStripper:
    """Takes telnet commands out of a byte stream: some VTYs behind SSH still speak them."""

    def __init__(self) -> None:
        self._held = b""

    def strip(self, chunk: bytes) -> bytes:
        """The chunk without telnet commands; a command cut in two is kept for the next chunk."""
        data, self._held = self._held + chunk, b""
        if IAC not in data:
            return data
        out, at = bytearray(), 0
        while at < len(data):
            if data[at] != IAC:
                out.append(data[at])
                at += 1
                continue
            length = _command_length(data, at)
            if not length and len(data) - at > HELD_LIMIT_BYTES:
                length = len(data) - at
            if not length:
                self._held = data[at:]
                break
            if length == 2 and data[at + 1] == IAC:
                out.append(IAC)
            at += length
        return bytes(out)


def _command_length(data: bytes, at: int) -> int:
    """Bytes of the telnet command that starts here; 0 when its end has not come yet."""
    if at + 1 >= len(data):
        return 0
    verb = data[at + 1]
    if verb == SUBNEGOTIATION:
        end = data.find(bytes((IAC, END)), at + 2)
        return end + 2 - at if end >= 0 else 0
    length = 3 if WILL <= verb <= DONT else 2
    return length if at + length <= len(data) else 0
