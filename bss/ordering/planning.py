"""What an order asks for, looked up and checked: its lines, what it owes on its first day, what it reserves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bss.catalog import service as catalog
from bss.catalog.model import Offering
from bss.customers import service as customers
from bss.customers.model import BillingAccount
from bss.ordering import starting
from bss.ordering.estimate import Estimate, New, estimate
from bss.ordering.machine import PRODUCT_ORDER
from bss.ordering.model import Action, ProductOrder, ProductOrderItem
from bss.ordering.request import ItemRequest, SubmitRequest
from bss.subscriptions import changing
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import LIVE, SUBSCRIPTION, SubscriptionMove
from bss.subscriptions.model import Subscription, SubscriptionId
from kernel.errors import Conflict, Invalid, NotFound
from kernel.money import Money
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.model import ServiceId
from oss.orders.model import OrderId


@dataclass(frozen=True, slots=True)
class Line:
    """An item with what it names: the offering (that of a line which ends), and the line unless it is new."""

    item: ItemRequest
    offering: Offering
    subscription: Subscription | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked order: what it will owe on its first day; `gated` when it waits for a payment."""

    account: BillingAccount
    lines: tuple[Line, ...]
    estimate: Estimate
    gated: bool

    @property
    def owed(self) -> Money:
        """On its first day, tax included."""
        return self.estimate.total


def plan(work: Work, request: SubmitRequest) -> Plan:
    """Look everything up; changes nothing. Raises Invalid, NotFound or Conflict, which name field and fix."""
    starting.check(request.start_at, work.now)
    account = customers.account(work, request.account_id)
    lines = tuple(_line(work, account, item) for item in request.items)
    _check_relations(work, account, lines)
    first = _owed(work, account, lines)
    owed = first.total
    if owed and request.method_id is None and account.payment_terms_days == 0:
        message = f"{owed} is owed at once and {account.id} has no days to pay"
        raise Invalid(message, field="method_id", fix="give a payment method of the account")
    return Plan(account, lines, first, gated=bool(owed) and request.method_id is not None)


class Ids(Protocol):
    """What an item goes by."""

    @property
    def subscription_id(self) -> SubscriptionId:
        """Its line."""
        ...

    @property
    def service_id(self) -> ServiceId:
        """The line's service."""
        ...

    @property
    def service_order_id(self) -> OrderId | None:
        """The order for it, when that is known beforehand."""
        ...


@dataclass(frozen=True, slots=True)
class _Fresh:
    subscription_id: SubscriptionId
    service_id: ServiceId
    service_order_id: OrderId | None = None


def reserve(work: Work, order: ProductOrder, planned: Plan, *, held: Sequence[Ids] = ()) -> list[ProductOrderItem]:
    """The rows of an order's items, each new line's service reserved with all it needs, or nothing at all.

    What is `held` already, item by item, is used as it is.
    """
    ids = held or [_ids(work, line) for line in planned.lines]
    return [_row(work, order, number, line, ids[number - 1]) for number, line in enumerate(planned.lines, 1)]


def reserved(work: Work, line: Line, subscription_id: SubscriptionId, *, until: datetime | None = None) -> ServiceId:
    """The service of a new line, reserved until an instant, by default for as long as an unpaid order lasts."""
    return inventory.create(
        work,
        line.offering.specification,
        profile=_profile(line.item, line.offering),
        owner=str(subscription_id),
        protected=line.item.protected,
        resources=line.item.resources,
        until=until,
    ).id


def _ids(work: Work, line: Line) -> Ids:
    if line.subscription is not None:
        return _Fresh(line.subscription.id, line.subscription.service_id)
    subscription_id = SubscriptionId.new()
    return _Fresh(subscription_id, reserved(work, line, subscription_id))


def _row(work: Work, order: ProductOrder, number: int, line: Line, ids: Ids) -> ProductOrderItem:
    return ProductOrderItem(
        tenant=work.tenant,
        order_id=order.id,
        number=number,
        action=line.item.action,
        state=PRODUCT_ORDER.initial,
        offering=line.offering.code,
        offering_hash=line.offering.hash,
        prices=[price.stored() for price in line.offering.prices],
        quantity=line.item.quantity,
        subscription_id=ids.subscription_id,
        service_id=ids.service_id,
        service_order_id=ids.service_order_id,
        on_error=line.item.on_error,
    )


