"""Orders: submitted by customers (`por_`), placed with the network (`sor_`); their state, story and words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from bss.customers.model import AccountId
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.ordering.machine import ProductOrderState
from bss.ordering.model import Action, ProductOrder, ProductOrderId
from bss.subscriptions.model import SubscriptionId
from gateway import timeline as story
from gateway.verbs import store
from gateway.verbs.core import Asks, Gives, Page, PageAsked, href, reading, writing
from gateway.verbs.once import IDEMPOTENCY
from kernel.errors import Conflict, Invalid
from kernel.ids import Id
from kernel.money import Money
from kernel.work import Work
from oss.inventory.model import ServiceId
from oss.orders import people, views
from oss.orders import service as orders
from oss.orders.machine import OrderState
from oss.orders.model import OrderId, ServiceOrder, TaskId, Verb
from oss.specs.tasks import TaskKind


class OrderAsked(Asks):
    """What is ordered for an account; the same key with the same body is the same order; `plan` is its checksum.

    It begins at `start_at`, at once unless told.
    """

    account_id: AccountId
    items: list[dict[str, Any]] = Field(min_length=1, max_length=requests.ITEMS)
    method_id: str | None = None
    atomic: bool = True
    start_at: datetime | None = None
    plan: str | None = None
    key: str


class OrderNamed(Asks):
    """One order, of a customer or of the network."""

    order_id: str


class OrdersAsked(PageAsked):
    """Which orders."""

    account_id: AccountId | None = None


class StepGiven(Gives):
    """One step on one element or, by its `kind`, of an event, a person or an instant (`task_id`)."""

    seq: int
    name: str
    element: str
    key: str
    state: str
    attempt: int
    error: str | None
    wanted: dict[str, Any]
    waits_for: str | None = None
    kind: TaskKind = TaskKind.COMMAND
    task_id: TaskId | None = None


class ServiceOrderGiven(Gives):
    """An order to the network about one service."""

    id: OrderId
    service_id: ServiceId
    verb: Verb
    state: OrderState
    parent: str | None
    generation: int
    placed_at: datetime
    completed_at: datetime | None
    reason: str | None
    steps: list[StepGiven]


class ItemGiven(Gives):
    """One line's part of an order."""

    number: int
    action: Action
    state: ProductOrderState
    offering: str
    subscription_id: SubscriptionId
    service_order_id: OrderId | None
    reason: str | None


class GateGiven(Gives):
    """Something an order waits for."""

    name: str
    deadline: datetime | None
    opened_at: datetime | None
    closed_at: datetime | None
    reason: str | None


class OrderGiven(Gives):
    """An order: `items` and `gates` of a customer's, `service_orders` with their steps of either kind."""

    id: str
    href: str
    state: str
    account_id: AccountId | None = None
    amount: str | None = None
    currency: str | None = None
    method_id: str | None = None
    submitted_at: datetime
    start_at: datetime | None = None
    ended_at: datetime | None
    reason: str | None
    items: list[ItemGiven] = Field(default_factory=list)
    gates: list[GateGiven] = Field(default_factory=list)
    service_orders: list[ServiceOrderGiven] = Field(default_factory=list)


class MomentGiven(Gives):
    """One entry of an order's story: a fact, an act of a person, or what was said with an element."""

    at: datetime
    kind: str
    order_id: str
    what: str
    detail: dict[str, Any]
    actor: str


class WordsGiven(Gives):
    """The words exchanged in one attempt of one step, secrets masked."""

    order_id: OrderId
    seq: int
    attempt: int
    text: str


@writing("order.submit", "/orders", status=201, headers=IDEMPOTENCY)
def submit(work: Work, asked: OrderAsked) -> OrderGiven:
    """Order something for an account: all it needs is reserved, its prices are frozen, and it waits at its gates."""
    request = requests.read(asked.model_dump(mode="json"))
    return _product(work, ordering.submit(work, request))


@reading("order.show", "/orders/{order_id}")
def show(work: Work, asked: OrderNamed) -> OrderGiven:
    """An order with its items, its gates and every step of it."""
    return shown(work, asked)


@reading("order.list", "/orders")
def listed(work: Work, asked: OrdersAsked) -> Page[OrderGiven]:
    """Customers' orders, the newest first, of one account or of all."""
    where = () if asked.account_id is None else (ProductOrder.account_id == asked.account_id,)
    rows, total = store.page(work, ProductOrder, asked, *where)
    return Page(items=[_product(work, row) for row in rows], total=total)


