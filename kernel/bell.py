"""LISTEN and NOTIFY: what one process committed wakes the others at once. A hint, never the truth: sweeps find it too.

A NOTIFY inside a transaction serialises its commit with every other one that notifies, so none of ours has any: the
bell has a connection of its own, rings after the commit, without waiting for the disk, and rings once for everything
that came together meanwhile.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import psycopg
import structlog

_log = structlog.get_logger(__name__)

CHANNEL = "trunkline"
OUTBOX = "outbox"
"""The hint that facts were committed by a process which hands on none."""
EVERYTHING = "*"
"""The hint that stands for more names than a notification holds."""
PAYLOAD_BYTES = 7_900
"""PostgreSQL takes just under 8,000."""
LISTEN_S = 0.2
"""How soon a listener notices that it is to end."""
AGAIN_S = 1.0
"""The pause before a lost connection is opened again; sweeps carry on meanwhile."""
FAREWELL_S = 2.0
"""What was rung last is still sent at the end, if it goes so fast."""


class Bell:
    """One process's bell: it opens no connection before it is first rung or listened to."""

    def __init__(self, url: str | None) -> None:
        """`url` is None where no other process can be: on SQLite."""
        self.at_home: Callable[[str], bool] = lambda hint: False
        """Whether a hint concerns nobody but this process."""
        self._url = url and url.replace("postgresql+psycopg://", "postgresql://")
        self._rung: set[str] = set()
        self._door, self._wake, self._closed = threading.Lock(), threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._listening = False
        self._ringer: threading.Thread | None = None
        self._mine = 0

    def ring(self, hints: Iterable[str], *, left: bool = False) -> None:
        """Tell the other processes, soon and together, what nobody here looks after; `left` are facts in the outbox."""
        if self._url is None:
            return
        far = {hint for hint in hints if not self.at_home(hint)} | ({OUTBOX} if left else set())
        if not far:
            return
        with self._door:
            self._rung |= far
            if self._ringer is None and not self._closed.is_set():
                self._ringer = self._started(self._ring_for_ever)
        self._wake.set()

    def listen(self, listeners: Sequence[Callable[[set[str]], None]]) -> None:
        """From now on hand them, on a thread of ours, what other processes ring; a second call changes nothing."""
        with self._door:
            begun, self._listening = self._listening, True
        if not begun and self._url is not None:
            self._started(lambda: self._listen_for_ever(listeners))

    def close(self) -> None:
        """Ring what is still to be rung, and end."""
        self._closed.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(FAREWELL_S)

    def _started(self, run: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run, name="bell", daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _connection(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url or "", autocommit=True, connect_timeout=5, application_name=CHANNEL)

    # ---- ringing

    def _ring_for_ever(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        while not self._closed.is_set() or self._rung:
            self._wake.wait()
            self._wake.clear()
            with self._door:
                names, self._rung = self._rung, set()
            try:
                connection = connection or self._ready()
                if names:
                    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, _payload(names)))
            except psycopg.Error as error:  # whoever was meant finds it by its sweep
                _log.warning("not rung", error=str(error))
                connection = None
                self._closed.wait(AGAIN_S)
        if connection is not None:
            connection.close()

    def _ready(self) -> psycopg.Connection[Any]:
        connection = self._connection()
        connection.execute("SET synchronous_commit = off")
        self._mine = connection.info.backend_pid
        return connection

    # ---- hearing

    def _listen_for_ever(self, listeners: Sequence[Callable[[set[str]], None]]) -> None:
        while not self._closed.is_set():
            try:
                with self._connection() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._hear(connection, listeners)
            except psycopg.Error as error:  # until it is there again the sweeps find everything
                _log.warning("not listening", error=str(error))
                self._closed.wait(AGAIN_S)

    def _hear(self, connection: psycopg.Connection[Any], listeners: Sequence[Callable[[set[str]], None]]) -> None:
        while not self._closed.is_set():
            for notice in connection.notifies(timeout=LISTEN_S):
                if notice.pid != self._mine:
                    tell(listeners, set(json.loads(notice.payload)))
                if self._closed.is_set():
                    return


def tell(listeners: Sequence[Callable[[Any], None]], what: object) -> None:
    """Hand something to each listener; the fault of one is its own."""
    for hand in tuple(listeners):
        try:
            hand(what)
        except Exception:  # a listener whose loop has ended must not end the writer; what it missed, a sweep finds
            _log.exception("a listener failed")


def _payload(names: set[str]) -> str:
    told = json.dumps(sorted(names))
    return told if len(told.encode()) <= PAYLOAD_BYTES else json.dumps([EVERYTHING])
