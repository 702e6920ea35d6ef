"""What an answer does to its task and its order: one function per kind of answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from oss.inventory import elements
from oss.orders import events, finish, undo
from oss.orders.machine import OrderState, TaskMove, TaskState
from oss.orders.model import OnError, OrderId, Phase
from oss.orders.plan import UNDO, Plan
from oss.orders.scratch import Scratch
from oss.orders.store import OrderRow, TaskKey, TaskRow
from oss.port import Reading, State, satisfies

SECOND = 1_000_000


class Word(StrEnum):
    """What came back for a sent command."""

    DONE = "done"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNANSWERED = "unanswered"
    DIFFERS = "differs"
    READ = "read"
    UNREADABLE = "unreadable"


@dataclass(slots=True)
class Answer:
    """What the edge brings back for one attempt; `message` is the element's own words, `transcript` all of them.

    `adopted` is what it was left with by somebody else and keeps.
    """

    task: TaskKey
    attempt: int
    word: Word
    reading: Reading | None = None
    message: str = ""
    transcript: str = ""
    adopted: State | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """What is done about one kind of failure: attempts in all, the first and the longest pause, and their spread."""

    attempts: int
    first_s: float
    longest_s: float
    jitter: float

    def pause(self, attempt: int, salt: int) -> int:
        """Microseconds until the next attempt, doubled each time, spread so that a herd does not return.

        The spread is a number that the task and the attempt fix: nothing is drawn, so a test knows it.
        """
        base = min(self.longest_s, self.first_s * 2.0 ** max(attempt - 1, 0))
        return int(base * SECOND * (1 + self.jitter * ((salt * 31 + attempt) * 2_654_435_761 % 1_009) / 1_009))


@dataclass(frozen=True, slots=True)
class Policy:
    """The named limits of trying, for each kind of failure or for all alike; a refusal is final unless told."""

    failures: int = 5
    first_s: float = 0.5
    longest_s: float = 30.0
    horizon_s: float = 1.0
    """After a command's deadline its retransmissions may still arrive for so long."""
    kinds: Mapping[Word, Retry] = field(default_factory=dict)

    def of(self, word: Word) -> Retry:
        """What is done about a kind of failure."""
        found = self.kinds.get(word)
        if found is None:
            attempts = {Word.REFUSED: 1, Word.UNREADABLE: self.failures + 1}.get(word, self.failures)
            found = Retry(attempts, self.first_s, self.longest_s, 0.25)
        return found


def settle(scratch: Scratch, answer: Answer, policy: Policy) -> None:
    """Apply one answer; one that is stale (settled, resent or taken over since) changes nothing."""
    task = scratch.tasks.get(answer.task)
    order = scratch.orders.get(answer.task[:2])
    if task is None or order is None or not _current(task, answer):
        return
    scratch.words(task, answer.transcript)
    _ANSWERS[answer.word](scratch, order, task, answer, policy)


def _current(task: TaskRow, answer: Answer) -> bool:
    if answer.word in (Word.READ, Word.UNREADABLE):
        return task.state is TaskState.UNKNOWN and task.attempt == answer.attempt
    return task.state is TaskState.SENT and task.attempt == answer.attempt


def _done(scratch: Scratch, order: OrderRow, task: TaskRow, answer: Answer, policy: Policy) -> None:
    scratch.step(task, TaskMove.CONFIRM)
    if answer.adopted is not None:
        _adopt(scratch, order, task, answer.adopted)
    scratch.evidence(order, task, answer.reading, answer.transcript)
    scratch.settle(order, task)
    go_on(scratch, order, task)


def _adopt(scratch: Scratch, order: OrderRow, task: TaskRow, adopted: State) -> None:
    """What the element keeps is what it is wanted to show from now on, until somebody wants something else."""
    said = list(task.said)
    said[3] = {**said[3], **adopted}
    task.say(said)
    fact = events.TaskAdopted(
        order_id=OrderId(order.id), seq=task.seq, element=said[1], key=task.key, kept=dict(adopted)
    )
    scratch.of(order.tenant).emit(fact)


def _differs(scratch: Scratch, order: OrderRow, task: TaskRow, answer: Answer, policy: Policy) -> None:
    """It is not as it was left, and nothing was said: a person decides; a retry goes on from what is there now."""
    name, element, *_ = said = list(task.said)
    message = f"{name} on {element}: {answer.message}"
    scratch.step(task, TaskMove.REFUSE, error=message)
    scratch.settle(order, task)
    said[4] = None if answer.reading is None else dict(answer.reading.state)
    task.say(said)
    task.owner = None
    if order.phase is Phase.UNDO:
        scratch.undoing.add(order.key)
        if task.seq < UNDO:
            return
    suggestion = "look at the element: retry replaces what is there, skip leaves it as it is"
    finish.hold(scratch, order, task, cause=answer.word, message=message, suggestion=suggestion)


def go_on(scratch: Scratch, order: OrderRow, task: TaskRow) -> None:
    """A task is done: what waited for it is born, and its order may be confirmed."""
    if task.seq >= UNDO or order.phase is Phase.UNDO:
        scratch.undoing.add(order.key)
        return
    before = order.done
    order.done |= 1 << task.seq
    scratch.progressed[order.key] = order
    if order.state is not OrderState.IN_PROGRESS:
        return
    for step in Plan.loads(order.plan).born(before, order.done):
        scratch.bear(order, step)
    if order.done & order.whole == order.whole and before & order.whole != order.whole:
        scratch.confirmed.append(order)
    elif order.on_error is OnError.PARTIAL:
        scratch.partial.add(order.key)


