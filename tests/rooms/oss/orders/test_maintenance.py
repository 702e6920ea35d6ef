"""An element on which somebody works hears nothing; what is for it waits and counts no failure."""

from __future__ import annotations

import pytest

from kernel.database import Database
from oss.inventory import elements
from oss.orders import views
from oss.orders.machine import OrderState
from tests.rooms.oss.orders.town import CLERK, OPERATOR, Town


@pytest.fixture
def town(database: Database) -> Town:
    """A town with stock and nobody in it yet."""
    return Town(database).build()


def test_nothing_is_sent_to_an_element_in_maintenance(town: Town) -> None:
    town.do(lambda work: elements.withdraw(work, "hlr"))
    service = town.line()
    assert town.turn([]) == []
    found = town.database.read(lambda work: views.of_service(work, service), tenant=OPERATOR, actor=CLERK)
    (order,) = found.result()
    steps = town.database.read(lambda work: views.steps(work, order.id), tenant=OPERATOR, actor=CLERK).result()
    assert steps[0].waits_for == "hlr is in maintenance"
    town.do(lambda work: elements.reinstate(work, "hlr"))
    town.settle()
    found = town.database.read(lambda work: views.get(work, order.id).state, tenant=OPERATOR, actor=CLERK)
    assert found.result() is OrderState.COMPLETED
