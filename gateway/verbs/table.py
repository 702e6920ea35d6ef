"""Every verb of the house in one table: what roles may be granted, what the API serves."""

from __future__ import annotations

from typing import Any

from gateway.verbs import (
    access,
    accounts,
    alarms,
    approvals,
    billing,
    bulk,
    calling_off,
    customers,
    dialects,
    doctor,
    documents,
    dunning,
    elements,
    fallout,
    guard,
    incidents,
    invoices,
    moves,
    orders,
    payments,
    planning,
    porting,
    story,
    subscriptions,
    tasks,
    usage,
    windows,
    workers,
)
from gateway.verbs.core import Verb

_MODULES = (
    customers,
    accounts,
    orders,
    planning,
    bulk,
    subscriptions,
    moves,
    porting,
    approvals,
    usage,
    invoices,
    billing,
    payments,
    dunning,
    fallout,
    guard,
    incidents,
    story,
    tasks,
    alarms,
    calling_off,
    elements,
    windows,
    dialects,
    doctor,
    workers,
    access,
)

VERBS: tuple[Verb[Any, Any], ...] = (
    *(value for module in _MODULES for value in vars(module).values() if isinstance(value, Verb)),
    *(verb for nouns in (documents.APPLY, documents.SHOW, documents.LIST) for verb in nouns.values()),
)

BY_NAME = {verb.name: verb for verb in VERBS}
"""The same by name, as the command line asks for them."""
