"""A worker's lease, renewed from a thread of its own: a busy loop does not lose it, and without it nothing is said."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

import structlog

from kernel.database import Database
from kernel.time import Pulse
from kernel.work import SystemWork
from oss.inventory import elements
from oss.inventory.model import Differs
from oss.orders import lanes, leases, retries
from oss.orders.settle import Policy
from oss.orders.store import Fenced

_log = structlog.get_logger(__name__)

HURRY_S = 0.1
"""The pause after a lease, so that hints for lanes of others do not renew without end."""
LAPSE_S = 0.05
"""Another's lease is looked at so long after its end."""

Rules = tuple[Policy, Mapping[str, Differs]]
"""How often something is tried again, and which elements are looked at before each command."""


class Lease:
    """One worker's name, the lanes it may claim on, and the thread that renews both."""

    def __init__(self, database: Database, pulse: Pulse, *, label: str) -> None:
        self.lanes: set[str] = set()
        self.paces: Mapping[str, lanes.Pace] = {}
        self.policy = Policy()
        self.wary: Mapping[str, Differs] = {}
        self.label = label
        self.draining = self.fenced = False
        self.heed: Callable[[set[str]], None] = lambda taken: None
        self._database, self._pulse = database, pulse
        self._door = threading.Lock()
        self._claimed: set[str] = set()
        self._leaving: set[str] = set()
        self._asked = self._pulse.seconds()
        self._next_s = lanes.RENEW_S
        self._hurry, self._ended = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self.name = self._new_name()

    def begin(self) -> None:
        """Lease what there is, and renew it from now on."""
        self.renew()
        self._thread = threading.Thread(target=self._for_ever, name="lease", daemon=True)
        self._thread.start()

    def holds(self) -> bool:
        """Whether a byte may be written."""
        return not self.fenced and self.left_s() > 0

    def left_s(self) -> float:
        """Seconds until silence unless it is renewed."""
        return lanes.SILENT_S - (self._pulse.seconds() - self._asked)

    def claimable(self, flying: Mapping[str, int]) -> set[str]:
        """The lanes for the next turn, asked between two; one that went to another is let go when nothing flies on it.

        A lane is given back only by a renewal that began after the loop was told here to leave it alone.
        """
        with self._door:
            found = self.lanes
            if found is self._claimed and not self._leaving:
                return found
            gone = (self._claimed | self._leaving) - found
            self._claimed, self._leaving = found, {lane for lane in gone if flying.get(lane, 0) > 0}
        if gone - self._leaving:
            self.hurry()
        return found

    def hurry(self) -> None:
        """Look at the lanes at once: one may be free that is ours, or ours to give."""
        self._hurry.set()

    def renew(self) -> None:
        """Renew once. Raises Fenced, Unavailable."""
        asked = self._pulse.seconds()  # before the database counts: what it waited must not lengthen the lease
        with self._door:
            name, busy = self.name, self.lanes | self._claimed | self._leaving
        held, standing, paces, rules = self._database.run_system(lambda work: self._hold(work, name, busy))
        self.policy, self.wary = rules
        if paces != self.paces:
            self.paces = paces
        with self._door:
            taken, self.lanes = held - self.lanes, held
        self._asked, self.draining = asked, self.draining or standing.draining
        self._next_s = min(lanes.RENEW_S, standing.next_lapse_s + LAPSE_S)
        self.heed(taken)

    def leave(self) -> None:
        """Let the others know that this one is ending: what it owns and does not use goes to them at once."""
        self.draining = True
        self.hurry()

    def _hold(
        self, work: SystemWork, name: str, busy: set[str]
    ) -> tuple[set[str], leases.Standing, dict[str, lanes.Pace], Rules]:
        held = lanes.hold(work, name, session=self._database.session, label=self.label, busy=busy)
        if self.draining:
            leases.drain(work, name)
        return held, leases.standing(work, name), lanes.paces(work), (retries.current(work), elements.wary(work))

    def begin_anew(self) -> None:
        """Under another name: whatever the old one still had in hand is nobody's."""
        with self._door:
            self.name, self.lanes, self._claimed, self._leaving = self._new_name(), set(), set(), set()
        self._asked = self._pulse.seconds() - lanes.SILENT_S
        self.fenced = False
        self.hurry()

    def end(self) -> None:
        """Renew no more."""
        self._ended.set()
        self._hurry.set()
        if self._thread is not None:
            self._thread.join()
        self.lanes = set()

    def _for_ever(self) -> None:
        while not self._ended.is_set():
            self._hurry.wait(self._next_s)
            self._hurry.clear()
            if self._ended.is_set():
                return
            if not self.fenced:
                self._renew_or_say_why()
            self._ended.wait(HURRY_S)

    def _renew_or_say_why(self) -> None:
        try:
            self.renew()
        except Fenced as error:
            _log.warning("lease lost", worker=self.name, error=str(error))
            self.fenced = True
            self.heed(set())
        except Exception as error:  # whatever it is, renewing goes on; not renewed in time, we fall silent
            self._next_s = lanes.RENEW_S
            _log.warning("lease not renewed", error=str(error))

    def _new_name(self) -> str:
        return f"{self.label}:{os.urandom(4).hex()}"


def default_label() -> str:
    """What people call a worker unless told: its host and process."""
    return f"{os.uname().nodename}:{os.getpid()}"
