"""Many lines restricted or opened again in a few statements; each that cannot be is named and hinders no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from bss.subscriptions.machine import LIVE, SubscriptionState
from bss.subscriptions.model import Cause, RestrictionBilling, RestrictionBillingId, Subscription, SubscriptionId
from bss.subscriptions.service import STANDING
from kernel.errors import Conflict, NotFound, TrunklineError
from kernel.time import local_date
from kernel.work import Work
from oss.inventory import many as inventory
from oss.inventory.many import Lifted, Wish, among, chunks
from oss.inventory.model import RestrictionId
from oss.orders.model import OrderId, Verb
from oss.orders.place_many import place_many


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one line: its order, none when there was nothing to do, or why it could not be."""

    order_id: OrderId | None = None
    lifted: tuple[Lifted, ...] = ()
    error: TrunklineError | None = None


def restrict(work: Work, wishes: Mapping[SubscriptionId, Wish], *, parent: str) -> dict[SubscriptionId, Done]:
    """Stop many lines, each wholly or outgoing only, in class bulk."""
    done: dict[SubscriptionId, Done] = {}
    lines = _found(work, wishes, STANDING, done, fix="only a line that is up, or coming up, is restricted")
    services = {line.service_id: wishes[line.id] for line in lines.values()}
    placed = inventory.restrict(work, services, placed_by=work.actor.name)
    begun = []
    for line in lines.values():
        match placed[line.service_id]:
            case TrunklineError() as error:
                done[line.id] = Done(error=error)
            case None:
                done[line.id] = Done()
            case RestrictionId() as number:
                begun.append((line, number))
    _begin_billing(work, [(line, number, wishes[line.id]) for line, number in begun])
    return done | _ordered(work, [line for line, _ in begun], Verb.RESTRICT, parent=parent)


def lift(work: Work, causes: Mapping[SubscriptionId, Cause], *, parent: str) -> dict[SubscriptionId, Done]:
    """Take back the restrictions of one cause from many lines, and no other."""
    done: dict[SubscriptionId, Done] = {}
    lines = _found(work, causes, LIVE, done, fix="it has ended")
    lifted = inventory.lift(work, {line.service_id: causes[line.id] for line in lines.values()})
    _end_billing(work, [(line, each.id) for line in lines.values() for each in lifted[line.service_id]])
    opened = [line for line in lines.values() if lifted[line.service_id]]
    going = [line for line in opened if line.state is SubscriptionState.PENDING_TERMINATE]
    done |= {line.id: Done() for line in lines.values() if line not in opened or line in going}
    placed = _ordered(work, [line for line in opened if line not in going], Verb.LIFT, parent=parent)
    told = {line.id: tuple(lifted[line.service_id]) for line in opened}
    return done | {each: Done(placed[each].order_id, told[each], placed[each].error) for each in placed}


def _ordered(work: Work, lines: Collection[Subscription], verb: Verb, *, parent: str) -> dict[SubscriptionId, Done]:
    placed = place_many(work, [line.service_id for line in lines], verb=verb, parent=parent)
    return {line.id: Done(placed[line.service_id]) for line in lines}


def _found(
    work: Work,
    ids: Collection[SubscriptionId],
    states: Collection[SubscriptionState],
    done: dict[SubscriptionId, Done],
    *,
    fix: str,
) -> dict[SubscriptionId, Subscription]:
    """The lines in one of the states, held until the commit; the others are done with an error."""
    lines = by_ids(work, ids, hold=True)
    for wanted in ids:
        line = lines.get(wanted)
        if line is None:
            missing = NotFound(
                f"no subscription {wanted}", field="subscription_id", fix="see trunkline subscription list"
            )
            done[wanted] = Done(error=missing)
        elif line.state not in states:
            done[wanted] = Done(error=Conflict(f"{wanted} is {line.state}", field="subscription_id", fix=fix))
    return {number: line for number, line in lines.items() if number not in done}


def by_ids(work: Work, ids: Collection[SubscriptionId], *, hold: bool = False) -> dict[SubscriptionId, Subscription]:
    """The tenant's subscriptions of those ids, in a few statements."""
    work.flush()
    found: dict[SubscriptionId, Subscription] = {}
    for some in chunks(ids):
        query = sa.select(Subscription).where(Subscription.tenant == work.tenant, among(work, Subscription.id, some))
        query = query.order_by(Subscription.id).execution_options(populate_existing=True)
        found |= {line.id: line for line in work.session.scalars(query.with_for_update() if hold else query)}
    return found


# ---- free days


def _begin_billing(work: Work, begun: Collection[tuple[Subscription, RestrictionId, Wish]]) -> None:
    """From today on each counts as restricted; its prices say whether they are free then."""
    made = [
        {
            "tenant": work.tenant,
            "id": RestrictionBillingId.new(),
            "restriction_id": number,
            "subscription_id": line.id,
            "cause": wish.cause,
            "level": wish.level,
            "from_date": local_date(work.now, line.zone),
        }
        for line, number, wish in begun
    ]
    if made:
        work.connection.execute(sa.insert(RestrictionBilling), made)


def _end_billing(work: Work, ended: Collection[tuple[Subscription, RestrictionId]]) -> None:
    """Today is charged again."""
    line_of = {number: line for line, number in ended}
    for some in chunks(line_of):
        mine = (RestrictionBilling.tenant == work.tenant, among(work, RestrictionBilling.restriction_id, some))
        for row in work.session.scalars(sa.select(RestrictionBilling).where(*mine)):
            if row.until_date is None:
                row.until_date = max(local_date(work.now, line_of[row.restriction_id].zone), row.from_date)
