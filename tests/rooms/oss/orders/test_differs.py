"""What somebody else changed at an element is replaced, held for a person, or kept, as the element's policy says."""

from __future__ import annotations

import pytest

from kernel.database import Database
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory.model import Differs, ServiceId
from oss.inventory.store import confirmations
from oss.orders import people, views
from oss.orders import service as orders
from oss.orders.machine import OrderState
from oss.orders.model import Verb
from tests.rooms.oss.orders.town import CLERK, IMSI, OPERATOR, Town

PLACE = ("subscriber", IMSI)


@pytest.fixture
def town(database: Database) -> Town:
    """A town with one line on, whose rate somebody changed by hand at the HLR."""
    return Town(database).build()


def changed_by_hand(town: Town) -> ServiceId:
    service = town.line()
    town.settle()
    town.hlr.states[PLACE] = {**town.hlr.states[PLACE], "rate": "64"}

    def change(work: Work) -> None:
        inventory.reshape(work, service, profile={"profile": "HOME100"})
        orders.place(work, service, intent=inventory.intent(work, service), verb=Verb.MODIFY)

    town.do(change)
    town.settle()
    return service


def newest(town: Town, service: ServiceId) -> OrderState:
    return town.database.read(lambda w: views.of_service(w, service)[0].state, tenant=OPERATOR, actor=CLERK).result()


def test_unless_told_it_is_replaced(town: Town) -> None:
    service = changed_by_hand(town)
    assert newest(town, service) is OrderState.COMPLETED
    assert town.hlr.states[PLACE] == {"present": True, "profile": "HOME100", "bar": "none", "rate": "full"}


def test_held_it_says_nothing_and_a_retry_replaces_what_was_seen(town: Town) -> None:
    town.wary = {"hlr": Differs.HOLD}
    service = changed_by_hand(town)
    assert newest(town, service) is OrderState.HELD
    (row,) = town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
    assert (row.cause, row.element) == ("differs", "hlr")
    assert row.message == "subscriber on hlr: it is not as it was left: rate was full, is 64"
    assert town.hlr.states[PLACE]["profile"] == "HOME500"
    town.hlr.states[PLACE] = {**town.hlr.states[PLACE], "rate": "32"}
    town.do(lambda work: people.retry(work, row.id))
    town.settle()
    assert newest(town, service) is OrderState.HELD
    (row,) = town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
    town.do(lambda work: people.retry(work, row.id))
    town.settle()
    assert newest(town, service) is OrderState.COMPLETED
    assert town.hlr.states[PLACE] == {"present": True, "profile": "HOME100", "bar": "none", "rate": "full"}


def test_adopted_it_stays_and_only_what_was_ordered_changes(town: Town) -> None:
    town.wary = {"hlr": Differs.ADOPT}
    service = changed_by_hand(town)
    assert newest(town, service) is OrderState.COMPLETED
    assert town.hlr.states[PLACE] == {"present": True, "profile": "HOME100", "bar": "none", "rate": "64"}
    proofs = town.database.read(lambda w: confirmations(w, service, limit=9), tenant=OPERATOR, actor=CLERK).result()
    assert [p.wanted["rate"] for p in proofs if p.element == "hlr" and p.wanted["profile"] == "HOME100"] == ["64"]


def test_what_is_there_before_it_was_ever_set_is_held(town: Town) -> None:
    town.wary = {"hlr": Differs.HOLD}
    town.hlr.states[PLACE] = {"present": True, "profile": "OLD", "bar": "none", "rate": "full"}
    service = town.line()
    town.settle()
    assert newest(town, service) is OrderState.HELD
    (row,) = town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
    assert row.message == "subscriber on hlr: it is not as it was left: something is there already"


def test_what_is_as_it_was_left_or_as_wanted_goes_on(town: Town) -> None:
    town.wary = dict.fromkeys(("hlr", "olt", "broker"), Differs.HOLD)
    service = town.line()
    town.settle()
    assert newest(town, service) is OrderState.COMPLETED
