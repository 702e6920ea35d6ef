"""A few rows of a job ordered at once: what can be is, each that cannot be is rejected by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bss.ordering import service as ordering
from bss.ordering import undoing
from bss.ordering.bulk.checks import Told, submission
from bss.ordering.bulk.model import BulkJob, BulkRow, BulkVerb
from bss.ordering.bulk.rows import PROFILE, instant
from bss.ordering.model import ProductOrderId
from bss.subscriptions import changing, many
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import Cause, SubscriptionId
from kernel.attempts import attempt
from kernel.errors import TrunklineError
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.many import Wish
from oss.orders.model import OrderId, Priority
from oss.port import Level


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a row: its order, none when there was nothing to do; or why it was rejected."""

    subscription_id: SubscriptionId | None = None
    service_order_id: OrderId | None = None
    product_order_id: ProductOrderId | None = None
    before: list[Any] = field(default_factory=list)
    error: TrunklineError | None = None


def do(work: Work, job: BulkJob, rows: Sequence[BulkRow]) -> dict[int, Done]:
    """Order what the rows ask for, by line number; the Work stands whatever becomes of a row."""
    parent, many_at_once = str(job.id), _MANY.get(job.verb)
    told: dict[int, Told] = {row.number: {**job.defaults, **row.columns} for row in rows}
    if many_at_once is not None:
        try:
            return attempt(work, lambda: many_at_once(work, told, parent))
        except TrunklineError:
            return {number: _alone(work, many_at_once, number, each, parent) for number, each in told.items()}
    single = _SINGLE[job.verb]
    return {number: _tried(work, lambda n=number, t=each: single(work, t, parent, n)) for number, each in told.items()}  # type: ignore[misc]


Many = Callable[[Work, dict[int, Told], str], dict[int, Done]]


def _alone(work: Work, many_at_once: Many, number: int, told: Told, parent: str) -> Done:
    return _tried(work, lambda: many_at_once(work, {number: told}, parent)[number])


def _tried(work: Work, part: Callable[[], Done]) -> Done:
    try:
        return attempt(work, part)
    except TrunklineError as error:
        return Done(error=error)


# ---- many at once


def _restrict(work: Work, told: dict[int, Told], parent: str) -> dict[int, Done]:
    lines = _lines(told)
    wishes = {line: _wish(told[number]) for line, number in lines.items()}
    found = many.restrict(work, wishes, parent=parent)
    return {number: Done(line, found[line].order_id, error=found[line].error) for line, number in lines.items()}


def _lift(work: Work, told: dict[int, Told], parent: str) -> dict[int, Done]:
    lines = _lines(told)
    found = many.lift(work, {line: Cause.parse(told[number]["cause"]) for line, number in lines.items()}, parent=parent)
    return {
        number: Done(
            line,
            found[line].order_id,
            before=[{**asdict(each), "id": str(each.id)} for each in found[line].lifted],
            error=found[line].error,
        )
        for line, number in lines.items()
    }


def _lines(told: dict[int, Told]) -> dict[SubscriptionId, int]:
    return {_line(each): number for number, each in told.items()}


def _line(told: Told) -> SubscriptionId:
    return SubscriptionId.parse(told["subscription_id"])


def _wish(told: Told) -> Wish:
    until = instant(told["until"]) if "until" in told else None
    return Wish(cause=Cause.parse(told["cause"]), level=Level(told["level"]), until=until)


# ---- one by one


def _activate(work: Work, told: Told, parent: str, number: int) -> Done:
    order = ordering.submit(work, submission(told, key=f"{parent}-{number}"), priority=Priority.BULK)
    (item,) = ordering.items(work, order.id)
    return Done(item.subscription_id, None, order.id)


def _change(work: Work, told: Told, parent: str, number: int) -> Done:
    line, version = _line(told), told.get("version")
    standing = subscriptions.get(work, line)
    before = [standing.offering, standing.offering_hash, dict(inventory.get(work, standing.service_id).profile)]
    if "offering" in told:
        bulk = Priority.BULK
        placed = subscriptions.change(work, line, told["offering"], version=version, parent=parent, priority=bulk)
        return Done(line, placed, before=before)
    profile = {name.removeprefix(PROFILE): value for name, value in told.items() if name.startswith(PROFILE)}
    placed = changing.reshape(work, standing, profile=profile, parent=parent, priority=Priority.BULK)
    return Done(line, placed, before=before)


def _terminate(work: Work, told: Told, parent: str, number: int) -> Done:
    line = _line(told)
    placed = subscriptions.terminate(work, line, cause=told["cause"], parent=parent, priority=Priority.BULK)
    return Done(line, placed)


def _reinstate(work: Work, told: Told, parent: str, number: int) -> Done:
    line = _line(told)
    return Done(line, undoing.undo_terminate(work, line))


_MANY: dict[BulkVerb, Many] = {BulkVerb.RESTRICT: _restrict, BulkVerb.LIFT: _lift}
_SINGLE: dict[BulkVerb, Callable[[Work, Told, str, int], Done]] = {
    BulkVerb.ACTIVATE: _activate,
    BulkVerb.CHANGE: _change,
    BulkVerb.TERMINATE: _terminate,
    BulkVerb.REINSTATE: _reinstate,
}