def _line(work: Work, account: BillingAccount, item: ItemRequest) -> Line:
    if item.subscription_id is None:
        offering = _offering(work, account, item)
        _profile(item, offering)
        return Line(item, offering, None)
    subscription = subscriptions.get(work, item.subscription_id)
    if subscription.account_id != account.id:
        message = f"{account.id} has no subscription {subscription.id}"
        raise NotFound(message, field="subscription_id", fix="see trunkline subscription list")
    if item.action is Action.MODIFY:
        offering = _offering(work, account, item)
        changing.check(work, subscription, offering)
        return Line(item, offering, subscription)
    if item.action is Action.DELETE:
        SUBSCRIPTION.after(subscription.state, SubscriptionMove.TERMINATE)
    elif subscription.state not in LIVE:
        message = f"{subscription.id} is {subscription.state}"
        raise Conflict(
            message, field="subscription_id", fix="leave the item out: only a line that is can stay as it is"
        )
    return Line(item, catalog.offering(work, subscription.offering, subscription.offering_hash), subscription)


def _offering(work: Work, account: BillingAccount, item: ItemRequest) -> Offering:
    offering = catalog.offering(work, item.offering or "")
    if offering.currency != account.currency:
        message = f"{offering.code} is priced in {offering.currency}, {account.id} pays in {account.currency}"
        raise Invalid(message, field="currency", fix=f"order it on an account in {offering.currency}")
    return offering


def _profile(item: ItemRequest, offering: Offering) -> dict[str, str]:
    """What the offering fixes and the item adds. Raises Invalid for an item that overwrites what was priced."""
    for name in item.characteristics:
        if name in offering.characteristics:
            message = f"{offering.code} fixes it at {offering.characteristics[name]}"
            raise Invalid(message, field=f"characteristics.{name}", fix="leave it out, or order another offering")
    return {**offering.characteristics, **item.characteristics}


def _check_relations(work: Work, account: BillingAccount, lines: tuple[Line, ...]) -> None:
    """Whether what the account will have fits together: nothing missing, nothing that excludes, nothing left alone."""
    leaving = {
        line.subscription.offering
        for line in lines
        if line.subscription is not None and line.item.action in (Action.DELETE, Action.MODIFY)
    }
    if not leaving and not any(line.offering.requires or line.offering.excludes for line in lines):
        return
    touched = {line.subscription.id for line in lines if line.subscription is not None}
    had = [each for each in subscriptions.of_account(work, account.id) if each.state in LIVE and each.id not in touched]
    codes = {each.offering for each in had}
    codes |= {line.offering.code for line in lines if line.item.action is not Action.DELETE}
    for line in lines:
        if line.item.action is not Action.DELETE:
            _check_one(line.offering, codes)
    if gone := leaving - codes:
        _check_left(work, had, gone)


def _check_one(offering: Offering, codes: Collection[str]) -> None:
    missing = sorted(set(offering.requires) - set(codes))
    clashing = sorted(set(offering.excludes) & (set(codes) - {offering.code}))
    if missing:
        message = f"{offering.code} needs {', '.join(missing)}"
        raise Invalid(message, field="offering", fix="order it together with them")
    if clashing:
        message = f"{offering.code} excludes {', '.join(clashing)}"
        raise Invalid(message, field="offering", fix="end the other line first")


def _check_left(work: Work, had: Sequence[Subscription], gone: Collection[str]) -> None:
    """Refuse to take away what another line of the account needs."""
    for each in had:
        lost = sorted(set(catalog.offering(work, each.offering, each.offering_hash).requires) & set(gone))
        if lost:
            message = f"{each.id} ({each.offering}) needs {', '.join(lost)}"
            raise Invalid(message, field="subscription_id", fix=f"end {each.id} in the same order, or first")


def _owed(work: Work, account: BillingAccount, lines: tuple[Line, ...]) -> Estimate:
    new = [New(line.offering.prices, line.item.quantity) for line in lines if line.item.action is Action.ADD]
    return estimate(work, account, new)
