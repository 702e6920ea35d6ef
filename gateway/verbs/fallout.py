"""What waits for a person, and what a person does about it: to one, to many, or to all of an element."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import Field

from bss.ordering import cancelling
from bss.subscriptions import second_thoughts
from gateway.verbs.core import BASE, Asks, Desk, Gives, Nothing, Page, edging, reading, writing
from kernel.errors import Conflict, Invalid, TrunklineError
from kernel.work import Work
from oss.inventory import elements
from oss.inventory.model import ServiceId
from oss.orders import people, views
from oss.orders.machine import OPEN_ORDERS, OrderState
from oss.orders.model import Fallout, FalloutId, OrderId, Phase

MANY = 500
"""Ids dealt with by one command at most."""
FIRST_S = 45.0
"""The first of an element is waited for so long: within what a client waits for an answer."""
POLL_S = 0.1
"""How often it is looked at meanwhile."""
DONE, FAILED, NOT_TRIED = "done", "failed", "notTried"


class FalloutNamed(Asks):
    """One thing that waits (flt_...), or all that ever fell out of an order of the network (sor_...)."""

    id: str


class FalloutTaken(Asks):
    """One thing that waits, and a note for whoever looks next."""

    id: FalloutId
    note: str | None = None


class Chosen(Asks):
    """Things that wait (flt_..., or sor_... for all of an order), or all of an element, starting with one."""

    ids: list[str] = Field(default_factory=list, max_length=MANY)
    element: str | None = None


class ChosenWhy(Chosen):
    """The same, and why."""

    reason: str


class Corrected(Chosen):
    """The same, and what is wanted instead: characteristics, or pieces of the stock by alias."""

    profile: dict[str, str] = Field(default_factory=dict)
    resources: dict[str, str] = Field(default_factory=dict)


class FalloutGiven(Gives):
    """A task that failed: where, in which words, who has it in hand, and what to do about it."""

    id: FalloutId
    order_id: OrderId
    seq: int
    service_id: ServiceId
    element: str
    key: str
    cause: str
    message: str
    suggestion: str
    transcript: str
    opened_at: datetime
    taken_by: str | None
    taken_until: datetime | None
    note: str | None
    closed_at: datetime | None
    closed_by: str | None
    resolution: str | None


class ActGiven(Gives):
    """What came of one: done, failed (with the reason), or not tried because the first had failed."""

    id: FalloutId
    order_id: OrderId
    element: str
    key: str
    outcome: str
    message: str


class _One(NamedTuple):
    """One thing to be dealt with."""

    id: FalloutId
    order_id: OrderId
    element: str
    key: str


@reading("fallout.list", "/fallout")
def listed(work: Work, asked: Nothing) -> Page[FalloutGiven]:
    """Everything that waits for a person, the oldest first."""
    found = [_given(work, row) for row in views.fallout(work)]
    return Page(items=found, total=len(found))


@reading("fallout.show", "/fallout/{id}")
def show(work: Work, asked: FalloutNamed) -> Page[FalloutGiven]:
    """One thing that waits or waited, or everything that ever fell out of an order."""
    if asked.id.startswith(f"{FalloutId.prefix}_"):
        rows: Sequence[Fallout] = [people.get(work, FalloutId.parse(asked.id))]
    else:
        rows = views.fallout_of(work, views.get(work, OrderId.parse(asked.id)).id)
    return Page(items=[_given(work, row) for row in rows], total=len(rows))


@writing("fallout.take", "/fallout/{id}/take")
def take(work: Work, asked: FalloutTaken) -> FalloutGiven:
    """Take one in hand for 30 minutes; taken again, for 30 more."""
    return _given(work, people.take(work, asked.id, note=asked.note))


@writing("fallout.release", "/fallout/{id}/release")
def release(work: Work, asked: FalloutTaken) -> FalloutGiven:
    """Give it back to all, with a note for the next."""
    return _given(work, people.release(work, asked.id, note=asked.note))


@edging("fallout.retry", "/fallout/retry")
async def retry(desk: Desk, asked: Chosen) -> Page[ActGiven]:
    """Send again what failed; of an element, the first alone, and the rest once it is confirmed."""
    return await _each(desk, asked, lambda work, one: people.retry(work, one.id))


@edging("fallout.correct", "/fallout/correct")
async def correct(desk: Desk, asked: Corrected) -> Page[ActGiven]:
    """Want other values in the service's own grammar, plan anew from what is confirmed, and go on."""

    def act(work: Work, one: _One) -> None:
        people.correct(work, one.id, profile=asked.profile, resources=asked.resources)
        order = views.get(work, one.order_id)
        profile = views.wanted_profile(work, one.order_id)
        second_thoughts.corrected(work, order.service_id, order_id=one.order_id, profile=profile)

    return await _each(desk, asked, act)