def _refused(scratch: Scratch, order: OrderRow, task: TaskRow, answer: Answer, policy: Policy) -> None:
    if policy.of(answer.word).attempts > 1 and not _spent(scratch, order, task, policy.of(answer.word)):
        scratch.step(task, TaskMove.MISS, error=answer.message)
        _rest(scratch, task, policy.of(answer.word))
        return
    scratch.step(task, TaskMove.REFUSE, error=answer.message)
    failed(scratch, order, task, cause=answer.word, message=answer.message)


def _unreachable(scratch: Scratch, order: OrderRow, task: TaskRow, answer: Answer, policy: Policy) -> None:
    """It never heard us: nobody's words reached it, so there is nothing to take back either."""
    task.owner = None
    if _spent(scratch, order, task, policy.of(answer.word)):
        scratch.step(task, TaskMove.GIVE_UP, error=answer.message)
        failed(scratch, order, task, cause=answer.word, message=answer.message)
        return
    scratch.step(task, TaskMove.MISS, error=answer.message)
    _rest(scratch, task, policy.of(answer.word))


def _rest(scratch: Scratch, task: TaskRow, retry: Retry) -> None:
    task.run_at = scratch.now + retry.pause(task.failures, task.order_id + task.seq)


def _unanswered(scratch: Scratch, order: OrderRow, task: TaskRow, answer: Answer, policy: Policy) -> None:
    scratch.step(task, TaskMove.LOSE, error=answer.message)
    task.run_at = max(scratch.now, task.deadline_at or 0)


def _read(scratch: Scratch, order: OrderRow, task: TaskRow, answer: Answer, policy: Policy) -> None:
    wanted: Mapping[str, Any] = task.said[3]
    if answer.reading is not None and satisfies(wanted, answer.reading.state):
        _done(scratch, order, task, answer, policy)
    elif _said_once(scratch, task):
        _hold_once(scratch, order, task)
    elif _spent(scratch, order, task, policy.of(Word.UNANSWERED)):
        message = task.error or "it did not take effect"
        scratch.step(task, TaskMove.GIVE_UP, error=message)
        failed(scratch, order, task, cause=Word.UNANSWERED, message=message)
    else:
        scratch.step(task, TaskMove.RESEND, error=task.error)
        task.run_at = scratch.now
        if task.failures > 1:
            _rest(scratch, task, policy.of(Word.UNANSWERED))


def _unreadable(scratch: Scratch, order: OrderRow, task: TaskRow, answer: Answer, policy: Policy) -> None:
    task.failures += task.lane not in scratch.shut
    if task.failures >= policy.of(answer.word).attempts:
        if _said_once(scratch, task):
            _hold_once(scratch, order, task)
            return
        scratch.step(task, TaskMove.GIVE_UP, error=answer.message)
        failed(scratch, order, task, cause=Word.UNANSWERED, message=answer.message)
        return
    _rest(scratch, task, policy.of(answer.word))
    scratch.changed_tasks[task.at] = task


def _said_once(scratch: Scratch, task: TaskRow) -> bool:
    """Whether its dialect says that this intent is never repeated; asked only about what nobody knows."""
    said = task.said
    return elements.said_once(scratch.unit, said[1], said[2], dialect_hash=said[6])


def _hold_once(scratch: Scratch, order: OrderRow, task: TaskRow) -> None:
    """What is said once and whose outcome nobody knows is not said again by a machine, nor taken back by one."""
    name, element, intent, *_ = task.said
    message = f"{name} on {element}: nobody knows whether {task.key} took it, and {intent} is said once only"
    scratch.step(task, TaskMove.GIVE_UP, error=message)
    scratch.settle(order, task)
    if order.phase is Phase.UNDO and task.seq < UNDO:
        scratch.undoing.add(order.key)
        return
    suggestion = "look at the element yourself: retry says it again, skip takes it as it is"
    finish.hold(scratch, order, task, cause=Word.UNANSWERED, message=message, suggestion=suggestion)


def _spent(scratch: Scratch, order: OrderRow, task: TaskRow, retry: Retry) -> bool:
    """Whether a task that failed once more is given up: at the limit, or when its order is being taken back anyway.

    While an incident is open on its lane an attempt does not count.
    """
    task.failures += task.lane not in scratch.shut
    return task.failures >= retry.attempts or (order.phase is Phase.UNDO and task.seq < UNDO)


_ANSWERS = {
    Word.DONE: _done,
    Word.REFUSED: _refused,
    Word.UNREACHABLE: _unreachable,
    Word.UNANSWERED: _unanswered,
    Word.DIFFERS: _differs,
    Word.READ: _read,
    Word.UNREADABLE: _unreadable,
}


def failed(scratch: Scratch, order: OrderRow, task: TaskRow, *, cause: str, message: str) -> None:
    """A task failed for good: do as the order says, take back, hold for a person, or go on without it."""
    scratch.settle(order, task)
    name, element, *_ = task.said
    words = f"{name} on {element}: {message}" if element else f"{name}: {message}"
    if task.seq >= UNDO:
        words = f"undo of {name} on {element} failed and {task.key} stays on there: {message}"
        finish.hold(scratch, order, task, cause=cause, message=words, suggestion="mend the element, then retry")
        scratch.undoing.add(order.key)
    elif order.phase is Phase.UNDO:
        scratch.undoing.add(order.key)
    elif order.on_error is OnError.ROLLBACK and (past := undo.past_return(scratch, order)) is not None:
        words = f"{words}; {past} was its point of no return"
        finish.hold(scratch, order, task, cause=cause, message=words, suggestion="mend the element, then retry")
    elif order.on_error is OnError.ROLLBACK:
        undo.begin(scratch, order, reason=words)
    elif order.on_error is OnError.HOLD:
        finish.hold(scratch, order, task, cause=cause, message=words, suggestion="mend the element, then retry")
    else:
        scratch.partial.add(order.key)