@reading("order.timeline", "/orders/{order_id}/timeline")
def timeline(work: Work, asked: OrderNamed) -> Page[MomentGiven]:
    """Everything that happened to an order, was said for it and done about it, in the order of its happening."""
    ids = service_ids(work, asked.order_id)
    subjects: list[Id] = list(ids)
    if not asked.order_id.startswith(f"{OrderId.prefix}_"):
        subjects.insert(0, product_id(asked.order_id))
    moments = [MomentGiven(order_id=m.about, **_told(m)) for m in story.of_orders(work, subjects, ids)]
    return Page(items=moments, total=len(moments))


@reading("order.transcript", "/orders/{order_id}/transcript")
def transcript(work: Work, asked: OrderNamed) -> Page[WordsGiven]:
    """The words exchanged with the elements for an order, secrets masked."""
    words = [
        WordsGiven(order_id=order_id, seq=seq, attempt=attempt, text=text)
        for order_id in service_ids(work, asked.order_id)
        for seq, attempt, text in views.transcript(work, order_id)
    ]
    return Page(items=words, total=len(words))


@writing("order.retry", "/orders/{order_id}/retry")
def retry(work: Work, asked: OrderNamed) -> OrderGiven:
    """Let what of an order waits for a person go on."""
    ids = service_ids(work, asked.order_id)
    held = [order_id for order_id in ids if views.get(work, order_id).state is OrderState.HELD]
    if not held:
        raise Conflict(f"nothing of {asked.order_id} is held", field="order_id", fix="see trunkline fallout list")
    for order_id in held:
        people.check_free(work, order_id)
        orders.retry(work, order_id)
    work.flush()
    work.session.expire_all()
    return shown(work, asked)


def _told(moment: story.Moment) -> dict[str, Any]:
    return {name: getattr(moment, name) for name in ("at", "kind", "what", "detail", "actor")}


def of_network(text: str) -> bool:
    """Whether an id is that of an order to the network, and not of a customer's."""
    return text.startswith(f"{OrderId.prefix}_")


def shown(work: Work, asked: OrderNamed) -> OrderGiven:
    """An order of either kind."""
    if of_network(asked.order_id):
        return _service(work, views.get(work, _service_id(asked.order_id)))
    return _product(work, ordering.get(work, product_id(asked.order_id)))


def service_ids(work: Work, text: str) -> list[OrderId]:
    """The orders to the network that an id stands for. Raises Invalid or NotFound."""
    if of_network(text):
        return [views.get(work, _service_id(text)).id]
    order = ordering.get(work, product_id(text))
    return [row.id for row in views.of_parent(work, str(order.id))]


def product_id(text: str) -> ProductOrderId:
    """A customer's order by its id. Raises Invalid."""
    try:
        return ProductOrderId.parse(text)
    except Invalid as error:
        raise Invalid(error.message, field="order_id", fix="an order's id begins with por_ or sor_") from error


def _service_id(text: str) -> OrderId:
    try:
        return OrderId.parse(text)
    except Invalid as error:
        raise Invalid(error.message, field="order_id", fix=error.fix) from error


def _product(work: Work, row: ProductOrder) -> OrderGiven:
    return OrderGiven(
        id=str(row.id),
        href=href("orders", row.id),
        state=row.state,
        account_id=row.account_id,
        amount=Money(row.amount_minor, row.currency).plain(),
        currency=row.currency,
        method_id=row.method_id,
        submitted_at=row.submitted_at,
        start_at=row.start_at,
        ended_at=row.ended_at,
        reason=row.reason,
        items=[ItemGiven.model_validate(item) for item in ordering.items(work, row.id)],
        gates=[GateGiven.model_validate(gate) for gate in ordering.gates(work, row.id)],
        service_orders=[_placed(work, order) for order in views.of_parent(work, str(row.id))],
    )


def _service(work: Work, row: ServiceOrder) -> OrderGiven:
    return OrderGiven(
        id=str(row.id),
        href=href("orders", row.id),
        state=row.state,
        submitted_at=row.placed_at,
        ended_at=row.completed_at,
        reason=row.reason,
        service_orders=[_placed(work, row)],
    )


def _placed(work: Work, row: ServiceOrder) -> ServiceOrderGiven:
    steps = [StepGiven.model_validate(step) for step in views.steps(work, row.id)]
    fields = {name: getattr(row, name) for name in ServiceOrderGiven.model_fields if name != "steps"}
    return ServiceOrderGiven(steps=steps, **fields)
