"""The named boundaries of the worker's loop: between any two of them a process may die, and at each one it does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import wraps
from typing import Any

from gateway import worker as workers
from gateway.lease import Lease
from gateway.network import Network
from kernel import audit, rows
from kernel import database as databases
from kernel.database import Database
from oss.orders import finish, lanes
from oss.orders import run as engine
from oss.orders import service as orders
from oss.orders.scratch import Scratch
from tests.chaos.elements import SocketElement

BOUNDARIES: dict[str, tuple[Any, str, bool]] = {
    # name: whose function, which, and whether the worker dies behind it (else before it)
    "a placement begins": (orders, "place", False),
    "a placement has written and not committed": (orders, "place", True),
    "a placement is committed and nobody told": (Database, "run", True),
    "a lease is about to be renewed": (lanes, "hold", False),
    "a lease is renewed and not committed": (lanes, "hold", True),
    "a lease is committed and the loop not told": (Lease, "renew", True),
    "lanes are taken over": (engine, "recover", True),
    "a turn begins": (engine, "turn", False),
    "the answers are settled and nothing is written": (Scratch, "claim", False),
    "an order is completed and nothing is written": (finish, "complete", True),
    "the tasks are written and claimed and the rest is not": (Scratch, "claim", True),
    "a turn has written and not committed": (engine, "turn", True),
    "the appended rows are written": (rows, "flush", True),
    "the audit link is sealed and not committed": (audit.Chain, "seal", True),
    "a commit is about to be asked for": (databases, "_land", False),
    "a commit has landed and its thread not heard": (databases, "_land", True),
    "a turn is committed and nothing is spoken": (workers.Worker, "_landed", False),
    "a turn's commands are handed to be spoken": (workers.Worker, "_landed", True),
    "a command is about to be said": (Network, "speak", False),
    "a command is on the wire": (SocketElement, "_exchange", False),
    "an answer is heard and not in hand": (SocketElement, "_exchange", True),
    "an answer is in hand and not landed": (Network, "speak", True),
}


def dies_at(name: str, nth: int) -> None:
    """From now on this process kills itself when it comes to a boundary for the nth time."""
    owner, function, behind = BOUNDARIES[name]
    told = getattr(owner, function)
    setattr(owner, function, _deadly(told, nth, behind))


def _deadly(told: Callable[..., Any], nth: int, behind: bool) -> Callable[..., Any]:
    left = [nth]

    def passed() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if _is_async(told):

        @wraps(told)
        async def waiting(*given: Any, **named: Any) -> Any:
            if not behind:
                passed()
            answer = await told(*given, **named)
            if behind:
                passed()
            return answer

        return waiting

    @wraps(told)
    def plain(*given: Any, **named: Any) -> Any:
        if not behind:
            passed()
        answer = told(*given, **named)
        if behind:
            passed()
        return answer

    return plain


def _is_async(told: Callable[..., Any]) -> bool:
    return bool(getattr(told, "__code__", None) and told.__code__.co_flags & 0x80)
