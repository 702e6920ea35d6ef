"""Whose an event is: the subscription, the phase and the period that it falls into at the instant it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bss.catalog.model import Price
from bss.subscriptions import phases as price_phases
from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import PricePhase, PricePhaseId, Subscription, SubscriptionId
from bss.usage import screen, store
from bss.usage.model import Reason, Rejected, UsageEvent
from kernel.time import Span, local_date, period_containing
from kernel.work import Work
from oss.inventory.model import Binding, ServiceId


@dataclass(frozen=True, slots=True)
class Owned:
    """An event with its owner, its price and its period; `day` is local to the owner."""

    event: UsageEvent
    kind: str
    value: str
    subscription: Subscription
    phase: PricePhase
    price: Price
    day: date
    period: Span


class Owners:
    """What is known about the identities of one delivery, read in a few statements."""

    def __init__(self, work: Work, events: Sequence[UsageEvent]) -> None:
        identities = {screen.identity(event) for event in events}
        self._bindings: dict[tuple[str, str], list[Binding]] = {}
        for binding in store.bindings(work, identities):
            self._bindings.setdefault((binding.kind, binding.value), []).append(binding)
        services = {binding.service_id for rows in self._bindings.values() for binding in rows}
        self._subscriptions = subscriptions.by_services(work, services)
        self._phases: dict[SubscriptionId, list[PricePhase]] = {}
        for phase in subscriptions.phases(work, [found.id for found in self._subscriptions.values()]):
            self._phases.setdefault(phase.subscription_id, []).append(phase)
        self._periods: dict[tuple[PricePhaseId, date], tuple[Price, Span]] = {}

    def resolve(self, event: UsageEvent) -> Owned | Rejected:
        """The owner of an event, or why it has none."""
        kind, value = screen.identity(event)
        service = self._service(event, kind, value)
        if isinstance(service, Rejected):
            return service
        subscription = self._subscriptions.get(service)
        if subscription is None:
            return Rejected(event, Reason.NO_SUBSCRIPTION, f"{kind} {value} serves nobody's subscription")
        return self._priced(event, kind, value, subscription)

    def _service(self, event: UsageEvent, kind: str, value: str) -> ServiceId | Rejected:
        intervals = self._bindings.get((kind, value), [])
        if not intervals:
            return Rejected(event, Reason.UNKNOWN_IDENTITY, f"{kind}: {value} was never bound to a service")
        found = {binding.service_id for binding in intervals if _covers(binding, event.at)}
        if not found:
            detail = f"{kind}: {value} was bound to nobody at {event.at.isoformat()}"
            return Rejected(event, Reason.OUTSIDE_BINDING, detail)
        if len(found) > 1:
            detail = f"{kind}: {value} stood for several services at {event.at.isoformat()}"
            return Rejected(event, Reason.AMBIGUOUS_IDENTITY, detail)
        return found.pop()

    def _priced(self, event: UsageEvent, kind: str, value: str, subscription: Subscription) -> Owned | Rejected:
        day = local_date(event.at, subscription.zone)
        mine = self._phases.get(subscription.id, [])
        phase = price_phases.in_force(mine, meter=event.meter, day=day)
        if phase is None:
            meters = sorted({each.meter for each in mine if each.meter is not None})
            if event.meter not in meters:
                detail = f"meter: {subscription.offering} has {', '.join(meters) or 'none'}, not {event.meter}"
                return Rejected(event, Reason.UNKNOWN_METER, detail)
            detail = f"at: {subscription.id} is not charged for {event.meter} on {day.isoformat()}"
            return Rejected(event, Reason.OUTSIDE_SUBSCRIPTION, detail)
        price, period = self._period(phase, day)
        return Owned(event, kind, value, subscription, phase, price, day, period)

    def _period(self, phase: PricePhase, day: date) -> tuple[Price, Span]:
        known = self._periods.get((phase.id, day))
        if known is None:
            price = price_phases.sold(phase)
            known = (price, period_containing(phase.anchor, price.unit, day, count=price.count))
            self._periods[phase.id, day] = known
        return known


def _covers(binding: Binding, at: datetime) -> bool:
    return binding.from_at <= at and (binding.to_at is None or at < binding.to_at)