@edging("fallout.skip", "/fallout/skip")
async def skip(desk: Desk, asked: ChosenWhy) -> Page[ActGiven]:
    """Go on without the step: its component is not billed, and the order ends partial."""
    return await _each(desk, asked, lambda work, one: people.skip(work, one.id, reason=asked.reason), whole=False)


@edging("fallout.undo", "/fallout/undo")
async def undo(desk: Desk, asked: ChosenWhy) -> Page[ActGiven]:
    """Take back what the order did; it ends failed."""
    return await _each(desk, asked, lambda work, one: people.undo(work, one.id, reason=asked.reason))


@edging("fallout.cancel", "/fallout/cancel")
async def cancel(desk: Desk, asked: ChosenWhy) -> Page[ActGiven]:
    """Call the order off, and with it the customer's order it is for; what it did is taken back."""

    def act(work: Work, one: _One) -> None:
        people.check_free(work, one.order_id)
        cancelling.cancel_item(work, one.order_id, reason=asked.reason)

    return await _each(desk, asked, act)


# ---- one, many, or all of an element


async def _each(
    desk: Desk, asked: Chosen, act: Callable[[Work, _One], object], *, whole: bool = True
) -> Page[ActGiven]:
    """Each in a Work of its own; `whole` acts are on an order, and done once for all that fell out of it."""
    found = await desk.read(lambda work: _chosen(work, asked))
    if whole:
        found = list({one.order_id: one for one in reversed(found)}.values())[::-1]
    given: list[ActGiven] = []
    for one in found:
        if asked.element is not None and given and given[0].outcome != DONE:
            given.append(_act_given(one, NOT_TRIED, f"the first failed: {given[0].message}"))
            continue
        given.append(await _done(desk, one, act))
        if asked.element is not None and len(given) == 1 and len(found) > 1 and given[0].outcome == DONE:
            given[0] = await _proved(desk, one)
    return Page(items=given, total=len(given))


def _chosen(work: Work, asked: Chosen) -> list[_One]:
    if (asked.element is None) == (not asked.ids):
        raise Invalid("name ids, or an element", field="ids", fix="one of both: ids (flt_... or sor_...) or element")
    if asked.element is not None:
        rows = [people.get(work, found) for found in people.on(work, elements.get(work, asked.element).name)]
        if not rows:
            raise Conflict(f"nothing waits on {asked.element}", field="element", fix="see trunkline fallout list")
    else:
        rows = [row for text in dict.fromkeys(asked.ids) for row in _named(work, text)]
    return [_One(row.id, row.order_id, row.element, row.key) for row in rows]


def _named(work: Work, text: str) -> Sequence[Fallout]:
    if text.startswith(f"{FalloutId.prefix}_"):
        return [people.get(work, FalloutId.parse(text))]
    order = views.get(work, OrderId.parse(text))
    rows = [row for row in views.fallout_of(work, order.id) if row.closed_at is None]
    if not rows:
        raise Conflict(f"nothing of {text} waits for a person", field="ids", fix="see trunkline fallout list")
    return rows


async def _done(desk: Desk, one: _One, act: Callable[[Work, _One], object]) -> ActGiven:
    try:
        await desk.run(lambda work: act(work, one))
    except TrunklineError as error:
        return _act_given(one, FAILED, str(error))
    return _act_given(one, DONE, "")


async def _proved(desk: Desk, one: _One) -> ActGiven:
    """Wait for what the network says to the first of many."""
    loop = asyncio.get_running_loop()
    until = loop.time() + FIRST_S
    while loop.time() < until:
        verdict = await desk.read(lambda work: _verdict(work, one))
        if verdict is not None:
            return _act_given(one, DONE if verdict == DONE else FAILED, "" if verdict == DONE else verdict)
        await asyncio.sleep(POLL_S)
    return _act_given(one, FAILED, f"not confirmed within {FIRST_S:.0f} s: is a worker running?")


def _verdict(work: Work, one: _One) -> str | None:
    """Done, why not, or None while nobody knows."""
    order = views.get(work, one.order_id)
    if order.state is OrderState.HELD:
        return order.reason or "it is held again"
    if order.state not in OPEN_ORDERS:
        return DONE
    steps = [s for s in views.steps(work, one.order_id) if (s.element, s.key) == (one.element, one.key)]
    ended = all(step.state in views.SETTLED for step in steps)
    return DONE if order.phase is Phase.DO and ended else None


def _act_given(one: _One, outcome: str, message: str) -> ActGiven:
    return ActGiven(**one._asdict(), outcome=outcome, message=message)


def _given(work: Work, row: Fallout) -> FalloutGiven:
    known = {name: getattr(row, name) for name in FalloutGiven.model_fields if name != "transcript"}
    if row.taken_until is not None and row.taken_until <= work.now:
        known["taken_by"] = known["taken_until"] = None
    return FalloutGiven(transcript=f"{BASE}/orders/{row.order_id}/transcript", **known)
