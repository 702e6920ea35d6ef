"""What porting announces."""

from __future__ import annotations

from bss.porting.port import Direction, PortId
from kernel.events import Event


class NumberPorted(Event):
    """The number has its new operator; calls find it there."""

    port_id: PortId
    number: str
    direction: Direction
    other: str


class PortEnded(Event):
    """A port did not come about; the number stays where it was."""

    port_id: PortId
    number: str
    direction: Direction
    reason: str
