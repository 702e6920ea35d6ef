"""Who moves the orders: the workers that share the database, what each holds, and how one is told to end."""

from __future__ import annotations

import asyncio
from datetime import datetime

from gateway.verbs.core import BASE, Asks, Desk, Gives, Nothing, Page, Verb, writing
from kernel.tables import from_micros
from kernel.work import Work
from oss.orders import leases


class WorkerNamed(Asks):
    """One worker."""

    worker: str


class WorkerGiven(Gives):
    """A worker: `working`, `draining` (it finishes what is in flight and ends) or `lost` (others have its lanes)."""

    id: str
    label: str
    state: str
    since: datetime
    seen: datetime
    lanes: int
    in_flight: int
    holds: tuple[str, ...]


class WorkerTold(Gives):
    """A worker that was told to end."""

    id: str
    state: str


async def _listed(desk: Desk, asked: Nothing) -> Page[WorkerGiven]:
    """Every worker, the longest at work first; a lost one for a day."""
    found = await asyncio.wrap_future(desk.gateway.database.read_system(leases.seen))
    return Page(items=[_given(each) for each in found], total=len(found))


listed: Verb[Nothing, Page[WorkerGiven]] = Verb(
    "worker.list",
    "GET",
    f"{BASE}/workers",
    Nothing,
    Page[WorkerGiven],
    200,
    "Every worker, the longest at work first; a lost one for a day.",
    edge=_listed,
    reads=True,
)


@writing("worker.drain", "/workers/{worker}/drain")
def drain(work: Work, asked: WorkerNamed) -> WorkerTold:
    """Tell a worker to claim nothing more, finish what is in flight, give its lanes back, and end."""
    leases.drain(work, asked.worker)
    work.audit("workerDrained", f"worker/{asked.worker}")
    return WorkerTold(id=asked.worker, state="draining")


def _given(each: leases.Seen) -> WorkerGiven:
    return WorkerGiven(
        id=each.name,
        label=each.label,
        state=each.state,
        since=from_micros(each.since),
        seen=from_micros(each.seen),
        lanes=len(each.lanes),
        in_flight=each.in_flight,
        holds=each.lanes,
    )
