"""One story of an order or of a line: facts, words exchanged, people's acts, payments and dunning, as they happened."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bss.dunning import service as dunning
from bss.invoices import service as invoices
from bss.ordering import store as ordered
from bss.payments import service as payments
from bss.subscriptions.model import Subscription
from gateway.verbs import store
from kernel import audit
from kernel.ids import Id
from kernel.work import Work
from oss.inventory import store as evidence
from oss.orders import views
from oss.orders.model import OrderId

ACTS = 2_000
"""People's acts in one story at most."""
WORDS = 200
"""Orders of one line whose words are told at most: the newest."""
_ORDER = {"act": 0, "deed": 1, "said": 2, "fact": 3}
"""At one instant: what somebody did, what was said for it, what became of it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry: `kind` is fact, act (a person's), said (with an element, secrets masked) or deed (of dunning)."""

    at: datetime
    kind: str
    about: str
    what: str
    detail: dict[str, Any]
    actor: str


def of_orders(work: Work, subjects: Sequence[Id], order_ids: Sequence[OrderId]) -> list[Moment]:
    """The story of some orders of customers and of the network."""
    return _sorted([*_facts(work, subjects), *_acts(work, subjects), *_said(work, order_ids)])


def of_line(work: Work, line: Subscription) -> list[Moment]:
    """The story of a subscription: its orders, its restrictions, its account's bills and payments, its dunning."""
    orders = [row.id for row in views.of_service(work, line.service_id)]
    restrictions = [row.id for row in evidence.restrictions(work, line.service_id)]
    asked = [item.order_id for item in ordered.items_of(work, line.id)]
    bills = [row.id for row in invoices.listed(work, account_id=line.account_id)]
    paid = [row.id for row in payments.of_account(work, line.account_id)]
    case = dunning.of_account(work, line.account_id)
    cases = [] if case is None else [case.id]
    subjects: list[Id] = [line.id, line.service_id, *asked, *orders, *restrictions, *bills, *paid, *cases]
    told = [*_facts(work, subjects), *_acts(work, subjects), *_said(work, orders[:WORDS]), *_deeds(work, line)]
    return _sorted(told)


def _sorted(moments: Collection[Moment]) -> list[Moment]:
    return sorted(moments, key=lambda moment: (moment.at, _ORDER[moment.kind]))


def _facts(work: Work, subjects: Sequence[Id]) -> list[Moment]:
    names = {int(subject): str(subject) for subject in subjects}
    rows = store.story(work, subjects)
    return [Moment(r.at, "fact", names[r.subject], r.kind, json.loads(r.body), r.actor) for r in rows]


def _acts(work: Work, subjects: Sequence[Id]) -> list[Moment]:
    found = audit.acts(work.connection, work.tenant, [str(subject) for subject in subjects], limit=ACTS)
    return [Moment(r.at, "act", r.subject, r.action, json.loads(r.detail), r.actor) for r in found]


def _said(work: Work, order_ids: Sequence[OrderId]) -> list[Moment]:
    found = []
    for order_id in order_ids:
        steps = {step.seq: step for step in views.steps(work, order_id)}
        for said in views.words(work, order_id):
            step = steps.get(said.seq)
            where = {} if step is None else {"step": step.name, "element": step.element, "key": step.key}
            detail = {**where, "attempt": said.attempt, "words": said.text}
            element = "" if step is None else step.element
            found.append(Moment(said.at, "said", str(order_id), "exchange", detail, element))
    return found


def _deeds(work: Work, line: Subscription) -> list[Moment]:
    case = dunning.of_account(work, line.account_id)
    if case is None:
        return []
    return [
        Moment(
            act.at,
            "deed",
            str(case.id),
            str(act.deed),
            {"rung": act.rung, "owed_minor": act.owed_minor, "currency": act.currency},
            "dunning",
        )
        for act in dunning.history(work, case.id)
        if act.subscription_id in (None, line.id)
    ]
