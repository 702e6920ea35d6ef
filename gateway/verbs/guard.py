"""The blast radius: how many lines were cut, what is held for a second person, and the kill switch."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from gateway.verbs.core import Asks, Gives, Nothing, Page, reading, writing
from kernel.errors import Invalid
from kernel.work import Work
from oss.inventory.model import ServiceId
from oss.orders import guard, views
from oss.orders import service as orders
from oss.orders.machine import OrderState
from oss.orders.model import CutHold, OrderId, Verb


class CutsAsked(Asks):
    """Held cuts that somebody stands behind: some by name, or all that wait now."""

    order_ids: list[OrderId] = Field(default_factory=list, max_length=guard.PAGE)
    everything: bool = False


class SwitchAsked(Asks):
    """Why the switch is moved."""

    why: str


class StopGiven(Gives):
    """Why no cut is sent, and by whom; `everywhere` for every tenant."""

    everywhere: bool
    why: str
    stopped_by: str
    stopped_at: datetime


class RadiusGiven(Gives):
    """How many lines were cut in 24 hours, how many may be, and what waits or is stopped."""

    cuts: int
    limit: int
    left: int
    lines: int
    usual: int
    held: int
    stopped: StopGiven | None


class HeldCutGiven(Gives):
    """An order that would cut more than may be cut, and who placed it."""

    order_id: OrderId
    service_id: ServiceId
    verb: Verb
    requested_by: str
    held_at: datetime
    reason: str


class ClearedGiven(Gives):
    """A cut that goes on now, or waits for its turn."""

    order_id: OrderId
    state: OrderState


@reading("guard.show", "/guard")
def show(work: Work, asked: Nothing) -> RadiusGiven:
    """How far the tenant is from the limit of its blast radius, and whether the kill switch is on."""
    return _radius(work)


@reading("guard.list", "/guard/held")
def listed(work: Work, asked: Nothing) -> Page[HeldCutGiven]:
    """The cuts that wait for a second person, the oldest first."""
    found = [_held(work, row) for row in guard.held(work)]
    return Page(items=found, total=len(found))


@writing("guard.approve", "/guard/approvals")
def approve(work: Work, asked: CutsAsked) -> Page[ClearedGiven]:
    """Stand behind held cuts as the second person: they go on, and the word is good for 24 hours."""
    if asked.everything == bool(asked.order_ids):
        raise Invalid("name some orders, or take everything", field="order_ids", fix="one of the two")
    chosen = [row.order_id for row in guard.held(work)] if asked.everything else asked.order_ids
    placed = [orders.approve(work, order_id) for order_id in sorted(set(chosen))]
    found = [ClearedGiven(order_id=each.order_id, state=each.state) for each in placed]
    return Page(items=found, total=len(found))


@writing("guard.stop", "/guard/stop")
def stop(work: Work, asked: SwitchAsked) -> RadiusGiven:
    """Send no cut of this tenant from the next turn on; what restores goes on."""
    guard.stop(work, why=asked.why)
    return _radius(work)


@writing("guard.resume", "/guard/resume")
def resume(work: Work, asked: SwitchAsked) -> RadiusGiven:
    """Let this tenant's cuts go again."""
    guard.resume(work, why=asked.why)
    return _radius(work)


@writing("platform-guard.stop", "/platform-guard/stop")
def stop_everywhere(work: Work, asked: SwitchAsked) -> RadiusGiven:
    """Send no cut of any tenant from the next turn on."""
    guard.stop(work, why=asked.why, everywhere=True)
    return _radius(work)


@writing("platform-guard.resume", "/platform-guard/resume")
def resume_everywhere(work: Work, asked: SwitchAsked) -> RadiusGiven:
    """Let every tenant's cuts go again, but for those with a switch of their own."""
    guard.resume(work, why=asked.why, everywhere=True)
    return _radius(work)


def _radius(work: Work) -> RadiusGiven:
    work.flush()
    found, switch = guard.radius(work), guard.stopped(work, int(work.tenant))
    return RadiusGiven(
        **{name: getattr(found, name) for name in ("cuts", "limit", "left", "lines", "usual")},
        held=len(guard.held(work)),
        stopped=None
        if switch is None
        else StopGiven(
            everywhere=switch.scope != int(work.tenant),
            why=switch.why,
            stopped_by=switch.stopped_by,
            stopped_at=switch.stopped_at,
        ),
    )


def _held(work: Work, row: CutHold) -> HeldCutGiven:
    order = views.get(work, row.order_id)
    told = {name: getattr(row, name) for name in ("order_id", "requested_by", "held_at", "reason")}
    return HeldCutGiven(service_id=order.service_id, verb=order.verb, **told)
