"""What one transaction of the engine has in hand: the rows it changed and the rows it will write, in one stroke."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from kernel import rows
from kernel.ids import TenantId
from kernel.tables import to_micros
from kernel.work import SystemWork, Unit, Work
from oss.inventory.model import ServiceId
from oss.orders import events, store, waits
from oss.orders.machine import ORDER, TASK, OrderMove, TaskMove, TaskState
from oss.orders.model import OrderId, Phase, Priority, Verb, named
from oss.orders.plan import CACHED, UNDO, Step, Words, compact, text_of, undo_words, words
from oss.orders.store import Claim, Key, OrderRow, Store, TaskKey, TaskRow
from oss.port import Reading, State
from oss.specs.compose import Intent

_TRANSCRIPT = ("tenant", "order_id", "seq", "attempt", "at", "body")
_BORN = TASK.after(TASK.initial, TaskMove.RELEASE)
NOTHING_SAID = hashlib.sha256(b"").hexdigest()
"""The digest of an empty transcript."""
BULK_SPARES = 1
"""Slots of a lane that bulk work leaves free for whoever waits in person."""
SETTLED = (TaskState.DONE, TaskState.FAILED, TaskState.SKIPPED)
_CONFIRMATION = [
    "tenant",
    "order_id",
    "seq",
    "service_id",
    "element",
    "key",
    "intent",
    "generation",
    "wanted",
    "read_back",
    "transcript_digest",
    "incarnation",
    "at",
]


@dataclass(slots=True)
class Scratch:
    """The changed rows of one transaction; `now` is the database's, `at` the business instant in microseconds."""

    unit: Unit
    of: Callable[[int], Work]
    now: int
    store: Store
    at: int
    orders: dict[Key, OrderRow] = field(default_factory=dict)
    tasks: dict[TaskKey, TaskRow] = field(default_factory=dict)
    changed_orders: dict[Key, OrderRow] = field(default_factory=dict)
    progressed: dict[Key, OrderRow] = field(default_factory=dict)
    """Orders of which only the mask has changed, as in most turns."""
    changed_tasks: dict[TaskKey, TaskRow] = field(default_factory=dict)
    born: dict[TaskKey, TaskRow] = field(default_factory=dict)
    transcripts: list[tuple[Any, ...]] = field(default_factory=list)
    confirmations: list[tuple[Any, ...]] = field(default_factory=list)
    confirmed: list[OrderRow] = field(default_factory=list)
    freed: set[Key] = field(default_factory=set)
    undoing: set[Key] = field(default_factory=set)
    partial: set[Key] = field(default_factory=set)
    spare: Mapping[str, int] = field(default_factory=dict)
    """What bulk leaves free of a lane's room."""
    after: Mapping[str, int] = field(default_factory=dict)
    """The tenant of each lane that was served last."""
    shut: frozenset[str] = frozenset()
    """Lanes that wait for the end of an incident: nothing is claimed on them and no attempt on them counts."""
    stopped: frozenset[int] = frozenset()
    """Tenants whose cuts are stopped by the kill switch; 0 stops everybody's."""
    doubtful: set[Key] = field(default_factory=set)
    """Orders whose cut must be looked at closely before it is sent."""

    # ---- rows

    def lock(self, keys: Sequence[Key]) -> list[OrderRow]:
        """Those orders, each read once and locked."""
        for row in self.store.lock_orders(self.unit, [k for k in keys if k not in self.orders]):
            self.orders[row.key] = row
        return [self.orders[k] for k in keys if k in self.orders]

    def take(self, tasks: Sequence[TaskRow]) -> list[TaskRow]:
        """Rows just read, or the copies already in hand."""
        return [self.tasks.setdefault(task.at, task) for task in tasks]

    def move(self, order: OrderRow, move: OrderMove) -> None:
        """The order's next state."""
        order.state = ORDER.after(order.state, move)
        self.changed_orders[order.key] = order

    def step(self, task: TaskRow, move: TaskMove, *, error: str | None = None) -> None:
        """The task's next state; a settled one is announced."""
        task.state = TASK.after(task.state, move)
        task.error = error
        if task.state in SETTLED:
            task.settled_at = self.now
        if not task.lane:
            waits.follow(self.of(task.tenant), task)
        if task.at not in self.born:
            self.changed_tasks[task.at] = task

    def settle(self, order: OrderRow, task: TaskRow) -> None:
        """Announce that a task reached a settled state."""
        self.of(order.tenant).tell(
            events.TaskSettled,
            OrderId(order.id),
            {
                "order_id": named(order.id),
                "seq": task.seq,
                "state": task.state,
                "element": task.said[1],
                "key": task.key,
                "error": task.error,
            },
        )

    def bear(self, order: OrderRow, step: Step) -> None:
        """A step has become ready: its row is born."""
        self._bear(order, step.seq, step, words(step))
        if not step.lane:
            waits.begin(self.of(order.tenant), order, step)

    def bear_undo(self, order: OrderRow, step: Step, target: State) -> None:
        """The undo of a step, to the state that the previous generation asks for today."""
        self._bear(order, step.seq + UNDO, step, undo_words(step, target))

    def retell(self, task: TaskRow, step: Step) -> None:
        """An unsent task says something else now."""
        task.say(words(step))
        self.changed_tasks[task.at] = task

    def _bear(self, order: OrderRow, seq: int, step: Step, said: Words) -> None:
        row = TaskRow(
            order.tenant,
            order.id,
            seq,
            step.lane,
            step.key,
            _BORN,
            order.priority,
            self.now,
            0,
            0,
            order.generation,
            order.verb in (Verb.RESTRICT, Verb.TERMINATE) and order.phase is Phase.DO,
            None,
            text_of(said),
        )
        self.born[row.at] = row
        self.tasks[row.at] = row
        if step.lane:
            self.unit.hint(f"lane:{step.lane}")

    # ---- facts

    def fact(self, kind: type[events.OrderFact], order: OrderRow, **more: Any) -> None:
        """Announce something of an order; its values are the rows' own, so that nothing is left to check."""
        self.of(order.tenant).tell(
            kind,
            OrderId(order.id),
            {
                "order_id": named(order.id),
                "service_id": str(ServiceId(order.service_id)),
                "owner": order.owner,
                "verb": order.verb,
                "parent": order.parent,
                **more,
            },
        )

    def words(self, task: TaskRow, transcript: str) -> None:
        """Keep the words exchanged for this attempt."""
        if transcript:
            body = zlib.compress(transcript.encode(), 1)
            self.transcripts.append((task.tenant, task.order_id, task.seq, task.attempt, self.at, body))

    def evidence(self, order: OrderRow, task: TaskRow, reading: Reading | None, transcript: str) -> None:
        """Keep what proves the task: the wanted state, the state read back, the digest of the words."""
        _, element, intent, wanted, *_ = task.said
        asked = compact(wanted)
        shown = asked if reading is None or reading.state == wanted else compact(dict(reading.state))
        self.confirmations.append(
            (
                order.tenant,
                order.id,
                task.seq,
                order.service_id,
                element,
                task.key,
                intent,
                order.generation,
                asked,
                shown,
                hashlib.sha256(transcript.encode()).hexdigest() if transcript else NOTHING_SAID,
                "" if reading is None else reading.incarnation,
                self.at,
            )
        )

    # ---- the end

    def write_evidence(self) -> None:
        """Write the confirmations alone: the next plan of a service is made from what is shown by now."""
        if self.confirmations:
            rows.append(self.unit, "confirmation", _CONFIRMATION, list(self.confirmations))
            self.confirmations.clear()

    def claim(self, left: Mapping[str, int], places: Sequence[tuple[str, str]]) -> Claim:
        """Write the older tasks, so that the keys they let go are found free, and look what may be spoken."""
        every, bulk = Priority.BULK + 1, int(Priority.BULK)
        spare, after = self.spare, self.after
        lanes = [
            (lane, free, every if free > spare.get(lane, BULK_SPARES) else bulk, after.get(lane, 0))
            for lane, free in left.items()
            if free > 0
        ]
        found = self.store.claim(self.unit, lanes, places, list(self.changed_tasks.values()), self.now)
        self.changed_tasks.clear()
        return found

    def write(self) -> None:
        """Write everything in hand; called before rows are read again, and at the end."""
        unit = self.unit
        self.store.write_orders(unit, list(self.changed_orders.values()))
        self.store.write_masks(unit, [o for key, o in self.progressed.items() if key not in self.changed_orders])
        self.store.write_tasks(unit, list(self.changed_tasks.values()))
        store.insert_tasks(unit, list(self.born.values()))
        if self.transcripts:
            rows.append(unit, "transcript", _TRANSCRIPT, list(self.transcripts))
        self.write_evidence()
        for held in (self.changed_orders, self.progressed, self.changed_tasks, self.born, self.transcripts):
            held.clear()


def opened(unit: Work | SystemWork, *, now: int) -> Scratch:
    """An empty scratch on a transaction."""
    views: dict[int, Work] = {}

    def of(tenant: int) -> Work:
        if isinstance(unit, Work):
            return unit
        if tenant not in views:
            views[tenant] = unit.of(TenantId(tenant))
        return views[tenant]

    return Scratch(unit, of, now, store.of(unit), to_micros(unit.now))


def intent_of(order: OrderRow) -> Intent:
    """The intent an order carries."""
    return _intent_of(order.intent)


@lru_cache(maxsize=CACHED)
def _intent_of(text: str) -> Intent:
    return Intent.of(from_json(text))


def intent_text(intent: Intent) -> str:
    """An intent as an order's row stores it."""
    return compact(intent.document())
